"""simulate_interruption: a notice as the cloud would give it, and then the loss of the machine."""

from __future__ import annotations

import asyncio

from cloudclusters.base.notice import INTERRUPTION, KINDS
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import InvalidContract, LeaseHeld
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.links import ask, open_one
from cloudclusters.lifecycle.machines import PATIENCE
from cloudclusters.lifecycle.replacing import node_of
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord, NodeRecord

LONGEST = 3600.0
"""Seconds that a notice may last."""


async def simulate_interruption(
    ctx: Context, cluster: str, node: str, *, notice: float = 120.0, kind: str = INTERRUPTION
) -> ClusterRecord:
    """Have a node's agent act as if the provider had given notice, and after it delete the machine as the cloud would.

    Waits `notice` seconds. A `rebalance` is only recommended: no machine is deleted. Raises `UnknownName`,
    `InvalidContract`, `IllegalState`, `NodeError`, `ProviderError`.
    """
    if kind not in KINDS:
        raise InvalidContract(f"kind={kind!r} is unknown", hint=f"the kinds are {', '.join(KINDS)}")
    if isinstance(notice, bool) or not isinstance(notice, int | float) or not 0 <= notice <= LONGEST:
        raise InvalidContract(f"notice={notice!r} is not a number of seconds from 0 to {LONGEST:g}")
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "exec")
    wanted = node_of(record, node)
    link = await open_one(ctx, record, wanted, patience=0)
    await ask(link, "notice", kind=kind, action="terminate", seconds=notice)
    if kind == INTERRUPTION:
        await _until_its_end(ctx, record, node, notice)
        await _take_back(ctx, record, wanted)
    return await ctx.door(ctx.store.record, cluster)


async def _until_its_end(ctx: Context, record: ClusterRecord, node: str, notice: float) -> None:
    """Wait out the notice; who stops that learns what the node is like now, as its agent has acted already."""
    try:
        await ctx.clock.sleep(notice)
    except asyncio.CancelledError:
        again = f"`cloudclusters restart {record.name or record.handle}` starts fresh ones"
        ctx.tell(record.handle, "kept", f"its machine stays, without workers: {again}", node=node)
        raise


async def _take_back(ctx: Context, record: ClusterRecord, node: NodeRecord) -> None:
    """Ask for the machine's end, as soon as nobody else is at work on the cluster."""
    assert node.instance is not None
    provider, ids = await ctx.opened(record.holding.provider), [node.instance.id]

    async def attempt() -> bool:
        try:
            async with held(ctx, record.handle, "simulate-interruption") as lease:
                await ctx.act(lease, provider.terminate, record.holding, ids)
        except LeaseHeld as exc:
            ctx.tell(record.handle, "waiting", exc.message)
            return False
        return True

    pace = Pace(first=0.2, most=5.0)
    await wait_until(attempt, bool, clock=ctx.clock, timeout=PATIENCE, pace=pace, what="the lease of the cluster")
