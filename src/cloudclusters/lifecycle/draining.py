"""Emptying nodes before they go: their workers hand over their results and end, and nobody starts them again."""

from __future__ import annotations

from collections.abc import Collection

from cloudclusters.base.gather import gather
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.links import ask, open_one
from cloudclusters.lifecycle.processes import STOP
from cloudclusters.store.record import ClusterRecord, NodeRecord

GRACE = 120.0
"""Seconds that the tasks of a node which leaves may take to end; after that they are begun anew on another."""


async def drain(ctx: Context, record: ClusterRecord, names: Collection[str]) -> None:
    """Let the workers of these nodes end their tasks, hand over their results and leave; waits until they have.

    May be repeated. A node that does not answer has nothing more to give: its tasks are begun anew by the engine.
    """
    with_workers = {process.node for process in record.layout.processes if process.kind is Kind.WORKER}
    going = [node for node in record.nodes if node.name in names and node.name in with_workers]
    await gather(_drained(ctx, record, node) for node in going)


async def _drained(ctx: Context, record: ClusterRecord, node: NodeRecord) -> None:
    ctx.tell(record.handle, "draining", node=node.name)
    try:
        link = await open_one(ctx, record, node, patience=0)
        await ask(link, "retire", within=GRACE + STOP, names=None, grace=GRACE)
    except NodeError as exc:
        ctx.tell(record.handle, "not drained", exc.message, node=node.name)
