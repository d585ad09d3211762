"""resume: stopped machines start again, with fresh processes."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import NoCapacity
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import settle_keys
from cloudclusters.lifecycle.interrupt import stopper
from cloudclusters.lifecycle.launching import patiently
from cloudclusters.lifecycle.machines import has_state, instances, look, wait_for
from cloudclusters.lifecycle.processes import living, start_all
from cloudclusters.lifecycle.state import check_possible
from cloudclusters.lifecycle.verb import running
from cloudclusters.store.record import ClusterRecord, ClusterState


async def resume(ctx: Context, cluster: str) -> ClusterRecord:
    """Start the machines of an interrupted cluster and fresh processes on them; pids are new.

    Waits until all workers are ready; from the start on the machines are paid. With no capacity the cluster
    stays interrupted (`NoCapacity`). Raises also `NotSupported`, `IllegalState`, `NodeError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "resume")
    await ctx.opened(record.holding.provider)
    provider = stopper(ctx, record, "resume")
    async with running(ctx, cluster, "resume", ClusterState.RESUMING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        if not _settled(seen):
            seen = await wait_for(ctx, seen, _settled, what="the end of every stop", lease=verb.lease)
        ids = [i.id for i in instances(seen, InstanceState.STOPPED)]
        for node in seen.nodes:
            ctx.tell(cluster, "booting", node=node.name)
        before, verb.unharmed = verb.unharmed, None
        try:
            if ids:
                await patiently(ctx, verb.lease, lambda: provider.start(seen.holding, ids))
        except NoCapacity:
            left = await look(ctx, verb.record)
            if _states(left) == _states(seen):
                verb.unharmed = before
            else:  # some machines were started all the same, and are paid
                await verb.write(left)
            raise
        up = has_state(InstanceState.RUNNING)
        await verb.write(await wait_for(ctx, seen, up, what="a running machine for every node", lease=verb.lease))
        await start_all(ctx, verb.record, verb.write)
        await living(ctx, verb.record)
        await settle_keys(ctx, verb.record)
    return verb.record


def _settled(record: ClusterRecord) -> bool:
    """No machine is on its way to stop, where most providers refuse to start it."""
    return not instances(record, InstanceState.STOPPING)


def _states(record: ClusterRecord) -> dict[str, InstanceState]:
    return {node.name: node.instance.state for node in record.nodes if node.instance is not None}
