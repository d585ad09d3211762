"""Calls that may be repeated, and are, while the provider throttles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import Throttled
from cloudclusters.lifecycle.context import Context
from cloudclusters.store import Lease

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds to ride out throttling."""
_CALMER = Pace(first=1.0, most=15.0, growth=2.0)


async def patiently(ctx: Context, lease: Lease, call: Callable[[], T]) -> T:
    """Begin a call that may be repeated, and repeat it while the provider throttles."""

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
    return found[0]
