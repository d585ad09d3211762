"""Holding a cluster's lease for the length of a verb."""

from __future__ import annotations

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
    finally:
        await finish(ctx.door(ctx.store.release, lease))
