"""resume when the capacity is gone: wait for it, or take other machines under the same contract."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest
from lifecycle_world import LARGE, SMALL, World, plan_of

from cloudclusters.base.cloud import InstanceState, Slot
from cloudclusters.base.event import Event
from cloudclusters.errors import CloudClustersError, NoCapacity, ProviderError
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState


def interrupted(world: World) -> ClusterRecord:
    """A stopped cluster whose plan has another offer."""
    record = asyncio.run(deploy(world.ctx, plan_of(2, fallbacks=(LARGE,))))
    return asyncio.run(interrupt(world.ctx, record.handle))


def test_resume_asks_again_until_there_is_capacity(world: World) -> None:
    """Some minutes later somebody else has let go of machines."""
    record = interrupted(world)
    world.cloud.fail("start", "NoCapacity", times=3)
    found = asyncio.run(resume(world.ctx, record.handle, patience=600))
    assert found.state is ClusterState.RUNNING
    assert [n.instance and n.instance.id for n in found.nodes] == [n.instance and n.instance.id for n in record.nodes]


def test_patience_ends(world: World) -> None:
    """The cluster is as it was, and costs what it did."""
    record = interrupted(world)
    world.cloud.fail("start", "NoCapacity", times=None)
    before = world.clock.monotonic()
    with pytest.raises(NoCapacity):
        asyncio.run(resume(world.ctx, record.handle, patience=600))
    assert 600 <= world.clock.monotonic() - before < 700
    assert world.ctx.store.record(record.handle).state is ClusterState.INTERRUPTED
    world.cloud.mend()
    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_elsewhere_takes_other_machines(world: World) -> None:
    """The sibling type of the plan; the stopped machines go with their disks, and nothing else."""
    record = interrupted(world)
    old = set(world.machines())
    world.cloud.fail("start", "NoCapacity", times=None)
    world.cloud.no_capacity("fake.small")
    found = asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    assert found.state is ClusterState.RUNNING
    assert {node.offer.instance_type for node in found.nodes} == {"fake.large"}
    assert [node.slot for node in found.nodes] == [Slot("peer", 0), Slot("peer", 1)]
    assert not old & set(world.machines())
    assert len(world.machines()) == 2
    world.cloud.mend()
    asyncio.run(terminate(world.ctx, record.handle))
    assert not world.machines()


def test_elsewhere_without_capacity_leaves_all_as_it_was(world: World) -> None:
    """No disk is lost for nothing, and every attempt is told."""
    record = interrupted(world)
    old = world.machines()
    world.cloud.fail("start", "NoCapacity", times=None)
    world.cloud.no_capacity()
    with pytest.raises(NoCapacity) as caught:
        asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    assert "fake.small" in caught.value.message
    assert "fake.large" in caught.value.message
    found = world.ctx.store.record(record.handle)
    assert found.state is ClusterState.INTERRUPTED
    assert world.machines() == old
    assert [n.instance.state for n in found.nodes if n.instance] == [InstanceState.STOPPED] * 2
    world.cloud.mend()
    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", ["QuotaExceeded", "CredentialsRefused"])
def test_elsewhere_that_fails_on_the_way_leaves_all_as_it_was(world: World, error: str, after: bool) -> None:
    """Also machines whose launch was never answered are gone, and the old ones are not forgotten."""
    record = interrupted(world)
    old = world.machines()
    world.cloud.fail("start", "NoCapacity", times=None)
    world.cloud.fail("launch", error, after=after)
    with pytest.raises(ProviderError):
        asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    check_as_before(world, record, old)


@pytest.mark.parametrize("phase", ["launching", "terminating"])
def test_elsewhere_that_is_cancelled_has_the_old_machines_or_the_new_ones(world: World, phase: str) -> None:
    """Ctrl-C while others are bought, and while the old ones are deleted: nothing is left that no node has."""
    record = interrupted(world)
    world.cloud.fail("start", "NoCapacity", times=None)

    async def cancelled() -> None:
        def hear(event: Event) -> None:
            if event.phase == phase:
                work.cancel()

        work = asyncio.create_task(resume(replace(world.ctx, listen=hear), record.handle, elsewhere=True))
        await work

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    world.cloud.mend()
    asyncio.run(reconcile(world.ctx, record.handle))
    found = world.ctx.store.record(record.handle)
    assert sorted(node.instance.id for node in found.nodes if node.instance) == sorted(world.machines())
    assert len(world.machines()) == 2
    again = resume if found.state is ClusterState.INTERRUPTED else restart
    assert asyncio.run(again(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_elsewhere_that_cannot_be_undone_is_undone_by_the_next_command(world: World) -> None:
    """The provider went away half-way."""
    record = interrupted(world)
    old = world.machines()
    world.cloud.fail("start", "NoCapacity", times=None)
    world.cloud.fail("launch", "CredentialsRefused", after=True)
    world.cloud.fail("terminate", "CredentialsRefused")
    with pytest.raises(CloudClustersError):
        asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    assert world.ctx.store.record(record.handle).state is ClusterState.RESUMING
    assert len(world.machines()) == 4
    world.cloud.mend()
    asyncio.run(reconcile(world.ctx, record.handle))
    check_as_before(world, record, old)


def check_as_before(world: World, record: ClusterRecord, machines: list[str]) -> None:
    """Interrupted, with these machines and no others, and able to run again."""
    found = world.ctx.store.record(record.handle)
    assert found.state is ClusterState.INTERRUPTED
    assert world.machines() == machines
    assert sorted(node.instance.id for node in found.nodes if node.instance) == sorted(machines)
    world.cloud.mend()
    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_elsewhere_is_not_used_without_need(world: World) -> None:
    """The stopped machines are the better ones: they have the disks."""
    record = interrupted(world)
    found = asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    assert [msgspec.structs.replace(n, instance=None) for n in found.nodes] == [
        msgspec.structs.replace(n, instance=None) for n in record.nodes
    ]
    assert {node.offer for node in found.nodes} == {SMALL}
