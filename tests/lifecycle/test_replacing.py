"""Nodes that are lost: replaced, dropped, or the scheduler's; whatever ends it half-way."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from lifecycle_world import LARGE, SMALL, World, plan_of

from cloudclusters.base.cloud import InstanceState, Market
from cloudclusters.errors import (
    CloudClustersError,
    InvalidContract,
    NoCapacity,
    NodeError,
    NodeUnreachable,
    UnknownName,
)
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.replacing import drop, offer_instead, provide, replace
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.scale import scale
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord
from cloudclusters.testing.cloud import Timing
from cloudclusters.testing.fleet import FakeLink

SPOT = msgspec.structs.replace(SMALL, market=Market.SPOT, on_demand_usd=0.3)


def deployed(world: World, count: int = 2, *, on_lost: str = "drop", **more: object) -> ClusterRecord:
    """A running cluster."""
    plan = msgspec.structs.replace(plan_of(count, **more), settings={"on_lost": on_lost})
    return asyncio.run(deploy(world.ctx, plan))


def lose(world: World, record: ClusterRecord, *names: str) -> None:
    """Let the machines of these nodes vanish."""
    for node in record.nodes:
        if node.name in names:
            assert node.instance is not None
            world.cloud.lose(node.instance.id)


def names(record: ClusterRecord) -> list[str]:
    """The nodes, in order."""
    return [node.name for node in record.nodes]


def lives(world: World, record: ClusterRecord, node: str) -> set[str]:
    """The lives of a node's processes."""
    return {process.life for process in world.fleet.node(record.handle, node).processes.values()}


def test_lost_node_is_replaced_beside_those_that_run(world: World) -> None:
    """Another machine computes; nobody else's processes are touched; the lost node is in the record no more."""
    record = deployed(world, 3)
    before = lives(world, record, "node0")
    lose(world, record, "node1")

    replaced = asyncio.run(replace(world.ctx, record.handle, "node1"))

    assert names(replaced) == ["node0", "node2", "node3"]
    assert replaced.state is ClusterState.RUNNING
    assert not any(node.unsettled for node in replaced.nodes)
    assert lives(world, record, "node0") == before
    assert "node3/worker0" in world.fleet.alive(record.handle)
    assert len(world.machines()) == 3


def test_machine_that_hangs_is_deleted_when_it_is_replaced(world: World) -> None:
    """It runs and does not answer: nobody asks it for anything."""
    record = deployed(world, 2)
    world.fleet.silence(record.handle, "node1")

    replaced = asyncio.run(replace(world.ctx, record.handle, "node1"))

    assert names(replaced) == ["node0", "node2"]
    assert len(world.machines()) == 2


def test_replacement_that_cannot_be_bought_leaves_the_cluster_as_it_was(world: World) -> None:
    """The plan's other offers are tried, and the error lists all."""
    record = deployed(world, 2, fallbacks=(LARGE,))
    world.cloud.no_capacity()

    with pytest.raises(NoCapacity, match=r"fake.small[^$]*fake.large"):
        asyncio.run(replace(world.ctx, record.handle, "node1"))

    after = world.ctx.store.record(record.handle)
    assert (names(after), after.state) == (["node0", "node1"], ClusterState.RUNNING)
    assert len(world.machines()) == 2


def test_other_offers_are_bought_when_the_own_one_has_no_room(world: World) -> None:
    """As the plan allows."""
    record = deployed(world, 2, fallbacks=(LARGE,))
    world.cloud.no_capacity("fake.small")

    replaced = asyncio.run(replace(world.ctx, record.handle, "node1"))

    assert replaced.nodes[-1].offer.instance_type == "fake.large"


def test_third_spot_loss_within_an_hour_is_replaced_on_demand(world: World) -> None:
    """And an hour later the market is asked again."""
    record = deployed(world, 2, offer=SPOT)
    markets = []
    for _ in range(4):
        latest = world.ctx.store.record(record.handle).nodes[-1]
        assert latest.instance is not None
        if latest.offer.market is Market.SPOT:
            world.cloud.reclaim(latest.instance.id)
        replaced = asyncio.run(replace(world.ctx, record.handle, latest.name))
        markets.append(replaced.nodes[-1].offer.market)
    assert markets[:3] == [Market.SPOT, Market.SPOT, Market.ON_DEMAND]


def test_node_that_will_be_lost_is_provided_for_once(world: World) -> None:
    """Two programs that heard of it buy one machine; the node goes when its machine is gone."""
    record = deployed(world, 2, offer=SPOT)
    for _ in range(2):
        provided = asyncio.run(provide(world.ctx, record.handle, "node1"))
    assert names(provided) == ["node0", "node1", "node2"]
    assert "node1/worker0" in world.fleet.alive(record.handle)

    assert names(asyncio.run(drop(world.ctx, record.handle))) == ["node0", "node1", "node2"]
    lose(world, record, "node1")
    assert names(asyncio.run(drop(world.ctx, record.handle))) == ["node0", "node2"]


@pytest.mark.parametrize("verb", ["launch", "describe", "terminate"])
def test_replacement_that_ends_half_way_is_finished_or_undone(world: World, verb: str) -> None:
    """Whatever the provider fails at: then no machine is there that the record does not know."""
    record = deployed(world, 2)
    world.cloud.fail(verb, "CredentialsRefused", times=None, skip=1 if verb == "describe" else 0)
    with pytest.raises(CloudClustersError):
        asyncio.run(replace(world.ctx, record.handle, "node1"))
    world.cloud.mend()

    after = asyncio.run(reconcile(world.ctx, record.handle))

    assert after.state is ClusterState.RUNNING
    assert len(world.machines()) == len(after.nodes)
    assert not any(node.unsettled for node in after.nodes)


@pytest.mark.parametrize(("on_lost", "left"), [("drop", ["node1", "node2"]), ("replace", ["node1", "node2", "node3"])])
def test_restart_moves_the_scheduler_of_a_lost_node(world: World, on_lost: str, left: list[str]) -> None:
    """To the first node that is there; with the policy to replace, another machine takes the lost one's place."""
    record = deployed(world, 3, on_lost=on_lost)
    lose(world, record, "node0")

    restarted = asyncio.run(restart(world.ctx, record.handle))

    assert names(restarted) == left
    assert "node1/scheduler" in world.fleet.alive(record.handle)
    assert restarted.layout.forwards[0].node == "node1"
    assert restarted.state is ClusterState.RUNNING


def test_restart_buys_all_that_is_lost_at_once(world: World) -> None:
    """With one launch, so that one boot is waited for, however many are lost; and so on the plan's next offer."""
    record = deployed(world, 5, on_lost="replace", fallbacks=(LARGE,))
    lose(world, record, "node0", "node2", "node3")
    world.cloud.no_capacity("fake.small")
    before = len(world.cloud.calls("launch"))

    restarted = asyncio.run(restart(world.ctx, record.handle))

    assert names(restarted) == ["node1", "node4", "node5", "node6", "node7"]
    assert not any(node.instead_of or node.unsettled for node in restarted.nodes)
    assert [node.offer.instance_type for node in restarted.nodes[2:]] == ["fake.large"] * 3
    assert len(world.cloud.calls("launch")) - before == 2  # one that was refused, one for all
    assert len(world.machines()) == 5


def test_restart_that_cannot_buy_all_buys_none(world: World) -> None:
    """What it bought before is deleted, what is lost stays in the record, and the next restart tries again."""
    [role] = plan_of(4, offer=SPOT).roles
    plan = msgspec.structs.replace(
        plan_of(4), roles=(msgspec.structs.replace(role, steady_count=1),), settings={"on_lost": "replace"}
    )
    record = asyncio.run(deploy(world.ctx, plan))
    lose(world, record, "node0", "node1")
    world.cloud.fail("launch", "NoCapacity", skip=1)

    with pytest.raises(NoCapacity, match="nothing can be bought in the place of what is lost") as caught:
        asyncio.run(restart(world.ctx, record.handle))
    assert caught.value.hint == "try again later: `cloudclusters restart`"

    after = world.ctx.store.record(record.handle)
    assert (names(after), after.state) == (["node0", "node1", "node2", "node3"], ClusterState.BROKEN)
    assert len(world.machines()) == 2
    bought = asyncio.run(restart(world.ctx, record.handle)).nodes[2:]
    assert [node.offer.market for node in bought] == [Market.ON_DEMAND, Market.SPOT]
    assert len(world.machines()) == 4


def test_restart_names_a_node_that_hangs(world: World) -> None:
    """Its machine runs: to delete it is for who pays for it to say, in as many words."""
    record = deployed(world, 2)
    world.fleet.silence(record.handle, "node0")

    with pytest.raises(NodeError, match=r"node0 .* cannot be reached") as caught:
        asyncio.run(restart(world.ctx, record.handle))

    assert f"replace {record.handle}/node0" in caught.value.hint
    replaced = asyncio.run(replace(world.ctx, record.handle, "node0", buy=False))
    assert names(replaced) == ["node1"]
    assert sorted(world.fleet.alive(record.handle)) == ["node1/scheduler", "node1/worker0"]
    assert [m.state for m in world.cloud.machines()].count(InstanceState.RUNNING) == 1


@pytest.mark.parametrize(("ends", "hint"), [("stop", "resume"), ("terminate", "restart")])
def test_restart_looks_again_at_the_machine_of_a_node_that_is_silent(world: World, ends: str, hint: str) -> None:
    """What a driver asked for before it died may be done in between: what is told then is so, and the hint works."""
    record = deployed(world, 2)
    world.cloud.lag(looks=1)
    world.fleet.silence(record.handle, "node1")
    machine = record.nodes[1].instance
    assert machine is not None
    getattr(world.ctx.provider("fake"), ends)(record.holding, [machine.id])

    with pytest.raises(NodeError, match=r"not every machine of .* runs: node1 is") as caught:
        asyncio.run(restart(world.ctx, record.handle))

    assert f"cloudclusters {hint} {record.handle}" in caught.value.hint
    assert world.ctx.store.record(record.handle).state is ClusterState.BROKEN


def test_wrong_wishes_are_told(world: World) -> None:
    """A name that nobody has, and the last node."""
    record = deployed(world, 1)
    with pytest.raises(UnknownName, match="did you mean 'node0'"):
        asyncio.run(replace(world.ctx, record.handle, "nod0"))
    with pytest.raises(InvalidContract, match="the only node"):
        asyncio.run(replace(world.ctx, record.handle, "node0", buy=False))


def test_name_that_is_used_again_is_not_taken_for_the_one_before(world: World) -> None:
    """node3 is there in the place of a node1 that is gone; when another node1 is lost a machine is bought."""
    record = deployed(world, 3)
    for name in ("node1", "node2", "node1"):
        after = asyncio.run(replace(world.ctx, record.handle, name))
        assert len(after.nodes) == len(world.machines()) == 3
    assert len(world.cloud.calls("launch")) == 4


def test_node_whose_replacement_is_lost_is_provided_for_once(world: World) -> None:
    """What takes the lost one's place stands for the node that will be lost: no second machine is bought for it."""
    record = deployed(world, 3, offer=SPOT)
    asyncio.run(provide(world.ctx, record.handle, "node1"))
    lose(world, world.ctx.store.record(record.handle), "node3")

    replaced = asyncio.run(replace(world.ctx, record.handle, "node3"))
    assert [(node.name, node.instead_of) for node in replaced.nodes][3:] == [("node4", "node1")]
    assert names(asyncio.run(provide(world.ctx, record.handle, "node1"))) == names(replaced)

    lose(world, record, "node1")
    assert names(asyncio.run(replace(world.ctx, record.handle, "node1"))) == ["node0", "node2", "node4"]
    assert len(world.machines()) == 3


def test_restart_whose_new_machine_does_not_answer_leaves_a_broken_cluster(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old processes run on, and nobody is told that the cluster runs: it has a machine that nothing runs on."""
    record = deployed(world, 3, on_lost="replace")
    lose(world, record, "node1")
    connect = world.fleet.connect

    async def deaf(of: ClusterRecord, node: NodeRecord, /, *, timeout: float = 10.0) -> FakeLink:
        if node.name == "node3":
            raise NodeUnreachable("nothing answers")
        return await connect(of, node, timeout=timeout)

    monkeypatch.setattr(world.fleet, "connect", deaf)
    with pytest.raises(NodeError, match=r"node3 .* cannot be reached"):
        asyncio.run(restart(world.ctx, record.handle))

    after = asyncio.run(refresh(world.ctx, record.handle))

    assert (after.state, after.reason) == (ClusterState.BROKEN, "nothing was started on node3")
    monkeypatch.undo()
    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_cluster_whose_scheduler_went_with_its_node_is_broken(world: World) -> None:
    """`restart` let go of the lost node and ended at one that hangs: the workers that live make no running cluster."""
    record = deployed(world, 3)
    lose(world, record, "node0")
    world.fleet.silence(record.handle, "node1")
    with pytest.raises(NodeError, match=r"node1 .* cannot be reached"):
        asyncio.run(restart(world.ctx, record.handle))

    after = asyncio.run(refresh(world.ctx, record.handle))

    assert (names(after), after.state) == (["node1", "node2"], ClusterState.BROKEN)
    assert after.reason == "its scheduler does not run"


@pytest.mark.parametrize(("count", "buy"), [(1, True), (2, True), (2, False)])
def test_move_of_the_scheduler_that_ends_half_way_leaves_a_broken_cluster(world: World, count: int, buy: bool) -> None:
    """Its old machine is deleted by the next command; nobody is told that the cluster runs, and `restart` mends it."""
    record = deployed(world, count)
    world.cloud.fail("terminate", "CredentialsRefused", times=None)
    with pytest.raises(CloudClustersError):
        asyncio.run(replace(world.ctx, record.handle, "node0", buy=buy))
    world.cloud.mend()

    for _ in range(2):
        assert asyncio.run(refresh(world.ctx, record.handle)).state is ClusterState.BROKEN
    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING
    assert len(world.machines()) == len(world.ctx.store.record(record.handle).nodes)


@pytest.mark.parametrize("verb", ["replace", "scale"])
def test_machine_that_is_lost_before_it_computes_ends_nothing_else(world: World, verb: str) -> None:
    """The cluster is as it was, and nobody is told to terminate it."""
    record = deployed(world, 2)
    world.cloud.slow(boot=Timing(looks=3, seconds=5))

    async def run() -> None:
        act = scale(world.ctx, record.handle, 3) if verb == "scale" else replace(world.ctx, record.handle, "node1")
        task = asyncio.create_task(act)
        while len(world.machines()) < 3:
            await asyncio.sleep(0.001)
        world.cloud.lose(world.cloud.machines()[-1].id)
        await task

    with pytest.raises(NodeError, match="the machine of node2") as caught:
        asyncio.run(run())

    assert "terminate" not in caught.value.hint
    after = world.ctx.store.record(record.handle)
    assert (names(after), after.state) == (["node0", "node1"], ClusterState.RUNNING)


@pytest.mark.parametrize("verb", ["replace", "restart"])
def test_new_nodes_know_the_limits_before_anything_is_started_on_them(world: World, verb: str) -> None:
    """What comes may take long, and whoever drives it may die."""
    record = deployed(world, 3, on_lost="replace")
    lose(world, record, "node1")

    asyncio.run(restart(world.ctx, record.handle) if verb == "restart" else replace(world.ctx, record.handle, "node1"))

    asked = [do for do, _ in world.fleet.node(record.handle, "node3").requests]
    assert asked.index("limits") < asked.index("start")


def test_attempt_that_buys_nothing_is_no_loss(world: World) -> None:
    """One machine was reclaimed, however often another could not be had: the spot market is asked again."""
    record = deployed(world, 2, offer=SPOT)
    world.cloud.no_capacity()
    for _ in range(3):
        with pytest.raises(NoCapacity):
            asyncio.run(replace(world.ctx, record.handle, "node1"))
    world.cloud.mend()
    replaced = asyncio.run(replace(world.ctx, record.handle, "node1"))
    assert replaced.nodes[-1].offer.market is Market.SPOT
    assert len(replaced.losses) == 1
    assert offer_instead(replaced, replaced.nodes[-1], world.clock.now()).market is Market.SPOT


def test_nothing_is_dropped_or_bought_beside_a_lost_scheduler(world: World) -> None:
    """The cluster stays broken until `restart`; a machine would be of no use."""
    record = deployed(world, 3)
    lose(world, record, "node0", "node1")

    for verb in (drop(world.ctx, record.handle), replace(world.ctx, record.handle, "node1")):
        with pytest.raises(NodeError, match=r"the scheduler of .* is lost with node0") as caught:
            asyncio.run(verb)
        assert "restart" in caught.value.hint

    after = world.ctx.store.record(record.handle)
    assert names(after) == ["node0", "node1", "node2"]
    assert len(world.cloud.calls("launch")) == 1
    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING


def test_cluster_that_is_not_whole_without_its_lost_nodes_is_broken(world: World) -> None:
    """Its scheduler died as well: nobody is told that it runs."""
    record = deployed(world, 3)
    lose(world, record, "node1")
    world.fleet.node(record.handle, "node0").crash("scheduler", restart=False)

    with pytest.raises(NodeError, match=r"without the lost nodes .* is broken: its scheduler does not run"):
        asyncio.run(drop(world.ctx, record.handle))

    after = world.ctx.store.record(record.handle)
    assert (names(after), after.state) == (["node0", "node2"], ClusterState.BROKEN)
