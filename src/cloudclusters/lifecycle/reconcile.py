"""Finishing or undoing what a dead process left half-way."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.lifecycle.by_itself import look_again
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import is_due
from cloudclusters.lifecycle.draining import drain
from cloudclusters.lifecycle.enforcing import LIMITS, enforce
from cloudclusters.lifecycle.keepalive import claim_anew
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import close_steps, drop_nodes, let_go
from cloudclusters.lifecycle.machines import look
from cloudclusters.lifecycle.moving import after_move
from cloudclusters.lifecycle.remaining import in_state
from cloudclusters.lifecycle.seeing import seen_state
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState


async def reconcile(ctx: Context, cluster: str, *, more: bool = False) -> ClusterRecord:
    """Mend a cluster whose verb died, and return its record; one with a living verb raises `LeaseHeld`.

    A deploy that died is undone, a terminate finished, what a scale added or let go of is deleted; other verbs leave
    what is seen. May be repeated. `more`: it is not all that the caller does; see `held`.
    """
    async with held(ctx, cluster, "reconcile", more=more) as lease:
        return await reconciled(ctx, await ctx.door(ctx.store.record, cluster), lease)


async def reconciled(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    """As `reconcile`, under a lease that is held already; looks also where machines may have let go of themselves."""
    if record.state in ClusterState.under_way():
        record = await _mended(ctx, record, lease)
    elif is_due(record, ctx.clock.now()):
        record = await look_again(ctx, record, lease)
    for step in await ctx.door(ctx.store.open_steps, record.handle):
        if step.step == LIMITS:  # its driver died between the record and the agents or the machines' words
            await enforce(ctx, record, lease, power_off="at_limit" in step.intent)
            await claim_anew(ctx, record)
    await close_steps(ctx, record.handle, lease, f"reconciled: {record.state}")
    return record


async def _mended(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    ctx.tell(record.handle, "reconciling", f"a {record.state} was left unfinished")
    if record.state in (ClusterState.DEPLOYING, ClusterState.TERMINATING):
        reason = record.reason or f"its driver died while {record.state}"
        return await let_go(ctx, record, lease, reason=reason)
    unsettled = [node.name for node in record.nodes if node.unsettled]
    if unsettled:
        await drain(ctx, record, unsettled)
        record = await drop_nodes(ctx, record, lease, unsettled)
    record = await look(ctx, await after_move(ctx, record, lease))
    if record.state is ClusterState.SCALING:  # the nodes that stay were not touched
        state, reason = await seen_state(ctx, record)
    else:
        state, reason = _machines_state(record), f"a {record.state} was left unfinished"
    return await ctx.write(await in_state(ctx, record, state, reason), lease)


def _machines_state(record: ClusterRecord) -> ClusterState:
    states = {node.instance.state if node.instance else InstanceState.GONE for node in record.nodes}
    if states == {InstanceState.STOPPED}:
        return ClusterState.INTERRUPTED
    return ClusterState.BROKEN
