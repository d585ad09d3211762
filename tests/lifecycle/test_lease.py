"""The lease of a verb lives as long as the verb does."""

from __future__ import annotations

import asyncio

import pytest
from lifecycle_world import World, plan_of

from cloudclusters.errors import LeaseLost
from cloudclusters.lifecycle import lease as module
from cloudclusters.lifecycle import reconnect as looking
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState


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


def test_who_looks_does_not_keep_terminate_from_a_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look waits for a node that hangs; `terminate` comes meanwhile, and afterwards the look writes nothing."""
    see = looking.seen_state

    async def while_it_is_terminated(ctx: Context, record: ClusterRecord) -> tuple[ClusterState, str]:
        await terminate(ctx, record.handle)
        return await see(ctx, record)

    async def twice() -> tuple[ClusterRecord, ClusterRecord]:
        first, second = await deploy(world.ctx, plan_of()), await deploy(world.ctx, plan_of())
        monkeypatch.setattr(looking, "seen_state", while_it_is_terminated)
        with pytest.raises(LeaseLost, match="no longer ours"):
            await looking.reconnect(world.ctx, first.handle)
        return world.ctx.store.record(first.handle), await looking.refresh(world.ctx, second.handle)

    assert [record.state for record in asyncio.run(twice())] == [ClusterState.TERMINATED] * 2
    assert world.cloud.left() == []


def test_who_looked_lets_go_of_nothing_that_terminate_took_over(world: World) -> None:
    """Both may be of one process: what other machines see is still held when the look ends."""

    async def run() -> None:
        handle = (await deploy(world.ctx, plan_of())).handle
        look = held(world.ctx, handle, "refresh")
        await look.__aenter__()
        async with held(world.ctx, handle, "terminate") as lease:
            await look.__aexit__(None, None, None)
            assert world.ctx.shared[handle].lease == lease
            assert "`terminate`" in world.fleet.node(handle).lease[2]
            await world.ctx.act(lease, world.cloud.provider().describe, world.ctx.store.record(handle).holding)
        assert world.ctx.shared == {}
        await terminate(world.ctx, handle)

    asyncio.run(run())
