"""reconnect and refresh: what is seen, instead of what is remembered."""

from __future__ import annotations

import msgspec

from cloudclusters.errors import LeaseHeld, LeaseLost, NodeError, ProviderError, WaitTimeout
from cloudclusters.lifecycle.by_itself import look_again
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import write_config
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.reconcile import reconciled
from cloudclusters.lifecycle.remaining import in_state
from cloudclusters.lifecycle.seeing import seen_state
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord, ClusterState


async def reconnect(ctx: Context, cluster: str) -> ClusterRecord:
    """Take up a cluster of an earlier program: look at its machines and processes, and record what is seen.

    Processes are not touched: pids of those still alive are kept. Finishes or undoes what a dead process left.
    Machines that let go of themselves are the end of the cluster, or its interruption. Raises `IllegalState` for a
    terminated cluster, `LeaseHeld` while another process runs a verb on it,
    `ProviderError` when the provider cannot be asked (nothing is changed then).
    """
    async with held(ctx, cluster, "reconnect") as lease:
        record = await reconciled(ctx, await ctx.door(ctx.store.record, cluster), lease)
        check_allowed(record, "reconnect")
        record = await look_again(ctx, record, lease)
        check_allowed(record, "reconnect")
        state, reason = await seen_state(ctx, record)
        if state is not record.state or reason != record.reason:
            record = await in_state(ctx, record, state, reason)
        record = await ctx.write(record, lease)
        await ctx.door(write_config, ctx, record)
        ctx.tell(cluster, record.state.value, record.reason)
    return record


async def refresh(ctx: Context, cluster: str) -> ClusterRecord:
    """Look once and record what is seen; while another process runs a verb, what is stored is returned."""
    try:
        async with held(ctx, cluster, "refresh") as lease:
            record = await reconciled(ctx, await ctx.door(ctx.store.record, cluster), lease)
            if record.state is ClusterState.TERMINATED:
                return record
            record = await look_again(ctx, record, lease)
            if record.state is ClusterState.TERMINATED:
                return record
            state, reason = await seen_state(ctx, record)
            if state is not record.state:
                record = await in_state(ctx, record, state, reason)
            record = msgspec.structs.replace(record, reason=reason)
            return await ctx.write(record, lease)
    except (LeaseHeld, LeaseLost):
        return await ctx.door(ctx.store.record, cluster)


async def why_gone(ctx: Context, cluster: str) -> str:
    """Why the machines of a cluster that does not answer are gone or stopped, when they let go of themselves.

    Looks once, as `refresh`. Empty when it was something else, or when nobody can be asked: then only that is known.
    """
    try:
        record = await refresh(ctx, cluster)
    except (ProviderError, NodeError, WaitTimeout) as exc:
        ctx.tell(cluster, "not seen", exc.message)
        return ""
    return record.reason if record.state in (ClusterState.TERMINATED, ClusterState.INTERRUPTED) else ""
