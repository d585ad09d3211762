"""Putting the limits of a record in force: at its provider, and with the agents of its nodes."""

from __future__ import annotations

from cloudclusters.base.gather import gather
from cloudclusters.errors import NodeError, NodeUnreachable, SeveralFailed
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.limiting import send_limits
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.provider.protocol import CanEnd
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

LIMITS = "limits"
"""The journal's word for a change of limits."""
_RUNS = (ClusterState.RUNNING, ClusterState.BROKEN)


async def enforce(ctx: Context, record: ClusterRecord, lease: Lease, *, power_off: bool) -> list[str]:
    """Tell the agents, and with `power_off` the provider what that means; the names of the nodes that were not told.

    May be repeated. Why a node was not told is told to the listener. Raises `ProviderError`.
    """
    provider = await ctx.opened(record.holding.provider)
    if power_off and isinstance(provider, CanEnd):
        await patiently(ctx, lease, lambda: provider.at_power_off(record.holding, record.limits.at_limit))
    if record.state not in _RUNS:
        return []  # who starts them again tells them
    links = dict(
        zip((n.name for n in record.nodes), await gather(_link(ctx, record, n) for n in record.nodes), strict=True)
    )
    answering = {name: link for name, link in links.items() if link is not None}
    head = record.nodes[0].name
    if head not in answering:  # the others would not know whom to ask
        return list(links)
    try:
        await send_limits(ctx, record, answering)
    except (NodeError, SeveralFailed) as exc:
        ctx.tell(record.handle, "not told", exc.message)
        return list(links)
    return [name for name in links if name not in answering]


async def _link(ctx: Context, record: ClusterRecord, node: NodeRecord) -> Link | None:
    try:
        return await open_one(ctx, record, node, patience=0)
    except NodeUnreachable as exc:
        ctx.tell(record.handle, "not told", exc.message, node=node.name)
        return None
