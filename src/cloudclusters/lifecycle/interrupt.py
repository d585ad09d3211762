"""interrupt: machines stop, disks stay."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import NotSupported
from cloudclusters.lifecycle import links
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.machines import has_state, instances, look, wait_for
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.state import check_possible, describe_name
from cloudclusters.lifecycle.verb import running
from cloudclusters.provider.protocol import CanStop
from cloudclusters.store.record import ClusterRecord, ClusterState


async def interrupt(ctx: Context, cluster: str) -> ClusterRecord:
    """Stop all machines of a cluster and keep their disks; what the processes held is lost.

    Waits until they are stopped: from then on only disks are paid. Raises `NotSupported` where the provider
    cannot stop machines (the cluster is unharmed), `IllegalState`, `ProviderError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "interrupt")
    await ctx.opened(record.holding.provider)
    provider = stopper(ctx, record, "interrupt")
    async with running(ctx, cluster, "interrupt", ClusterState.INTERRUPTING, ClusterState.INTERRUPTED) as verb:
        seen = await look(ctx, verb.record)
        ids = [i.id for i in instances(seen, InstanceState.RUNNING, InstanceState.PENDING)]
        await links.close_all(ctx, cluster)
        for node in seen.nodes:
            ctx.tell(cluster, "stopping", node=node.name)
        before, verb.unharmed = verb.unharmed, None
        try:
            if ids:
                await patiently(ctx, verb.lease, lambda: provider.stop(seen.holding, ids))
        except NotSupported:  # such machines cannot be stopped: not one was
            verb.unharmed = before
            raise
        stopped = has_state(InstanceState.STOPPED)
        await verb.write(await wait_for(ctx, seen, stopped, what="the stop of every machine", lease=verb.lease))
    return verb.record


def stopper(ctx: Context, record: ClusterRecord, verb: str) -> CanStop:
    """The cluster's provider as one that can stop machines, or `NotSupported`."""
    provider = ctx.provider(record.holding.provider)
    if not isinstance(provider, CanStop):
        raise NotSupported(
            f"{record.holding.provider} cannot stop machines and keep their disks: {verb} is not possible; "
            f"cluster {describe_name(record)} is unharmed",
            hint="save your results and use terminate",
        )
    return provider
