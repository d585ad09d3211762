"""Holding a cluster's lease for the length of a verb."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cloudclusters.base.door import finish
from cloudclusters.base.waiting import SystemClock
from cloudclusters.errors import CloudClustersError, LeaseLost, UnknownHandle, UnreadableRecord
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.sharing import ANNOUNCE, Sharing, share
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterState

BEAT = 15.0
"""Seconds between signs of life; a lease held on another host expires after four of them."""


@contextlib.asynccontextmanager
async def held(
    ctx: Context, cluster: str, verb: str, *, alone: bool = False, more: bool = False
) -> AsyncIterator[Lease]:
    """Take the lease of `cluster` for `verb`, and release it at the end whatever happens.

    First in our store, then where other machines see it, unless `alone`. Raises `LeaseHeld` when a living process runs
    another verb on it; `terminate` takes it over from one that only looks. Every store write and every provider call
    checks the lease and so renews it; `_beat` does so while neither happens, as in a long start of processes. A
    cancellation that comes while the lease is let go of is too late, so that the verb's result gets through; unless
    there is `more` to do afterwards.
    """
    lease = await _taken(ctx, cluster, verb)
    beating: asyncio.Task[None] | None = None
    try:
        sharing = None if alone else await _shared(ctx, lease)
        beating = asyncio.create_task(_beat(ctx, lease, sharing))
        yield lease
    except BaseException:
        await finish(_end(ctx, lease, beating))
        await finish(_without_keys(ctx, cluster))
        raise
    if more:
        await finish(_end(ctx, lease, beating))
    else:
        await release(ctx, lease, beating)


async def _without_keys(ctx: Context, cluster: str) -> None:
    """Forget the keys of a cluster that somebody let go of while we slept in the middle of a verb that makes keys."""
    try:
        record = await ctx.door(ctx.store.record, cluster)
    except CloudClustersError:  # nobody knows that it is over
        return
    if record.state is ClusterState.TERMINATED:
        await ctx.door(keys.remove, ctx.home, cluster)


async def _taken(ctx: Context, cluster: str, verb: str) -> Lease:
    """The lease; who is cancelled just now gives it back before he goes."""
    taking = asyncio.ensure_future(ctx.door(ctx.store.take_lease, cluster, verb))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        await finish(_given_back(ctx, taking))
        raise


async def _given_back(ctx: Context, taking: asyncio.Future[Lease]) -> None:
    with contextlib.suppress(CloudClustersError):  # then it was not taken
        await ctx.door(ctx.store.release, await taking)


async def _shared(ctx: Context, lease: Lease) -> Sharing | None:
    try:
        record = await ctx.door(ctx.store.record, lease.cluster)
    except (UnknownHandle, UnreadableRecord):  # nothing is known that could be asked
        return None
    return await share(ctx, record, lease)


async def _beat(ctx: Context, lease: Lease, sharing: Sharing | None, *, every: float = BEAT) -> None:
    """Renew the lease now and then, by the real clock: processes on other hosts go by it as well."""
    if sharing is not None:
        await SystemClock().sleep(min(every, ANNOUNCE))
        await sharing.announce()
    while True:
        await SystemClock().sleep(every)
        try:
            await ctx.door(ctx.store.renew, lease)
            if sharing is not None:
                await sharing.renew()
        except LeaseLost:
            return  # the verb learns it at its next step
        except (
            CloudClustersError
        ) as exc:  # the store may be back in time; the verb itself fails at its next step if not
            ctx.tell(lease.cluster, "waiting", exc.message)


async def _end(ctx: Context, lease: Lease, beating: asyncio.Task[None] | None) -> None:
    if beating is not None:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)  # it may have a call under way
    sharing = ctx.shared.get(lease.cluster)
    try:
        if sharing is not None and sharing.lease == lease:  # a `terminate` of this process may have taken over
            del ctx.shared[lease.cluster]
            await sharing.release()
    finally:
        await ctx.door(ctx.store.release, lease)


async def release(ctx: Context, lease: Lease, beating: asyncio.Task[None]) -> None:
    """Let go of the lease of a verb that has ended well.

    A cancellation that comes now is too late to undo anything, so it is dropped: the verb's result must get through.
    """
    try:
        await finish(_end(ctx, lease, beating))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
