"""interrupt: machines stop, disks stay."""

from __future__ import annotations

from collections.abc import Coroutine

from cloudclusters.base.cloud import InstanceState, Market
from cloudclusters.base.gather import gather
from cloudclusters.base.table import shorten
from cloudclusters.errors import NotSupported
from cloudclusters.lifecycle import links
from cloudclusters.lifecycle.claims import KEPT
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.keepalive import claim
from cloudclusters.lifecycle.machines import has_state, instances, look, wait_for
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.remaining import keeping, remaining
from cloudclusters.lifecycle.state import check_possible, describe_name
from cloudclusters.lifecycle.verb import running
from cloudclusters.provider.protocol import CanStop
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState


async def interrupt(ctx: Context, cluster: str) -> ClusterRecord:
    """Stop all machines of a cluster and keep their disks; what the processes held is lost.

    Waits until they are stopped: from then on only disks are paid. Raises `NotSupported` where the provider
    cannot stop machines (the cluster is unharmed), `IllegalState`, `ProviderError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "interrupt", now=ctx.clock.now())
    await ctx.opened(record.holding.provider)
    provider = stopper(ctx, record, "interrupt")
    _check_markets(ctx, record)
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
        await verb.write(await _stopped(ctx, seen, verb.lease))
    return verb.record


def _check_markets(ctx: Context, record: ClusterRecord) -> None:
    """Raise `NotSupported` for spot machines, before anything is touched, where they cannot be stopped."""
    provider = record.holding.provider
    spot = [node.name for node in record.nodes if node.offer.market is Market.SPOT]
    if spot and not ctx.provider(provider).traits.stops_spot:
        are = "are spot machines" if len(spot) > 1 else "is a spot machine"
        raise NotSupported(
            f"{shorten(spot)} {are}, which {provider} cannot stop: interrupt is not possible; cluster "
            f"{describe_name(record)} is unharmed",
            hint="terminate the cluster, or use market=on-demand for clusters that shall be interrupted",
        )


async def _stopped(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    """Wait for the stop of every machine; meanwhile say what is kept, and claim it for long: nobody can ask it."""
    stopped = has_state(InstanceState.STOPPED)
    waiting = wait_for(ctx, record, stopped, what="the stop of every machine", lease=lease)
    works: tuple[Coroutine[object, object, object], ...] = (
        waiting,
        remaining(ctx, record.holding),
        claim(ctx, record, lasts=KEPT),
    )
    seen, remains, _ = await gather(works)
    assert isinstance(seen, ClusterRecord)
    assert isinstance(remains, tuple)
    return keeping(ctx, seen, remains)


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
