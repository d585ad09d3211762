"""Holding a cluster's lease for the length of a verb."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cloudclusters.base.door import finish
from cloudclusters.lifecycle.context import Context
from cloudclusters.store import Lease


@contextlib.asynccontextmanager
async def held(ctx: Context, cluster: str, verb: str) -> AsyncIterator[Lease]:
    """Take the lease of `cluster` for `verb`, and release it at the end whatever happens.

    Raises `LeaseHeld` at once when a living process runs another verb on it. Checking the lease renews it,
    and every store write and every provider call checks, so no background task is needed.
    """
    lease = await ctx.door(ctx.store.take_lease, cluster, verb)
    try:
        yield lease
    except BaseException:
        await finish(ctx.door(ctx.store.release, lease))
        raise
    await release(ctx, lease)


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
