"""Time passes only when somebody sleeps, and for all sleepers together."""

from __future__ import annotations

import asyncio
import time

import pytest

from cloudclusters.base.waiting import wait_until
from cloudclusters.errors import WaitTimeout
from cloudclusters.testing.clock import ManualClock


async def naps(clock: ManualClock, name: str, seconds: float, told: list[tuple[str, float]]) -> None:
    for _ in range(2):
        await clock.sleep(seconds)
        told.append((name, clock.monotonic()))


def test_quarter_of_an_hour_passes_at_once() -> None:
    """A wait runs into its limit without anybody waiting."""
    clock = ManualClock()

    async def look() -> bool:
        return False

    began = time.perf_counter()
    with pytest.raises(WaitTimeout):
        asyncio.run(wait_until(look, bool, clock=clock, timeout=900))
    assert clock.monotonic() == pytest.approx(900, abs=1)
    assert time.perf_counter() - began < 5


def test_sleepers_share_time() -> None:
    """Who wakes first goes first, and time does not add up."""
    clock, told = ManualClock(), []

    async def scene() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(naps(clock, "long", 3.0, told))
            group.create_task(naps(clock, "short", 1.0, told))

    asyncio.run(scene())
    assert told == [("short", 1.0), ("short", 2.0), ("long", 3.0), ("long", 6.0)]


def test_cancelled_sleeper_lets_others_go_on() -> None:
    """Nobody waits for one who is gone."""
    clock = ManualClock()

    async def scene() -> None:
        sleeper = asyncio.create_task(clock.sleep(1.0))
        other = asyncio.create_task(clock.sleep(5.0))
        await asyncio.sleep(0)
        sleeper.cancel()
        await asyncio.wait_for(other, 5)

    asyncio.run(scene())
    assert clock.monotonic() == 5.0


def test_both_readings_move_together() -> None:
    """Records and waits agree."""
    clock = ManualClock(start=50.0)
    clock.advance(7.0)
    assert (clock.now(), clock.monotonic()) == (57.0, 7.0)
