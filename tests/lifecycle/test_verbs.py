"""Every verb on the fake cloud: what changes, what is kept, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from lifecycle_world import FAR, LARGE, SMALL, World, plan_of

from cloudclusters.base.cloud import InstanceState
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import (
    CloudClustersError,
    ClusterBroken,
    DeployFailed,
    IllegalState,
    NoCapacity,
    NodeError,
    NotSupported,
    ProviderError,
    Remedy,
)
from cloudclusters.lifecycle.deadline import is_due
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.processes import living
from cloudclusters.lifecycle.reconnect import reconnect, refresh
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState


def deployed(world: World, count: int = 2, **more: object) -> ClusterRecord:
    """A running cluster."""
    return asyncio.run(deploy(world.ctx, plan_of(count, **more)))


def pids(world: World, record: ClusterRecord) -> list[int]:
    """The pids of its workers."""
    latest = world.ctx.store.record(record.handle)
    return [worker.pid for worker in asyncio.run(living(world.ctx, latest)) if worker.kind is Kind.WORKER]


def test_deploy_gives_a_running_cluster_with_a_machine_and_a_worker_per_node(world: World) -> None:
    """The record, the cloud and the agents agree."""
    record = deployed(world, 3)

    assert record.state is ClusterState.RUNNING
    assert len(world.machines()) == 3
    assert [node.instance.state for node in record.nodes if node.instance] == [InstanceState.RUNNING] * 3
    assert sorted(world.fleet.alive(record.handle)) == [
        "node0/scheduler",
        "node0/worker0",
        "node1/worker0",
        "node2/worker0",
    ]
    assert world.ctx.store.open_steps(record.handle) == []


def test_machines_are_paid_from_the_launch_on(world: World) -> None:
    """The history tells from when on how many machines cost how much, while they still boot."""
    record = deployed(world, 3)

    machines = [(change.state, change.machines, change.hourly_usd) for change in record.history]

    assert machines[0] == (ClusterState.DEPLOYING, 0, 0)
    assert machines[1] == (ClusterState.DEPLOYING, 3, pytest.approx(0.3))
    assert machines[2] == (ClusterState.RUNNING, 3, pytest.approx(0.3))


def test_pids_of_three_clusters_are_disjoint_and_start_at_two(world: World) -> None:
    """FX-11: a pid names one life of one process, whatever its cluster."""
    clusters = [deployed(world) for _ in range(3)]

    numbers = [pid for record in clusters for pid in pids(world, record)]

    assert numbers[0] == 2
    assert len(set(numbers)) == len(numbers) == 6


def test_interrupt_stops_the_machines_and_resume_brings_new_pids_on_the_same_nodes(world: World) -> None:
    """Disks and names outlive an interrupt; processes do not."""
    record = deployed(world)
    before, machines = pids(world, record), world.machines()

    assert asyncio.run(interrupt(world.ctx, record.handle)).state is ClusterState.INTERRUPTED
    assert {m.state for m in world.cloud.machines()} == {InstanceState.STOPPED}
    resumed = asyncio.run(resume(world.ctx, record.handle))

    assert resumed.state is ClusterState.RUNNING
    assert world.machines() == machines
    assert not set(before) & set(pids(world, record))


def test_restart_replaces_every_process_and_no_machine(world: World) -> None:
    """FX-08, its first half: as many processes, all with new pids."""
    record = deployed(world)
    before, machines = pids(world, record), world.machines()

    asyncio.run(restart(world.ctx, record.handle))

    after = pids(world, record)
    assert world.machines() == machines
    assert len(after) == len(before)
    assert not set(before) & set(after)


def test_terminate_leaves_nothing_and_a_second_one_is_refused(world: World) -> None:
    """FX-08, its second half."""
    record = deployed(world)

    ended = asyncio.run(terminate(world.ctx, record.handle))

    assert ended.state is ClusterState.TERMINATED
    assert sorted(e.node for e in world.events if e.phase == "terminating") == [node.name for node in record.nodes]
    assert world.machines() == []
    assert world.cloud.left() == []
    assert not (world.ctx.home / "keys" / record.handle).exists()
    with pytest.raises(IllegalState, match="has been terminated"):
        asyncio.run(terminate(world.ctx, record.handle))


def test_a_provider_that_cannot_stop_refuses_interrupt_and_the_cluster_is_unharmed(
    make_world: Callable[..., World],
) -> None:
    """FX-09."""
    world = make_world(can_stop=False)
    record = deployed(world)
    before = pids(world, record)

    with pytest.raises(NotSupported, match="cannot stop machines"):
        asyncio.run(interrupt(world.ctx, record.handle))

    assert world.ctx.store.record(record.handle).state is ClusterState.RUNNING
    assert pids(world, record) == before


@pytest.mark.parametrize("verb", [resume])
def test_a_verb_that_the_state_does_not_allow_names_state_verb_and_what_would_work(
    world: World, verb: Callable[..., object]
) -> None:
    """The error alone must be enough to go on."""
    record = deployed(world)

    with pytest.raises(IllegalState) as refused:
        asyncio.run(verb(world.ctx, record.handle))

    assert "is running: resume is not possible" in refused.value.message
    assert "interrupt, restart, scale, replace, terminate" in refused.value.hint


def test_scale_up_adds_nodes_and_keeps_the_old_workers(world: World) -> None:
    """Growing disturbs nobody."""
    record = deployed(world)
    before = pids(world, record)

    grown = asyncio.run(scale(world.ctx, record.handle, 4))

    assert [node.name for node in grown.nodes] == ["node0", "node1", "node2", "node3"]
    assert pids(world, record)[:2] == before
    assert len(world.machines()) == 4


def test_scale_down_lets_the_highest_nodes_go(world: World) -> None:
    """The entry is on node 0, which always stays."""
    record = deployed(world, 4)
    before = pids(world, record)

    shrunk = asyncio.run(scale(world.ctx, record.handle, 1))

    assert [node.name for node in shrunk.nodes] == ["node0"]
    assert pids(world, record) == before[:1]
    assert len(world.machines()) == 1


def test_a_failed_growth_keeps_the_old_size(world: World) -> None:
    """No capacity: the cluster runs on as it was, and no half-grown machine is left."""
    record = deployed(world)
    world.cloud.no_capacity()

    with pytest.raises(NoCapacity):
        asyncio.run(scale(world.ctx, record.handle, 5))

    after = world.ctx.store.record(record.handle)
    assert after.state is ClusterState.RUNNING
    assert len(after.nodes) == len(world.machines()) == 2


def test_no_capacity_takes_the_next_offer_of_the_plan(world: World) -> None:
    """Failover is automatic, and each refusal is told."""
    world.cloud.no_capacity("fake.small")

    record = deployed(world, fallbacks=(LARGE,))

    assert {node.offer.instance_type for node in record.nodes} == {"fake.large"}
    assert "no capacity" in world.phases()
    assert len(world.machines()) == 2


def test_a_fallback_in_another_region_lets_go_of_the_first(world: World) -> None:
    """What was prepared where nothing runs is released."""
    world.cloud.no_capacity(region="north")

    record = deployed(world, offer=SMALL, fallbacks=(FAR,))
    asyncio.run(terminate(world.ctx, record.handle))

    assert record.holding.place.region == "south"
    assert world.cloud.left() == []


def test_when_no_offer_has_capacity_every_attempt_is_listed_and_nothing_is_left(world: World) -> None:
    """The user learns what was tried."""
    world.cloud.no_capacity()

    with pytest.raises(DeployFailed) as failed:
        deployed(world, fallbacks=(LARGE,))

    assert "fake.small" in failed.value.message
    assert "fake.large" in failed.value.message
    assert "Everything that had been made was deleted" in failed.value.message
    assert world.cloud.left() == []


def test_a_partial_launch_is_undone_before_the_next_offer(world: World) -> None:
    """Half a cluster is no cluster, and its machines do not stay."""
    world.cloud.no_capacity("fake.small", leave=1)

    record = deployed(world, 3, fallbacks=(LARGE,))

    assert {node.offer.instance_type for node in record.nodes} == {"fake.large"}
    assert len(world.machines()) == 3


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("verb", ["prepare", "launch", "describe"])
def test_a_deploy_that_fails_leaves_nothing(world: World, verb: str, after: bool) -> None:
    """Whether the failing call had its effect or not."""
    world.cloud.fail(verb, "CredentialsRefused", skip=verb == "describe", after=after)

    with pytest.raises(DeployFailed) as caught:
        deployed(world)

    assert caught.value.remedy is Remedy.FIX
    assert world.cloud.left() == []
    assert {r.state for r in world.ctx.store.records(terminated=True)} == {ClusterState.TERMINATED}


def test_what_is_refused_from_the_start_leaves_no_record(world: World) -> None:
    """Expired credentials: there is nothing to clean up, so nothing is said of it, now or by the next command."""
    world.cloud.fail("", "CredentialsRefused", times=None)

    with pytest.raises(DeployFailed, match="Nothing had been made"):
        deployed(world)

    assert world.ctx.store.records(terminated=True) == []
    assert world.ctx.store.left_open() == []


def test_throttling_and_a_short_outage_are_ridden_out(world: World) -> None:
    """They are not the user's business."""
    world.cloud.throttle("launch", times=3)
    world.cloud.fail("describe", "ProviderUnavailable", skip=1, times=2)

    assert deployed(world).state is ClusterState.RUNNING


def test_a_cloud_that_sees_its_machines_late_loses_none(world: World) -> None:
    """Eventual consistency: a machine unseen is not a machine gone."""
    world.cloud.lag(looks=3, seconds=5.0)
    world.cloud.fail("launch", "CredentialsRefused", after=True)

    with pytest.raises(DeployFailed):
        deployed(world)

    world.clock.advance(60)
    assert world.machines() == []


def test_terminate_with_an_unreachable_provider_says_so_and_keeps_everything(world: World) -> None:
    """NO-01: a record is never deleted because a query failed."""
    record = deployed(world)
    world.cloud.unreachable()

    with pytest.raises(ProviderError):
        asyncio.run(terminate(world.ctx, record.handle))
    assert world.ctx.store.record(record.handle).state is ClusterState.TERMINATING
    world.cloud.mend()
    asyncio.run(terminate(world.ctx, record.handle))

    assert world.cloud.left() == []


def test_resume_without_capacity_leaves_the_cluster_interrupted(world: World) -> None:
    """Nothing changed, so nothing is broken."""
    record = deployed(world)
    asyncio.run(interrupt(world.ctx, record.handle))
    world.cloud.fail("start", "NoCapacity")

    with pytest.raises(NoCapacity):
        asyncio.run(resume(world.ctx, record.handle))
    assert world.ctx.store.record(record.handle).state is ClusterState.INTERRUPTED

    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_restart_without_any_machine_says_so(world: World) -> None:
    """The user learns which nodes, and the cluster can still be terminated."""
    record = deployed(world)
    for node in record.nodes:
        world.cloud.lose(node.instance.id)

    with pytest.raises(NodeError, match="node0 is gone, node1 is gone"):
        asyncio.run(restart(world.ctx, record.handle))
    assert asyncio.run(refresh(world.ctx, record.handle)).state is ClusterState.BROKEN

    asyncio.run(terminate(world.ctx, record.handle))
    assert world.cloud.left() == []


def test_reconnect_keeps_the_pids_of_processes_that_are_alive(world: World) -> None:
    """A later program finds the same workers."""
    record = deployed(world)
    before = pids(world, record)
    world.ctx.links.clear()

    again = asyncio.run(reconnect(world.ctx, record.handle))

    assert again.state is ClusterState.RUNNING
    assert pids(world, record) == before


def test_a_worker_that_the_agent_restarted_gets_a_new_pid(world: World) -> None:
    """A pid names one life."""
    record = deployed(world)
    before = pids(world, record)

    world.fleet.node(record.handle, "node1").crash("worker0")
    after = pids(world, record)

    assert after[0] == before[0]
    assert after[1] not in before


def test_a_process_that_never_starts_fails_the_deploy_with_its_log(world: World) -> None:
    """The reason is in the error, and nothing is left."""
    from cloudclusters.testing.fleet import Fate

    world.fleet.fates["worker0"] = [Fate.FAIL]

    with pytest.raises(DeployFailed, match="worker0"):
        deployed(world)
    assert world.cloud.left() == []


def test_a_cancelled_deploy_leaves_nothing(world: World) -> None:
    """Ctrl-C in the middle of a boot that takes long."""
    from cloudclusters.testing.cloud import Timing

    world.cloud.slow(boot=Timing(10**6, 0.0))

    async def cancel_in_the_middle() -> None:
        task = asyncio.create_task(deploy(world.ctx, plan_of()))
        while not world.machines():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_in_the_middle())
    assert world.cloud.left() == []


def test_a_failed_deploy_can_be_kept_to_look_at(world: World) -> None:
    """`keep` leaves the machines, and says how to go on."""
    from cloudclusters.testing.fleet import Fate

    world.fleet.fates["worker0"] = [Fate.FAIL]

    with pytest.raises(DeployFailed, match="is broken"):
        asyncio.run(deploy(world.ctx, plan_of(), keep=True))

    (record,) = world.ctx.store.records()
    assert record.state is ClusterState.BROKEN
    assert len(world.machines()) == 2
    asyncio.run(terminate(world.ctx, record.handle))


def test_every_error_of_a_verb_is_ours(world: World) -> None:
    """`except CloudClustersError` is enough for the user."""
    record = deployed(world)
    world.fleet.silence(record.handle, "node0")
    world.fleet.silence(record.handle, "node1")

    with pytest.raises((CloudClustersError, ClusterBroken)):
        asyncio.run(restart(world.ctx, record.handle))


def test_interrupt_that_is_stopped_is_looked_at_by_the_next_command(world: World) -> None:
    """Ctrl-C comes when the provider stops the machines already: nobody is told for long that they run."""
    record = deployed(world)

    async def stopped_half_way() -> None:
        work = asyncio.create_task(interrupt(world.ctx, record.handle))
        while not world.cloud.calls("stop"):
            await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(stopped_half_way())
    left = world.ctx.store.record(record.handle)
    assert left.state is ClusterState.BROKEN
    assert is_due(left, world.clock.now())
    while is_due(left, world.clock.now()):
        asyncio.run(world.clock.sleep(5))
        left = asyncio.run(refresh(world.ctx, record.handle))
    assert left.state is ClusterState.INTERRUPTED
    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_node_that_does_not_answer_is_told_by_a_look(world: World) -> None:
    """The cluster runs, and its reason says which node is silent, until it answers again."""
    record = deployed(world, 3)
    world.fleet.cut_off(record.handle, "node1")
    found = asyncio.run(refresh(world.ctx, record.handle))
    assert (found.state, found.reason) == (ClusterState.RUNNING, "node1 does not answer, though the machine runs")
    world.fleet.cut_off(record.handle, "node1", off=False)
    assert asyncio.run(refresh(world.ctx, record.handle)).reason == ""


@pytest.mark.parametrize("verb", ["scale", "resume"])
def test_limits_are_told_before_what_may_take_long(world: World, verb: str) -> None:
    """A new node knows none, and one that was stopped those of before."""
    record = deployed(world)
    if verb == "scale":
        asyncio.run(scale(world.ctx, record.handle, 3))
        asked = [name for name, _ in world.fleet.node(record.handle, "node2").requests]
    else:
        asyncio.run(interrupt(world.ctx, record.handle))
        world.fleet.node(record.handle, "node1").requests.clear()
        asyncio.run(resume(world.ctx, record.handle))
        asked = [name for name, _ in world.fleet.node(record.handle, "node1").requests]
    assert asked.index("limits") < asked.index("start")
