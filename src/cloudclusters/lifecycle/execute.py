"""exec: a command on the nodes, with its output streamed and its exit code passed through."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cloudclusters.base.gather import gather
from cloudclusters.base.near import near
from cloudclusters.errors import UnknownName
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.links import open_all
from cloudclusters.lifecycle.reaching import working_directory
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.remote.channel import NotStarted
from cloudclusters.store.record import ClusterRecord, NodeRecord

Heard = Callable[[str, int, str], None]
"""Told the node, the file descriptor (1 or 2) and the text."""


async def execute(
    ctx: Context,
    cluster: str,
    argv: Sequence[str],
    *,
    nodes: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    heard: Heard,
) -> dict[str, int]:
    """Run a command on all nodes of a cluster, or on those named; returns its exit code by node.

    Waits for the end of all; when cancelled the commands are killed. Raises `IllegalState`, `NodeError`, and
    `NotStarted` for a command that no node can begin.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "exec")
    wanted = chosen(record, nodes)
    links = await open_all(ctx, wanted, patience=0)

    async def one(node: NodeRecord, link: Link) -> int:
        code = 0
        variables = {**rank_variables(record, node.name), **(env or {})}
        run = link.stream("run", argv=list(argv), env=variables, cwd=working_directory(record, node))
        try:
            async with contextlib.aclosing(run) as events:
                async for event in events:
                    if "text" in event:
                        heard(node.name, int(str(event["fd"])), str(event["text"]))
                    else:
                        code = int(str(event["code"]))
        except NotStarted as exc:
            raise NotStarted(
                f"{node.name} cannot start {argv[0]!r}: {exc.reason}",
                hint="name a program there (a shell's words need `sh -c '…'`), and a `directory` that can be made",
            ) from exc
        return code

    codes = await gather(one(node, links[node.name]) for node in wanted.nodes)
    return dict(zip(links, codes, strict=True))


def chosen(record: ClusterRecord, nodes: Sequence[str]) -> ClusterRecord:
    """The record with these nodes only, or with all when none is named; raises `UnknownName`."""
    names = [node.name for node in record.nodes]
    for name in nodes:
        if name not in names:
            raise UnknownName(
                f"cluster {record.handle} has no node {name!r}{near(name, names)}",
                hint=f"its nodes: {', '.join(names)}",
            )
    if not nodes:
        return record
    return msgspec.structs.replace(record, nodes=tuple(node for node in record.nodes if node.name in nodes))


def rank_variables(record: ClusterRecord, node: str) -> dict[str, str]:
    """What programs on several nodes expect to find: rank, size, and where the first node answers."""
    compute = [n for n in record.nodes if n.slot.role != "manager"]
    names = [n.name for n in compute]
    head = record.nodes[0].instance
    variables = {
        "CLOUDCLUSTERS_CLUSTER": record.handle,
        "CLOUDCLUSTERS_NODE": node,
        "WORLD_SIZE": str(len(compute)),
        "MASTER_ADDR": head.inner_address if head else "",
    }
    if node in names:
        variables["RANK"] = str(names.index(node))
    return variables
