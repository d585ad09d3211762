"""resume: stopped machines start again, with fresh processes."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import NoCapacity
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.interrupt import stopper
from cloudclusters.lifecycle.launching import patiently
from cloudclusters.lifecycle.machines import has_state, instances, look, wait_for
from cloudclusters.lifecycle.processes import living, start_all
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.lifecycle.verb import running
from cloudclusters.store.record import ClusterRecord, ClusterState


async def resume(ctx: Context, cluster: str) -> ClusterRecord:
    """Start the machines of an interrupted cluster and fresh processes on them; pids are new.

    Waits until all workers are ready; from the start on the machines are paid. With no capacity the cluster
    stays interrupted (`NoCapacity`). Raises also `NotSupported`, `IllegalState`, `NodeError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "resume")
    provider = stopper(ctx, record, "resume")
    async with running(ctx, cluster, "resume", ClusterState.RESUMING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        ids = [i.id for i in instances(seen, InstanceState.STOPPED, InstanceState.STOPPING)]
        for node in seen.nodes:
            ctx.tell(cluster, "booting", node=node.name)
        before, verb.unharmed = verb.unharmed, None
        try:
            if ids:
                await patiently(ctx, verb.lease, lambda: provider.start(seen.holding, ids))
        except NoCapacity:
            verb.unharmed = before
            raise
        up = has_state(InstanceState.RUNNING)
        await verb.write(await wait_for(ctx, seen, up, what="a running machine for every node", lease=verb.lease))
        await verb.write(await start_all(ctx, verb.record))
        await living(ctx, verb.record)
    return verb.record
