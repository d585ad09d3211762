"""Logs of processes: read from the agents while the nodes live, and kept here before the nodes go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cloudclusters.engine.protocol import Layout
from cloudclusters.errors import NodeError, NodeUnreachable, UnknownName
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.links import ask, open_one
from cloudclusters.store.record import ClusterRecord, ClusterState

KEPT_LINES = 20_000
"""Lines kept of each log when its node goes."""
KEEPING = 10.0
"""Seconds that keeping the logs may delay the deletion of machines."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text that a process wrote."""

    node: str
    process: str
    text: str


class LogFile(msgspec.Struct, frozen=True):
    """A log on a node: one life of one process."""

    name: str
    life: str
    bytes: int = 0
    modified: float = 0.0


def folder(home: Path, cluster: str) -> Path:
    """Where the logs of nodes that are gone are kept."""
    return home / "logs" / cluster


async def keep(ctx: Context, record: ClusterRecord) -> None:
    """Copy the logs of every node that answers, before it goes; takes at most `KEEPING` seconds.

    Where nothing was ever to be started there are none, and nobody is asked.
    """
    if record.layout == Layout():
        return
    try:
        async with asyncio.timeout(KEEPING), asyncio.TaskGroup() as group:
            for node in record.nodes:
                if node.instance is not None and node.instance.endpoint is not None:
                    group.create_task(_keep_node(ctx, record, node.name))
    except TimeoutError:
        ctx.tell(record.handle, "logs", f"not all logs could be kept within {KEEPING:g} s")


async def _keep_node(ctx: Context, record: ClusterRecord, node: str) -> None:
    try:
        link = await _link(ctx, record, node)
        for file in await _files(link):
            pieces = link.stream("log", name=file.name, life=file.life, tail=KEPT_LINES)
            text = "".join([str(piece["text"]) async for piece in pieces])
            await ctx.door(_save, folder(ctx.home, record.handle) / node / f"{file.name}.{file.life}.log", text)
    except (NodeError, OSError) as exc:  # a full disk must not keep machines alive
        ctx.tell(record.handle, "logs", f"no logs of {node}: {exc}", node="")


def _save(path: Path, text: str) -> None:
    for place in reversed(path.parents[:3]):  # `mkdir(parents=True)` would make the upper ones by the umask alone
        place.mkdir(exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(text)


async def _link(ctx: Context, record: ClusterRecord, node: str) -> Link:
    found = next((n for n in record.nodes if n.name == node), None)
    if found is None:
        names = ", ".join(n.name for n in record.nodes)
        raise UnknownName(f"cluster {record.handle} has no node {node!r}", hint=f"its nodes: {names}")
    return await open_one(ctx, record, found, patience=0)


async def _files(link: Link) -> list[LogFile]:
    return msgspec.convert((await ask(link, "logs"))["files"], list[LogFile])


async def read(
    ctx: Context, record: ClusterRecord, *, node: str = "", tail: int | None = 100, follow: bool = False
) -> AsyncIterator[Piece]:
    """The logs of the cluster's processes, or of one node's; those kept when its machines are gone.

    With `follow` goes on as they grow, until cancelled. Raises `NodeError`, `UnknownName`.
    """
    names = [node] if node else [n.name for n in record.nodes]
    if record.state in (ClusterState.TERMINATED, ClusterState.INTERRUPTED):
        for kept in await ctx.door(_kept, folder(ctx.home, record.handle), names, tail):
            yield kept
        return
    queue: asyncio.Queue[Piece | None] = asyncio.Queue(1000)
    readers = asyncio.create_task(_read_all(ctx, record, names, tail=tail, follow=follow, into=queue))
    try:
        while (piece := await queue.get()) is not None:
            yield piece
        await readers
    finally:
        readers.cancel()
        await asyncio.gather(readers, return_exceptions=True)


async def _read_all(
    ctx: Context,
    record: ClusterRecord,
    names: list[str],
    *,
    tail: int | None,
    follow: bool,
    into: asyncio.Queue[Piece | None],
) -> None:
    async def one(link: Link, node: str, file: LogFile) -> None:
        request = link.stream("log", name=file.name, life=file.life, tail=tail, follow=follow)
        async with contextlib.aclosing(request) as events:
            async for event in events:
                await into.put(Piece(node, file.name, str(event["text"])))

    silent: list[str] = []
    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                try:
                    link = await _link(ctx, record, name)
                    files = sorted(await _files(link), key=lambda file: (file.name, file.modified))
                except NodeUnreachable:
                    silent.append(name)
                    continue
                if follow:
                    for file in {file.name: file for file in files}.values():
                        group.create_task(one(link, name, file))
                else:
                    for file in files:
                        await one(link, name, file)
    except asyncio.CancelledError:  # nobody reads any more
        raise
    except BaseException:
        await into.put(None)
        raise
    await into.put(None)
    if silent:
        raise NodeUnreachable(
            f"no logs of {', '.join(silent)}: {'it does' if len(silent) == 1 else 'they do'} not answer",
            hint=f"see `cloudclusters status {record.handle} --refresh`",
        )


def _kept(place: Path, names: list[str], tail: int | None) -> list[Piece]:
    pieces = []
    for node in names:
        for file in sorted((place / node).glob("*.log")):
            lines = file.read_text().splitlines(keepends=True)
            text = "".join(lines if tail is None else lines[-tail:])
            pieces.append(Piece(node, file.name.split(".")[0], text))
    return pieces
