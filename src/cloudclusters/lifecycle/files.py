"""put, get and sync: files to the nodes of a cluster and back, on all of them at once and each to its own end."""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from cloudclusters.base.gather import each_to_its_end
from cloudclusters.errors import CloudClustersError, InvalidContract, Remedy, SeveralFailed
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.execute import chosen
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.reaching import working_directory
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.remote.ssh.pack import Progress
from cloudclusters.remote.ssh.pack import Told as _Told
from cloudclusters.remote.ssh.tree import Load, load
from cloudclusters.store.record import ClusterRecord, NodeRecord

Told = Callable[[str, Progress], None]
"""Told the node, and how far its files are."""

_OF_THE_AGENT = ("node.json", "made.json", "synced", "environments")
"""An agent's own things in the node's directory, beside `agent.…`, its logs and the engine's files."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """What travelled to or from one node; for `sync` also what was there already, and what was deleted."""

    node: str
    files: int
    bytes: int
    unchanged: int = 0
    deleted: int = 0


class NotEverywhere(SeveralFailed):
    """Files travelled to some nodes only, or to none: `done` tells what did, `failures` the errors by node."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        failures: Mapping[str, CloudClustersError] | None = None,
        done: Mapping[str, Copied] | None = None,
    ) -> None:
        self.failures, self.done = dict(failures or {}), dict(done or {})
        super().__init__(message, hint=hint, errors=tuple(self.failures.values()))
        self.remedy = Remedy.FIX


async def put(
    ctx: Context, cluster: str, local: Path, remote: str = "", *, nodes: Sequence[str] = (), told: Told
) -> dict[str, Copied]:
    """Send a file or folder to all nodes of a cluster, or to those named; returns what travelled, by node.

    Without `remote` it keeps its name. Raises `IllegalState`, `NodeError`, `NotEverywhere`, `UnknownName`.
    """
    record = await _record(ctx, cluster, "put", nodes)
    what = await ctx.door(load, local)
    name = what.top.resolve().name if what.is_folder else what.entries[0].path
    _check_free(record, what, remote or name)

    async def work(node: NodeRecord, link: Link, hear: _Told) -> Copied:
        sent = await link.put(what, _target(record, node, remote or name), told=hear)
        return Copied(node=node.name, files=sent.files, bytes=sent.bytes)

    return await _each(ctx, record, work, told)


async def get(
    ctx: Context, cluster: str, remote: str, local: Path, *, nodes: Sequence[str] = (), told: Told
) -> dict[str, Copied]:
    """Fetch a file or folder from one node to `local`, or from several into `local/NODE/` under its own name.

    Returns what travelled, by node. Raises `IllegalState`, `NodeError`, `NotEverywhere`, `UnknownName`.
    """
    record = await _record(ctx, cluster, "get", nodes)
    name = posixpath.basename(posixpath.normpath(remote))
    several = len(record.nodes) > 1

    async def work(node: NodeRecord, link: Link, hear: _Told) -> Copied:
        place = local / node.name / ("" if name in (".", "..", "~") else name) if several else local
        came = await link.get(_target(record, node, remote), place, told=hear)
        return Copied(node=node.name, files=came.files, bytes=came.bytes)

    return await _each(ctx, record, work, told)


async def sync(
    ctx: Context,
    cluster: str,
    folder: Path,
    remote: str = "",
    *,
    delete: bool = False,
    nodes: Sequence[str] = (),
    told: Told,
) -> dict[str, Copied]:
    """Make a folder of all nodes, or of those named, have what this folder has; returns what travelled, by node.

    Without `remote` that is where commands start. With `delete`, what an earlier `sync` brought and is no longer here
    is deleted there. Raises `IllegalState`, `NodeError`, `NotEverywhere`, `UnknownName`.
    """
    record = await _record(ctx, cluster, "sync", nodes)
    what = await ctx.door(load, folder, contents=True)
    _check_free(record, what, remote)

    async def work(node: NodeRecord, link: Link, hear: _Told) -> Copied:
        done = await link.sync(what, _target(record, node, remote), delete=delete, told=hear)
        return Copied(
            node=node.name,
            files=done.sent.files,
            bytes=done.sent.bytes,
            unchanged=done.unchanged,
            deleted=done.deleted,
        )

    return await _each(ctx, record, work, told)


async def _record(ctx: Context, cluster: str, verb: str, nodes: Sequence[str]) -> ClusterRecord:
    """The record with the nodes that are meant."""
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, verb)
    return chosen(record, nodes)


async def _each(
    ctx: Context,
    record: ClusterRecord,
    work: Callable[[NodeRecord, Link, _Told], Awaitable[Copied]],
    told: Told,
) -> dict[str, Copied]:
    done: dict[str, Copied] = {}
    failures: dict[str, CloudClustersError] = {}

    async def one(node: NodeRecord) -> None:
        try:
            link = await open_one(ctx, record, node, patience=0)
            done[node.name] = await work(node, link, lambda progress: told(node.name, progress))
        except CloudClustersError as exc:
            failures[node.name] = exc

    await each_to_its_end(one(node) for node in record.nodes)
    if len(failures) == len(record.nodes) == 1:
        raise next(iter(failures.values()))
    if failures:
        raise _several(record, failures, done)
    return {node.name: done[node.name] for node in record.nodes}


def _several(
    record: ClusterRecord, failures: Mapping[str, CloudClustersError], done: Mapping[str, Copied]
) -> NotEverywhere:
    told = [f"{node.name}: {failures[node.name].message}" for node in record.nodes if node.name in failures]
    hints = dict.fromkeys(failure.hint for failure in failures.values() if failure.hint)
    title = f"{len(failures)} of {len(record.nodes)} nodes failed{'' if not done else ', the others are done'}"
    return NotEverywhere("\n  ".join([title, *told]), hint="; ".join(hints), failures=failures, done=done)


def _target(record: ClusterRecord, node: NodeRecord, remote: str) -> str:
    """A path as the node takes it: what is not absolute lies where commands start."""
    return (
        remote if remote == "~" or remote.startswith("~/") else posixpath.join(working_directory(record, node), remote)
    )


def _check_free(record: ClusterRecord, what: Load, remote: str) -> None:
    """Nothing that the agent or the engine needs may be overwritten in the node's directory."""
    to = _target(record, record.nodes[0], remote)
    if to.startswith(("/", "~")):
        return
    ours = {*_OF_THE_AGENT, *(file.path.split("/")[0] for file in record.layout.files)}
    is_inside = what.is_folder or posixpath.normpath(to) == "."
    for path in [entry.path for entry in what.entries] if is_inside else [""]:
        first, _, below = posixpath.normpath(posixpath.join(to, path)).partition("/")
        if first in ours or first.startswith("agent.") or (first == "logs" and not (below or what.is_folder)):
            raise InvalidContract(
                f"{first} in the directory of a node belongs to its agent",
                hint="name another place there, or give the cluster a working directory with the setting `directory`",
            )
