"""What verbs write into the ledger, over hours of a manual clock."""

from __future__ import annotations

import asyncio

import pytest
from lifecycle_world import LARGE, World, plan_of

from cloudclusters.errors import DeployFailed
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store import Kind

HOUR = 3600.0


def test_machines_are_paid_while_they_run(world: World) -> None:
    """Two machines for three hours, stopped for five, two more hours, the last of them with a third."""
    record = asyncio.run(deploy(world.ctx, plan_of(2)))
    world.clock.advance(3 * HOUR)
    asyncio.run(interrupt(world.ctx, record.handle))
    world.clock.advance(5 * HOUR)
    asyncio.run(resume(world.ctx, record.handle))
    world.clock.advance(HOUR)
    asyncio.run(scale(world.ctx, record.handle, 3))
    world.clock.advance(HOUR)
    asyncio.run(terminate(world.ctx, record.handle))
    world.clock.advance(100 * HOUR)

    spent = world.ctx.store.spent(record.handle, world.clock.now())
    assert spent.machine_seconds == pytest.approx((2 * 5 + 1) * HOUR, rel=0.01)
    assert spent.usd == pytest.approx(0.1 * 11, rel=0.01)
    assert (spent.hourly_usd, spent.unknown) == (0, ())


def test_every_machine_that_was_launched_is_in_the_ledger(world: World) -> None:
    """One that came without its sister, the two of the next offer, and one that scale let go of: all are over."""
    world.cloud.no_capacity("fake.small", leave=1)
    record = asyncio.run(deploy(world.ctx, plan_of(2, fallbacks=(LARGE,))))
    made = {entry.instance for entry in world.ctx.store.entries(record.handle)}
    assert made == {machine.id for machine in world.cloud.machines()}
    asyncio.run(scale(world.ctx, record.handle, 1))
    asyncio.run(terminate(world.ctx, record.handle))

    entries = [entry for entry in world.ctx.store.entries(record.handle) if entry.kind is Kind.COMPUTE]
    assert {entry.instance for entry in entries} == {machine.id for machine in world.cloud.machines()}
    assert sorted((entry.instance_type, entry.hourly_usd) for entry in entries) == [
        ("fake.large", 0.4),
        ("fake.large", 0.4),
        ("fake.small", 0.1),
    ]
    assert all(entry.ended is not None for entry in entries)


def test_a_launch_that_was_never_answered_is_paid(world: World) -> None:
    """The cloud made the machines, the deploy failed and found them by their tags."""
    world.cloud.fail("launch", "ProviderError", after=True)
    with pytest.raises(DeployFailed):
        asyncio.run(deploy(world.ctx, plan_of(2)))

    [record] = world.ctx.store.records(terminated=True)
    entries = world.ctx.store.entries(record.handle)
    assert {entry.instance for entry in entries} == {machine.id for machine in world.cloud.machines()}
    assert len(entries) == 2
    assert all(entry.ended is not None and entry.hourly_usd == 0.1 for entry in entries)


def test_machines_that_no_node_has_are_paid(world: World) -> None:
    """The cloud said that it had no room, and made them all the same; letting go finds them by their tags."""
    world.cloud.fail("launch", "NoCapacity", after=True)
    record = asyncio.run(deploy(world.ctx, plan_of(2, fallbacks=(LARGE,))))
    asyncio.run(terminate(world.ctx, record.handle))

    entries = world.ctx.store.entries(record.handle)
    assert {entry.instance for entry in entries} == {machine.id for machine in world.cloud.machines()}
    assert sorted(entry.hourly_usd or 0.0 for entry in entries) == [0.1, 0.1, 0.4, 0.4]
