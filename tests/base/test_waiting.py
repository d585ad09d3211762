"""Waiting with a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.errors import WaitTimeout


class _Clock:
    def __init__(self) -> None:
        self.time = 0.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds


def test_looks_until_it_is_good_at_the_given_pace() -> None:
    """Pauses grow up to the most, and nothing sleeps after the last look."""
    clock = _Clock()
    seen = iter([1, 2, 3, 4])

    async def look() -> int:
        return next(seen)

    pace = Pace(first=1, most=3, growth=2)
    found = asyncio.run(wait_until(look, lambda n: n == 4, clock=clock, timeout=None, pace=pace))

    assert found == 4
    assert clock.pauses == [1, 2, 3]


def test_names_what_did_not_come_in_time() -> None:
    """The error says what was waited for, and how long."""
    clock = _Clock()

    async def look() -> int:
        return 0

    with pytest.raises(WaitTimeout, match="the machines did not come within 5 s"):
        asyncio.run(wait_until(look, bool, clock=clock, timeout=5, what="the machines"))
    assert clock.time >= 5
