"""The nodes of a cluster for people, and the way from here to its scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cloudclusters.api.session import Session
from cloudclusters.base.loop import core_loop
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.entering import reached_at
from cloudclusters.lifecycle.links import open_one
from cloudclusters.store.record import ClusterRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A member of a cluster, as last seen."""

    name: str
    role: str
    state: str
    inner_address: str
    public_address: str
    instance: str
    instance_type: str
    hourly_usd: float | None


def members_of(record: ClusterRecord) -> list[Node]:
    """The nodes of a cluster, in order."""
    return [
        Node(
            name=node.name,
            role=node.slot.role,
            state=node.instance.state.value if node.instance else "requested",
            inner_address=node.instance.inner_address if node.instance else "",
            public_address=node.instance.public_address if node.instance else "",
            instance=node.instance.id if node.instance else "",
            instance_type=node.offer.instance_type,
            hourly_usd=node.offer.hourly_usd,
        )
        for node in record.nodes
    ]


def forwards_of(of: Session, record: ClusterRecord, *, name: str = "") -> dict[str, str]:
    """Where those answer here that ask who comes, or the one of this name: others on this machine reach it, too.

    Raises `NodeError`.
    """
    wanted = [f for f in record.layout.forwards if (f.name == name if name else f.guarded)]

    async def open_them() -> dict[str, str]:
        context, nodes = of.context, {node.name: node for node in record.nodes}
        ends = {f.node: await open_one(context, record, nodes[f.node], patience=0) for f in wanted}
        return {f.name: reached_at(record, f) or await ends[f.node].forward(f.address, f.port) for f in wanted}

    return core_loop().run(open_them())


def keys_of(of: Session, record: ClusterRecord) -> dict[str, str]:
    """The files with which its scheduler knows us; raises `NodeError` when they are gone."""
    from cloudclusters.engine.registry import engine

    found = keys.paths(of.home, record.handle, tuple(engine(record.plan.engine).secrets))
    if not all(Path(path).is_file() for path in found.values()):
        raise NodeError(
            f"the keys of {record.handle} are no longer in {keys.folder(of.home, record.handle)}",
            hint=f"`cloudclusters restart {record.handle}` makes new ones, with fresh workers",
        )
    return found
