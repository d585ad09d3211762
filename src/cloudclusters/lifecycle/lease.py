"""Holding a cluster's lease for the length of a verb."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cloudclusters.base.door import finish
from cloudclusters.base.waiting import SystemClock
from cloudclusters.errors import CloudClustersError, LeaseLost
from cloudclusters.lifecycle.context import Context
from cloudclusters.store import Lease

BEAT = 15.0
"""Seconds between signs of life; a lease held on another host expires after four of them."""


@contextlib.asynccontextmanager
async def held(ctx: Context, cluster: str, verb: str) -> AsyncIterator[Lease]:
    """Take the lease of `cluster` for `verb`, and release it at the end whatever happens.

    Raises `LeaseHeld` at once when a living process runs another verb on it. Every store write and every provider
    call checks the lease and so renews it; `_beat` does so while neither happens, as in a long start of processes.
    """
    lease = await ctx.door(ctx.store.take_lease, cluster, verb)
    beating = asyncio.create_task(_beat(ctx, lease))
    try:
        yield lease
    except BaseException:
        beating.cancel()
        await finish(ctx.door(ctx.store.release, lease))
        raise
    beating.cancel()
    await release(ctx, lease)


async def _beat(ctx: Context, lease: Lease, *, every: float = BEAT) -> None:
    """Renew the lease now and then, by the real clock: processes on other hosts go by it as well."""
    while True:
        await SystemClock().sleep(every)
        try:
            await ctx.door(ctx.store.renew, lease)
        except LeaseLost:
            return  # the verb learns it at its next step
        except (
            CloudClustersError
        ) as exc:  # the store may be back in time; the verb itself fails at its next step if not
            ctx.tell(lease.cluster, "waiting", exc.message)


async def release(ctx: Context, lease: Lease) -> None:
    """Let go of the lease of a verb that has ended well.

    A cancellation that comes now is too late to undo anything, so it is dropped: the verb's result must get through.
    """
    try:
        await finish(ctx.door(ctx.store.release, lease))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
