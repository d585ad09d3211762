"""What a failure, a cancellation or a crash between two steps leaves, and what the next command makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.api.deploying import within
from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import (
    CloudClustersError,
    DeployFailed,
    NoCapacity,
    NodeError,
    ProviderError,
    WaitTimeout,
)
from cloudclusters.lifecycle.context import Link
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.reconnect import reconnect, refresh
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import leaving, scale
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState
from cloudclusters.testing.cloud import Timing
from cloudclusters.testing.fleet import Fate

P = ParamSpec("P")
T = TypeVar("T")


def deployed(world: World, count: int = 2) -> ClusterRecord:
    """A running cluster."""
    return asyncio.run(deploy(world.ctx, plan_of(count)))


def left_in(world: World, record: ClusterRecord, state: ClusterState) -> None:
    """Make it look as if a process died in the middle of a verb."""
    lease = world.ctx.store.take_lease(record.handle, "test")
    latest = world.ctx.store.record(record.handle)
    world.ctx.store.write(msgspec.structs.replace(latest, state=state), lease)
    world.ctx.store.release(lease)


def latest(world: World, record: ClusterRecord) -> ClusterRecord:
    """Its record as stored now."""
    return world.ctx.store.record(record.handle)


def test_growing_that_cannot_be_undone_is_undone_by_the_next_command(world: World) -> None:
    """The new machines are never part of a cluster that is called running."""
    record = deployed(world)
    world.fleet.fates["worker0"] = [Fate.FAIL]
    world.cloud.fail("terminate", "CredentialsRefused", times=1)

    with pytest.raises(CloudClustersError):
        asyncio.run(scale(world.ctx, record.handle, 3))
    assert latest(world, record).state is ClusterState.SCALING
    assert world.ctx.store.left_open() == [record.handle]
    mended = asyncio.run(reconcile(world.ctx, record.handle))

    assert mended.state is ClusterState.RUNNING
    assert [node.name for node in mended.nodes] == ["node0", "node1"]
    assert len(world.machines()) == 2


def test_shrinking_that_fails_is_finished_by_the_next_command(world: World) -> None:
    """Its workers had been retired: there is no way back, and no node without a machine stays in the record."""
    record = deployed(world, 3)
    world.cloud.fail("terminate", "CredentialsRefused", after=True, times=1)

    with pytest.raises(ProviderError):
        asyncio.run(scale(world.ctx, record.handle, 1))
    shrunk = asyncio.run(scale(world.ctx, record.handle, 2))

    assert [node.name for node in shrunk.nodes] == ["node0", "node1"]
    assert shrunk.state is ClusterState.RUNNING


def test_a_launch_for_growth_that_nobody_saw_leaves_no_machine(world: World) -> None:
    """The call failed after its effect, and the cloud shows machines late."""
    record = deployed(world)
    world.cloud.lag(looks=3, seconds=5.0)
    world.cloud.fail("launch", "CredentialsRefused", after=True)

    with pytest.raises(ProviderError):
        asyncio.run(scale(world.ctx, record.handle, 3))

    world.clock.advance(60)
    assert len(world.machines()) == 2
    assert latest(world, record).state is ClusterState.RUNNING


def test_a_shrunk_cluster_asks_for_no_process_of_a_node_that_left(world: World) -> None:
    """Its layout is that of the nodes that stayed."""
    record = deployed(world, 3)

    shrunk = asyncio.run(scale(world.ctx, record.handle, 2))

    assert {process.node for process in shrunk.layout.processes} == {"node0", "node1"}


def test_resume_that_started_some_machines_before_capacity_ended_is_not_called_interrupted(world: World) -> None:
    """Machines that run are paid: the record says broken, and counts them."""
    record = deployed(world)
    asyncio.run(interrupt(world.ctx, record.handle))
    world.cloud.fail("start", "NoCapacity", after=True)

    with pytest.raises(NoCapacity):
        asyncio.run(resume(world.ctx, record.handle))

    after = latest(world, record)
    assert after.state is ClusterState.BROKEN
    assert after.history[-1].machines == 2


def test_resume_waits_for_machines_that_still_stop(world: World) -> None:
    """Clouds refuse to start a machine that is on its way to stop."""
    record = deployed(world)
    world.cloud.slow(stop=Timing(3, 0.0))
    provider = world.ctx.provider("fake")
    provider.stop(record.holding, [node.instance.id for node in record.nodes if node.instance])  # type: ignore[attr-defined]
    left_in(world, record, ClusterState.INTERRUPTING)
    begun = len(world.cloud.calls("start"))

    asyncio.run(resume(world.ctx, record.handle))

    assert len(world.cloud.calls("start")) == begun + 1
    assert latest(world, record).state is ClusterState.RUNNING


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        (interrupt, ClusterState.RESUMING),
        (resume, ClusterState.INTERRUPTING),
        (restart, ClusterState.RESTARTING),
        (restart, ClusterState.INTERRUPTING),
    ],
)
def test_a_verb_may_follow_one_that_died(world: World, verb: Callable[..., object], state: ClusterState) -> None:
    """It mends first, then does what was asked."""
    record = deployed(world)
    left_in(world, record, state)

    asyncio.run(verb(world.ctx, record.handle))

    assert latest(world, record).state in (ClusterState.RUNNING, ClusterState.INTERRUPTED)


def test_scale_may_follow_a_scale_that_died(world: World) -> None:
    """The nodes that stay were not touched, so the cluster runs."""
    record = deployed(world)
    left_in(world, record, ClusterState.SCALING)

    assert len(asyncio.run(scale(world.ctx, record.handle, 3)).nodes) == 3


def test_a_broken_cluster_runs_again_only_when_all_of_it_runs(world: World) -> None:
    """A restart that died half-way stopped what nobody starts again."""
    record = deployed(world)
    node = world.fleet.node(record.handle, "node1")
    node.processes["worker0"].state = "stopped"
    left_in(world, record, ClusterState.RESTARTING)

    seen = asyncio.run(reconnect(world.ctx, record.handle))
    assert (seen.state, seen.reason) == (ClusterState.BROKEN, "not running: worker0 on node1")

    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_a_kept_deploy_without_processes_is_not_called_running(world: World) -> None:
    """All its machines run, but nothing on them."""
    world.fleet.refuse(10**9)

    with pytest.raises(DeployFailed):
        asyncio.run(deploy(world.ctx, plan_of(), keep=True))
    (record,) = world.ctx.store.records()
    world.fleet.refuse(0)

    assert asyncio.run(refresh(world.ctx, record.handle)).state is ClusterState.BROKEN
    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_a_verb_that_changed_nothing_keeps_the_reason_why_the_cluster_is_broken(world: World) -> None:
    """The user still has to know."""
    record = deployed(world)
    lease = world.ctx.store.take_lease(record.handle, "test")
    broken = msgspec.structs.replace(latest(world, record), state=ClusterState.BROKEN, reason="the reason")
    world.ctx.store.write(broken, lease)
    world.ctx.store.release(lease)
    world.cloud.fail("describe", "CredentialsRefused", times=1)

    with pytest.raises(ProviderError):
        asyncio.run(interrupt(world.ctx, record.handle))

    assert (latest(world, record).state, latest(world, record).reason) == (ClusterState.BROKEN, "the reason")


def test_restart_without_machines_says_that_the_cluster_is_broken(world: World) -> None:
    """A record that says running would be a lie, and the hint must be one that works."""
    record = deployed(world)
    for node in record.nodes:
        assert node.instance is not None
        world.cloud.lose(node.instance.id)

    with pytest.raises(NodeError, match="node1 is gone") as failed:
        asyncio.run(restart(world.ctx, record.handle))

    assert "terminate" in failed.value.hint
    assert latest(world, record).state is ClusterState.BROKEN
    assert latest(world, record).nodes[1].instance.state is InstanceState.GONE  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", [interrupt, restart])
def test_a_cancellation_that_comes_when_all_is_done_breaks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., object]
) -> None:
    """The outcome is written already."""
    record = deployed(world)
    wanted = ClusterState.INTERRUPTED if verb is interrupt else ClusterState.RUNNING
    write = type(world.ctx).write

    async def cancelled_while_writing(ctx: object, new: ClusterRecord, lease: object) -> ClusterRecord:
        if new.state is wanted:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return await write(ctx, new, lease)  # type: ignore[arg-type]

    monkeypatch.setattr(type(world.ctx), "write", cancelled_while_writing)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(verb(world.ctx, record.handle))

    assert latest(world, record).state is wanted


def test_a_throttled_release_is_ridden_out(world: World) -> None:
    """The machines are gone; the user is not asked to repeat the verb for a provider that wants calm."""
    record = deployed(world)
    world.cloud.throttle("release", times=3)

    assert asyncio.run(terminate(world.ctx, record.handle)).state is ClusterState.TERMINATED
    assert world.cloud.left() == []


def test_a_deploy_past_its_time_tells_what_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not claim that everything was deleted when it was not."""
    monkeypatch.setattr("cloudclusters.lifecycle.machines.PATIENCE", 1e12)  # only the deploy's own time is up
    world.cloud.slow(boot=Timing(10**6, 0.0))
    world.cloud.fail("terminate", "CredentialsRefused", times=1)

    with pytest.raises(WaitTimeout, match="Not everything could be deleted"):
        asyncio.run(within(deploy(world.ctx, plan_of()), 0.3))

    (record,) = world.ctx.store.records()
    asyncio.run(reconcile(world.ctx, record.handle))
    assert world.cloud.left() == []


def test_an_error_of_our_own_in_a_deploy_undoes_it_and_is_told_as_it_is(world: World) -> None:
    """Also what nobody thought of leaves nothing; the record gives the reason."""

    def reached(milestone: str, record: ClusterRecord) -> None:
        if milestone == "launched":
            raise ZeroDivisionError("by mistake")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(deploy(world.ctx, plan_of(), reached=reached))

    (record,) = world.ctx.store.records(terminated=True)
    assert (record.state, record.reason) == (ClusterState.TERMINATED, "ZeroDivisionError: by mistake")
    assert world.cloud.left() == []


def test_a_machine_lost_before_its_processes_start_is_no_long_wait(world: World) -> None:
    """The provider knows that nothing will answer there any more."""

    def reached(milestone: str, record: ClusterRecord) -> None:
        if milestone == "starting":
            machine = record.nodes[1].instance
            assert machine is not None
            world.cloud.lose(machine.id)

    with pytest.raises(DeployFailed, match="node1"):
        asyncio.run(deploy(world.ctx, plan_of(), reached=reached))

    assert world.clock.monotonic() < 100


def test_two_who_connect_at_once_share_one_connection(world: World) -> None:
    """The second one is closed, not lost."""
    record = deployed(world)
    world.ctx.links.clear()
    before = len(world.fleet.links)

    async def both() -> list[Link]:
        return list(await asyncio.gather(*(open_one(world.ctx, record, record.nodes[0]) for _ in range(2))))

    one, two = asyncio.run(both())

    assert one is two
    assert len(world.fleet.links) - before <= 2


def test_the_nodes_that_leave_are_chosen_from_the_record(world: World) -> None:
    """Not from those whose workers live: work must be moved from the nodes that really go."""
    record = deployed(world, 4)

    assert leaving(record, 2) == ["node2", "node3"]
    assert leaving(record, 4) == []
