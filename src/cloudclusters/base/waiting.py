"""The one function of the package that sleeps, and the clock that it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cloudclusters.errors import WaitTimeout

T = TypeVar("T")


class Clock(Protocol):
    """Where time comes from; tests replace it."""

    def now(self) -> float:
        """Seconds since the epoch, for records."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for waiting."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let this much time pass."""
        ...


class SystemClock:
    """The real clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the system's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep on the core loop."""
        await asyncio.sleep(seconds)


def elapsed() -> float:
    """Seconds that never run backwards and go on while the machine sleeps, where the system can say so."""
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often to look: first after `first` seconds, then `growth` times slower up to `most`."""

    first: float
    most: float
    growth: float = 1.5


BOOT = Pace(first=0.02, most=1.0, growth=1.2)
"""For machines that come up or go away."""


async def wait_until(
    look: Callable[[], Awaitable[T]],
    good: Callable[[T], bool],
    *,
    clock: Clock,
    timeout: float | None,
    pace: Pace = BOOT,
    what: str = "the condition",
) -> T:
    """Look until what is seen is good, and return it.

    Raises `WaitTimeout` naming `what` when `timeout` seconds (None: no limit) have passed.
    """
    started = clock.monotonic()
    pause = pace.first
    while True:
        seen = await look()
        if good(seen):
            return seen
        passed = clock.monotonic() - started
        if timeout is not None and passed >= timeout:
            raise WaitTimeout(f"{what} did not come within {timeout:g} s")
        await clock.sleep(pause if timeout is None else min(pause, max(timeout - passed, 0.001)))
        pause = min(pause * pace.growth, pace.most)
