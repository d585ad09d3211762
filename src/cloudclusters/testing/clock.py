"""A clock whose time passes only when somebody sleeps, and then at once."""

from __future__ import annotations

import asyncio
import itertools

MOMENT, MOMENTS = 0.0005, 100
"""Seconds of real time that work in threads is given, and how often at most."""


class ManualClock:
    """Implements `base.waiting.Clock`; a quarter of an hour passes in milliseconds.

    Of several sleepers the one that wakes first goes first, so their times mix as real ones would.
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = itertools.count()
        self.working = 0
        """Calls in threads that are under way, as who makes them counts them: they take no time by this clock."""
        self.slept: list[float] = []
        """Every sleep that was asked for, in seconds."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds that have passed since the clock was made."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    async def sleep(self, seconds: float) -> None:
        """Let the others run, then let this much time have passed."""
        self.slept.append(seconds)
        mine = (self._passed + seconds, next(self._numbers))
        self._sleepers.append(mine)
        try:
            await asyncio.sleep(0)
            for _ in range(MOMENTS):
                if not self.working:
                    break
                await asyncio.sleep(MOMENT)
            while min(self._sleepers) != mine:  # noqa: ASYNC110 - an event belongs to one loop, a clock does not
                # a moment of real time, so that work in threads can come to its own next sleep
                await asyncio.sleep(MOMENT)
        finally:
            self._sleepers.remove(mine)
        self._passed = max(self._passed, mine[0])
