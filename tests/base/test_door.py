"""The door never abandons a call that has begun."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cloudclusters.base.door import Door, finish


async def _cancelled_twice_during(door: Door, begun: threading.Event, goes_on: threading.Event) -> list[str]:
    made: list[str] = []

    def launch() -> str:
        begun.set()
        goes_on.wait(10)
        made.append("machine")
        return "machine"

    task = asyncio.create_task(door(launch))
    while not begun.is_set():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    return made


def test_a_call_that_has_begun_is_awaited_even_when_cancelled_twice() -> None:
    """The second cancellation is what a single shield gives way to."""
    door = Door(width=1)

    made = asyncio.run(_cancelled_twice_during(door, threading.Event(), threading.Event()))

    door.close()
    assert made == ["machine"]


def test_the_door_returns_and_raises_what_the_call_does() -> None:
    """Results and errors pass unchanged."""
    door = Door(width=1)

    def fail() -> None:
        raise KeyError("gone")

    async def both() -> int:
        with pytest.raises(KeyError, match="gone"):
            await door(fail)
        return await door(max, 1, 2)

    assert asyncio.run(both()) == 2
    door.close()


def test_clean_up_runs_to_its_end_before_the_cancellation_gets_through() -> None:
    """`finish` lets the cancellation through, but last."""
    steps: list[str] = []

    async def clean_up() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        steps.append("clean")

    async def verb() -> None:
        task = asyncio.create_task(finish(clean_up()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(verb())
    assert steps == ["clean"]
