"""The lease of a verb lives as long as the verb does."""

from __future__ import annotations

import asyncio

import pytest
from lifecycle_world import World

from cloudclusters.lifecycle import lease as module
from cloudclusters.lifecycle.lease import held


def test_a_verb_that_neither_writes_nor_calls_gives_signs_of_life(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes may take minutes to start, and other hosts take a silent lease over after one."""
    renewed = asyncio.Event()
    renew = world.ctx.store.renew

    async def wait_long() -> None:
        loop = asyncio.get_running_loop()

        def noticed(lease: object) -> None:
            renew(lease)  # type: ignore[arg-type]
            loop.call_soon_threadsafe(renewed.set)

        monkeypatch.setattr(world.ctx.store, "renew", noticed)
        async with held(world.ctx, "A" * 15, "test"):
            await asyncio.wait_for(renewed.wait(), 5)

    monkeypatch.setattr(module._beat, "__kwdefaults__", {"every": 0.01})

    asyncio.run(wait_long())


def test_nothing_beats_after_the_verb(world: World) -> None:
    """A released lease is not renewed, and no task is left on the loop."""

    async def hold() -> set[asyncio.Task[object]]:
        async with held(world.ctx, "A" * 15, "test"):
            pass
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert asyncio.run(hold()) == set()
