"""Getting the engine's processes onto the nodes: facts, environment, layout, start, ready."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

import msgspec

from cloudclusters.base.gather import gather
from cloudclusters.engine.protocol import Kind, Member
from cloudclusters.engine.registry import engine as find_engine
from cloudclusters.environment.protocol import Facts
from cloudclusters.errors import NodeError, WaitTimeout
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.links import ask, open_all, open_one
from cloudclusters.lifecycle.notices import notice_files
from cloudclusters.lifecycle.preparing import Preparation, agree, is_told_later, plan_nodes, prepare
from cloudclusters.lifecycle.reaching import working_directory
from cloudclusters.remote.status import ProcessStatus, process_status, process_statuses
from cloudclusters.store import Life
from cloudclusters.store.record import ClusterRecord, NodeRecord

START = 180.0
"""Seconds in which the processes of a node must be ready once started."""
STOP = 30.0
"""Seconds beyond the grace in which the processes of a node must have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A living process of a cluster, with the pid that names this life of it."""

    pid: int
    node: str
    name: str
    kind: Kind
    life: str
    os_pid: int
    state: str
    rss_bytes: int

    @property
    def full_name(self) -> str:
        """How the engine knows it: node, process and life."""
        return f"{self.node}/{self.name}/{self.life}"


NodeReady = Callable[[str], None]
"""Told the name of each node whose processes are all ready."""


async def lay_out(ctx: Context, record: ClusterRecord, *, anew: bool = False) -> tuple[ClusterRecord, Preparation]:
    """Meet every node, and return the record with the engine's layout for them, and their environment.

    `anew` captures the environment again, instead of what the cluster was last given.
    """
    links = await open_all(ctx, record)
    facts = dict(zip(links, await gather(_facts(link) for link in links.values()), strict=True))
    preparation = await plan_nodes(ctx, record, facts, anew=anew)
    members = _members(ctx, record, preparation)
    return msgspec.structs.replace(record, layout=find_engine(record.plan.engine).layout(members)), preparation


async def start_nodes(
    ctx: Context,
    record: ClusterRecord,
    preparation: Preparation,
    *,
    names: Collection[str] | None = None,
    told: NodeReady | None = None,
) -> None:
    """Bring environment and processes up on all nodes, or on these; returns when all are ready.

    May be repeated: what runs as asked is left alone. Raises `NodeError`, or a group of them.
    """
    secrets = await ctx.door(read_secrets, ctx, record)
    wanted = tuple(node for node in record.nodes if names is None or node.name in names)
    links = await open_all(ctx, msgspec.structs.replace(record, nodes=wanted))

    async def one(node: NodeRecord) -> None:
        link = links[node.name]
        if is_told_later(node, preparation):
            await _start_and_agree(ctx, record, node, link, preparation, secrets)
        else:
            await prepare(ctx, record, node, link, preparation)
            await _start_node(ctx, record, node, link, secrets)
        if told is not None:
            told(node.name)

    try:
        await gather(one(node) for node in wanted)
    finally:
        preparation.discard()


async def _start_and_agree(
    ctx: Context,
    record: ClusterRecord,
    node: NodeRecord,
    link: Link,
    preparation: Preparation,
    secrets: Mapping[str, bytes],
) -> None:
    """Start a node's processes, which tell their versions; to ask before would start one Python more.

    When they do not start, the environment is looked at, which may say why.
    """
    try:
        versions = await _start_node(ctx, record, node, link, secrets)
    except NodeError:
        await prepare(ctx, record, node, link, preparation)
        raise
    for theirs in versions:
        agree(record, node, preparation, theirs)
    if not versions:
        await prepare(ctx, record, node, link, preparation)


async def start_all(
    ctx: Context, record: ClusterRecord, write: Callable[[ClusterRecord], Awaitable[None]]
) -> ClusterRecord:
    """`lay_out` and `start_nodes` on all nodes, writing the record in between; returns it with its layout.

    Written before anything starts: whoever finds the processes later must know where they answer.
    """
    record, preparation = await lay_out(ctx, record, anew=True)
    await write(record)
    await start_nodes(ctx, record, preparation)
    return record


def read_secrets(ctx: Context, record: ClusterRecord) -> Mapping[str, bytes]:
    """The secrets of the cluster, made when there are none yet. Blocks."""
    engine = find_engine(record.plan.engine)
    place = keys.folder(ctx.home, record.handle)
    if not all((place / name).is_file() for name in engine.secrets):
        keys.write(ctx.home, record.handle, engine.make_secrets())
    return {name: keys.read(ctx.home, record.handle, name) for name in engine.secrets}


def _members(ctx: Context, record: ClusterRecord, preparation: Preparation) -> list[Member]:
    """Every node as the engine sees it."""
    facts = preparation.facts
    shared = len(record.nodes) if ctx.provider(record.holding.provider).traits.shared else 1
    return [
        Member(
            name=node.name,
            role=node.slot.role,
            index=node.slot.index,
            address=node.instance.inner_address if node.instance else "",
            processes=record.plan.node_process_count,
            vcpus=max(1, facts[node.name].vcpus // shared),
            memory_bytes=facts[node.name].memory_bytes // shared,
            python=preparation.ready[node.name].python,
        )
        for node in record.nodes
    ]


async def _facts(link: Link) -> Facts:
    said = await ask(link, "hello")
    return msgspec.convert({name: said[name] for name in Facts.__struct_fields__ if name in said}, Facts)


async def _start_node(
    ctx: Context,
    record: ClusterRecord,
    where: NodeRecord,
    link: Link,
    secrets: Mapping[str, bytes],
) -> list[dict[str, str]]:
    """Start the processes of a node and wait until they are ready; the versions that they tell."""
    node, cwd = where.name, working_directory(record, where)
    ctx.tell(record.handle, "starting", node=node)
    files = [
        {
            "path": f.path,
            "mode": f.mode,
            "base64": base64.b64encode(secrets[f.secret] if f.secret else f.text.encode()).decode(),
        }
        for f in record.layout.files
        if f.node in (node, "")
    ]
    await link.call("write", files=[*files, *await ctx.door(notice_files, ctx, record, where)])
    wanted = [p for p in record.layout.processes if p.node == node]
    said: list[object] = []
    if wanted:
        await link.call("start", processes=[_specification(p, cwd) for p in msgspec.to_builtins(wanted)])
        said = await _wait_ready(node, link, {p.name for p in wanted})
    ctx.tell(record.handle, "ready", node=node)
    return [each.versions for each in map(_ready_line, said) if each.versions]


def _specification(process: dict[str, object], cwd: str) -> dict[str, object]:
    wanted = {key: value for key, value in process.items() if key != "node"}
    return {**wanted, "cwd": cwd} if cwd else wanted


class ReadyLine(msgspec.Struct, frozen=True):
    """What of a ready line concerns the environment."""

    versions: dict[str, str] = {}


def _ready_line(said: object) -> ReadyLine:
    return msgspec.convert(said, ReadyLine) if isinstance(said, dict) else ReadyLine()


async def _wait_ready(node: str, link: Link, names: set[str]) -> list[object]:
    """Follow the agent's watch until all of these processes are ready; what they said. A failed one raises its log."""
    waiting, said = set(names), []
    try:
        async with asyncio.timeout(START), contextlib.aclosing(link.stream("watch")) as events:
            async for event in events:
                if "process" not in event:
                    continue
                status = process_status(event)
                if status.state == "failed" and status.name in names:
                    raise NodeError(f"{status.name} on {node} does not start:\n{await log_tail(link, status.name)}")
                if status.state == "ready" and status.name in waiting:
                    waiting.discard(status.name)
                    said.append(status.ready)
                if not waiting:
                    return said
    except TimeoutError as exc:
        tails = [f"{name}:\n{await log_tail(link, name)}" for name in sorted(waiting)]
        raise WaitTimeout(f"not ready on {node} within {START:g} s: " + "\n".join(tails)) from exc
    raise NodeError(f"the agent of {node} ended while {', '.join(sorted(waiting))} started")


async def log_tail(link: Link, name: str, *, lines: int = 20) -> str:
    """The last lines that the latest life of a process wrote."""
    return "".join([str(event["text"]) async for event in link.stream("log", name=name, tail=lines)])


async def stop_all(links: Mapping[str, Link], *, grace: float = 5.0) -> None:
    """Stop every process on these nodes; returns when they are gone."""
    await gather(ask(link, "stop", within=grace + STOP, names=None, grace=grace) for link in links.values())


async def living(ctx: Context, record: ClusterRecord, *, patience: float = 0.0) -> list[Worker]:
    """Every living process of the cluster, workers first, in node order, each with its pid.

    A node that does not answer contributes none, nor does one that `scale` still brings up.
    """
    started = {process.node for process in record.layout.processes}
    asked = [node for node in record.nodes if node.name in started]
    answers = await gather(_list(ctx, record, node.name, patience) for node in asked)
    found = [
        (Life(node.name, status.name, status.life), status)
        for node, statuses in zip(asked, answers, strict=True)
        for status in statuses
        if status.state in ("starting", "ready") and status.life
    ]
    found.sort(key=lambda pair: pair[1].kind is not Kind.WORKER)
    pids = await ctx.door(ctx.store.pids, record.handle, [life for life, _ in found])
    return [
        Worker(
            pid=pids[life],
            node=life.node,
            name=status.name,
            kind=status.kind,
            life=status.life,
            os_pid=status.os_pid or 0,
            state=status.state,
            rss_bytes=status.rss_bytes,
        )
        for life, status in found
    ]


def unanswered(ctx: Context, record: ClusterRecord) -> list[str]:
    """The nodes with processes whose agents did not answer when `living` asked them."""
    started = {process.node for process in record.layout.processes}
    return [n.name for n in record.nodes if n.name in started and (record.handle, n.name) not in ctx.links]


async def _list(ctx: Context, record: ClusterRecord, node: str, patience: float) -> list[ProcessStatus]:
    try:
        link = await open_one(ctx, record, next(n for n in record.nodes if n.name == node), patience=patience)
        return process_statuses(await ask(link, "list"))
    except NodeError:
        return []
