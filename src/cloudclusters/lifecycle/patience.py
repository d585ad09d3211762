"""Calls that may be repeated, and are, while the provider throttles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import LeaseLost, Throttled
from cloudclusters.lifecycle.context import Context
from cloudclusters.store import Lease

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds to ride out throttling."""
_CALMER = Pace(first=1.0, most=15.0, growth=2.0)


async def patiently(
    ctx: Context, lease: Lease, call: Callable[[], T], *, undo: Callable[[T], object] | None = None
) -> T:
    """Begin a call that may be repeated, and repeat it while the provider throttles.

    `undo` is for calls that make something. Who slept between the look at his lease and the call has made what nobody
    knows of: whoever took over mended all that was there, and went. Then it is undone, and `LeaseLost` raised.
    """

    async def attempt() -> tuple[T] | None:
        try:
            return (await ctx.act(lease, call),)
        except Throttled as exc:
            ctx.tell(lease.cluster, "throttled", exc.message)
            return None

    found = await wait_until(
        attempt, lambda answer: answer is not None, clock=ctx.clock, timeout=PATIENCE, pace=_CALMER, what="an answer"
    )
    assert found is not None
    if undo is not None:
        try:
            await ctx.door(ctx.store.check, lease)
        except LeaseLost:
            await ctx.door(undo, found[0])
            raise
    return found[0]
