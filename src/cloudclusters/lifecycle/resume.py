"""resume: stopped machines start again, or others take their place, with fresh processes."""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import InstanceState
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import NoCapacity, WaitTimeout
from cloudclusters.lifecycle.affording import check_not_struck
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.interrupt import stopper
from cloudclusters.lifecycle.limiting import limit
from cloudclusters.lifecycle.machines import has_state, instances, look, wait_for
from cloudclusters.lifecycle.moving import move
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.processes import living, start_all
from cloudclusters.lifecycle.state import check_possible
from cloudclusters.lifecycle.verb import Running, running
from cloudclusters.provider.protocol import CanStop
from cloudclusters.store.record import ClusterRecord, ClusterState

_AGAIN = Pace(first=5.0, most=60.0, growth=1.5)
"""How often capacity is asked for that was not there."""


async def resume(ctx: Context, cluster: str, *, patience: float = 0.0, elsewhere: bool = False) -> ClusterRecord:
    """Start the machines of an interrupted cluster and fresh processes on them; pids are new.

    Waits until all workers are ready; from the start on the machines are paid. With no capacity it goes on asking for
    `patience` seconds; then, with `elsewhere`, the plan's other offers in the region are bought and the stopped
    machines deleted with their disks; else the cluster stays interrupted (`NoCapacity`). Raises also `NotSupported`,
    `IllegalState`, also when a limit of time or money has struck or does at the start, `NodeError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "resume", now=ctx.clock.now())
    await ctx.opened(record.holding.provider)
    provider = stopper(ctx, record, "resume")
    async with running(ctx, cluster, "resume", ClusterState.RESUMING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        check_not_struck(seen, ctx.clock.now())  # another home may have changed them
        if not _settled(seen):
            seen = await wait_for(ctx, seen, _settled, what="the end of every stop", lease=verb.lease)
        for node in seen.nodes:
            ctx.tell(cluster, "booting", node=node.name)
        before, verb.unharmed = verb.unharmed, None
        try:
            await _start(ctx, verb, provider, seen, patience)
        except NoCapacity as exc:
            seen = await _moved(ctx, verb, seen, exc, unharmed=before, elsewhere=elsewhere)
        up = has_state(InstanceState.RUNNING)
        seen = await wait_for(ctx, seen, up, what="a running machine for every node", lease=verb.lease)
        await verb.write(msgspec.structs.replace(seen, remains=seen.left_behind))
        await limit(ctx, verb.record, had=True)  # before what may take long: they go by those of before the stop
        await start_all(ctx, verb.record, verb.write)
        await living(ctx, verb.record)
        await settle(ctx, verb.record)
        await limit(ctx, verb.record)
    return verb.record


async def _moved(
    ctx: Context, verb: Running, seen: ClusterRecord, why: NoCapacity, *, unharmed: ClusterState | None, elsewhere: bool
) -> ClusterRecord:
    """The record with other machines, if that is wanted and none of the old ones was started; else raises `why`."""
    left = await look(ctx, verb.record)
    await verb.write(left)
    if _states(left) != _states(seen):  # these are paid
        raise why
    verb.unharmed = unharmed
    if not elsewhere:
        raise why
    verb.record = await move(ctx, left, verb.lease, why)
    verb.unharmed = None
    return verb.record


async def _start(ctx: Context, verb: Running, provider: CanStop, seen: ClusterRecord, patience: float) -> None:
    """Ask for the stopped machines to start, again and again for `patience` seconds; raises `NoCapacity`."""
    last: NoCapacity | None = None

    async def attempt() -> bool:
        nonlocal last
        stopped = instances(seen if last is None else await look(ctx, verb.record), InstanceState.STOPPED)
        try:
            if stopped:
                await patiently(ctx, verb.lease, lambda: provider.start(seen.holding, [i.id for i in stopped]))
        except NoCapacity as exc:
            last = exc
            ctx.tell(seen.handle, "no capacity", exc.message)
            return False
        return True

    try:
        await wait_until(attempt, bool, clock=ctx.clock, timeout=patience, pace=_AGAIN)
    except WaitTimeout:
        assert last is not None
        raise last from None


def _settled(record: ClusterRecord) -> bool:
    """No machine is on its way to stop, where most providers refuse to start it."""
    return not instances(record, InstanceState.STOPPING)


def _states(record: ClusterRecord) -> dict[str, InstanceState]:
    return {node.name: node.instance.state for node in record.nodes if node.instance is not None}
