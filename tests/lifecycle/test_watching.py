"""The watch over a cluster's nodes: what it tells apart, how soon, and what it does about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace

import msgspec
import pytest
from lifecycle_world import SMALL, World, plan_of

from cloudclusters.api.watching import Watcher, unwatched
from cloudclusters.base.cloud import InstanceState, Market
from cloudclusters.base.notice import Notice
from cloudclusters.errors import LeaseHeld, StoreError
from cloudclusters.lifecycle.claims import Turn, turn_words
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.machines import look
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.standing import Standing, verdicts
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.lifecycle.watching import Watch
from cloudclusters.store.record import ClusterRecord, ClusterState

PYTHON = "/usr/bin/python3"
"""The Python of fake nodes, with which a neighbour tries to reach another."""


class Watched:
    """A cluster with a watch over it, in a running loop."""

    def __init__(self, world: World, record: ClusterRecord) -> None:
        self.world, self.handle = world, record.handle
        self.notices: list[Notice] = []
        self.taken_out: list[str] = []
        watch = Watch(world.ctx, record.handle, noticed=self.notices.append, taken_out=self.taken_out.append)
        self.task = asyncio.create_task(watch.run())

    @property
    def record(self) -> ClusterRecord:
        """What the store knows."""
        return self.world.ctx.store.record(self.handle)

    def told(self, node: str) -> list[str]:
        """What was told of a node."""
        words = ("notice", "lost", "hung", "cut off", "back")
        return [phase for phase in self.world.phases(node) if phase in words]

    async def until(self, good: Callable[[], object]) -> None:
        """Let the watch go on until it is so."""
        deadline = time.monotonic() + 20
        while not good():
            assert not self.task.done(), self.task
            assert time.monotonic() < deadline, self.world.events
            await asyncio.sleep(0.002)


def machine(record: ClusterRecord, name: str) -> str:
    """The machine of a node."""
    return next(node.instance.id for node in record.nodes if node.name == name and node.instance is not None)


def watched(
    world: World, play: Callable[[Watched], object], *, on_lost: str = "drop", count: int = 3, **settings: str
) -> None:
    """Deploy on the spot market, watch, let something happen, and end it all."""
    offer = msgspec.structs.replace(SMALL, market=Market.SPOT, on_demand_usd=0.3)
    plan = msgspec.structs.replace(plan_of(count, offer=offer), settings={"on_lost": on_lost, **settings})

    async def run() -> None:
        record = await deploy(world.ctx, plan)
        now = Watched(world, record)
        for _ in range(count):
            await now.until(lambda: all(world.fleet.node(record.handle, n.name).watchers for n in record.nodes))
        world.events.clear()
        await play(now)  # type: ignore[misc]
        now.task.cancel()
        await asyncio.gather(now.task, return_exceptions=True)
        await terminate(world.ctx, record.handle)

    asyncio.run(run())
    assert world.cloud.left() == []


def test_machine_that_is_gone_is_lost_and_leaves_the_record(world: World) -> None:
    """The rest goes on, nothing is bought."""

    async def play(now: Watched) -> None:
        world.cloud.reclaim(machine(now.record, "node1"))
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node2"])
        assert now.told("node1") == ["lost"]
        assert now.taken_out == ["node1"]
        await now.until(lambda: now.record.state is ClusterState.RUNNING and not now.record.reason)
        assert len(world.cloud.calls("launch")) == 1

    watched(world, play)


def test_loss_that_another_command_saw_first_is_told_as_well(world: World) -> None:
    """As when a `status` looks in the same moment: the record has no address of the machine any more."""
    offer = msgspec.structs.replace(SMALL, market=Market.SPOT, on_demand_usd=0.3)

    async def run() -> None:
        record = await deploy(world.ctx, plan_of(3, offer=offer))
        world.cloud.reclaim(machine(record, "node1"))
        while (await refresh(world.ctx, record.handle)).nodes[1].instance.state is not InstanceState.GONE:  # type: ignore[union-attr]
            await world.ctx.clock.sleep(1)
        now = Watched(world, record)
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node2"])
        assert now.told("node1") == ["lost"]
        await now.until(lambda: now.record.state is ClusterState.RUNNING)
        now.task.cancel()
        await asyncio.gather(now.task, return_exceptions=True)
        await terminate(world.ctx, record.handle)

    asyncio.run(run())
    assert world.cloud.left() == []


def test_agent_that_hangs_is_told_from_a_machine_that_is_silent(world: World) -> None:
    """One takes connections; the other is reached by nobody; a third by its neighbours. The record says so."""

    async def play(now: Watched) -> None:
        world.fleet.silence(now.handle, "node1")
        await now.until(lambda: now.told("node1") == ["hung"])
        await now.until(lambda: "node1 is hung" in now.record.reason)
        world.fleet.node(now.handle, "node0").answers[PYTHON] = (1, "", "")
        world.fleet.cut_off(now.handle, "node2")
        await now.until(lambda: now.told("node2") == ["lost"])
        assert now.taken_out == ["node1", "node2"]
        assert [node.name for node in now.record.nodes] == ["node0", "node1", "node2"]
        world.fleet.cut_off(now.handle, "node2", off=False)
        await now.until(lambda: now.told("node2") == ["lost", "back"])
        del world.fleet.node(now.handle, "node0").answers[PYTHON]
        world.fleet.cut_off(now.handle, "node2")
        await now.until(lambda: now.told("node2") == ["lost", "back", "cut off"])
        assert now.taken_out == ["node1", "node2"]
        assert now.record.state is ClusterState.RUNNING

    watched(world, play)


def test_node_that_the_head_does_not_hear_is_cut_off(world: World) -> None:
    """It answers us, but its workers miss the scheduler; nothing is taken out, and it is back when it is heard."""

    async def play(now: Watched) -> None:
        head = world.fleet.node(now.handle, "node0")
        head.members = {"node1": {"heard": 19.0, "busy": False}, "node2": {"heard": 21.0, "busy": True}}
        await now.until(lambda: now.told("node2") == ["cut off"])
        await now.until(lambda: "node0 has not heard it" in now.record.reason)
        head.members = {name: {"heard": 1.0, "busy": False} for name in ("node1", "node2")}
        await now.until(lambda: now.told("node2") == ["cut off", "back"])
        assert now.told("node1") == []
        assert now.taken_out == []

    watched(world, play, on_lost="replace")


def test_network_that_is_away_loses_nothing(world: World) -> None:
    """Nothing of the cluster answers, and no machine is gone: nothing is done, and it is back afterwards."""

    async def play(now: Watched) -> None:
        for node in ("node0", "node1"):
            world.fleet.cut_off(now.handle, node)
        await now.until(lambda: now.told("node1") == ["cut off"])
        for node in ("node0", "node1"):
            world.fleet.cut_off(now.handle, node, off=False)
        await now.until(lambda: now.told("node1") == ["cut off", "back"])
        assert now.taken_out == []

    watched(world, play, count=2, on_lost="replace")


@pytest.mark.parametrize("on_lost", ["drop", "replace"])
def test_notice_is_told_once_and_provided_for_where_the_policy_says_so(world: World, on_lost: str) -> None:
    """The machine that is bought computes before the old one goes; nothing is bought a second time."""

    async def play(now: Watched) -> None:
        world.fleet.node(now.handle, "node1").notice("interruption", world.clock.now() + 120)
        await now.until(lambda: now.told("node1") == ["notice"])
        assert (now.notices[0].kind, now.notices[0].node) == ("interruption", "node1")
        bought = ["node3"] if on_lost == "replace" else []
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node1", "node2", *bought])
        world.cloud.reclaim(machine(now.record, "node1"))
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node2", *bought])
        await now.until(lambda: now.record.state is ClusterState.RUNNING)
        assert len(world.cloud.calls("launch")) == 1 + len(bought)
        assert len(now.notices) == 1

    watched(world, play, on_lost=on_lost)


@pytest.mark.parametrize(("early", "on_lost"), [("retire", "replace"), ("retire", "drop"), ("report", "replace")])
def test_recommendation_to_leave_is_followed_where_both_settings_say_so(world: World, early: str, on_lost: str) -> None:
    """Another machine computes first; the old one hands over and is deleted, as nobody else would take it back."""
    follows = (early, on_lost) == ("retire", "replace")

    async def play(now: Watched) -> None:
        old = world.fleet.node(now.handle, "node1")
        old.notice("rebalance", world.clock.now())
        await now.until(lambda: now.told("node1") == ["notice"])
        (told,) = [event.text for event in world.events if event.phase == "notice"]
        assert ("it is still paid: `cloudclusters replace" in told) == (on_lost == "drop")
        looked = world.clock.now()
        stay = ["node0", "node2", "node3"] if follows else ["node0", "node1", "node2"]
        await now.until(lambda: [node.name for node in now.record.nodes] == stay and world.clock.now() > looked + 10)
        assert ("retire" in [do for do, _ in old.requests]) == follows
        assert len(world.machines()) == 3
        await now.until(lambda: now.record.state is ClusterState.RUNNING)
        assert len(world.cloud.calls("launch")) == 1 + follows

    watched(world, play, on_lost=on_lost, on_rebalance=early)


def test_scheduler_that_is_lost_is_told_and_left_to_restart(world: World) -> None:
    """No policy replaces it behind the back of who holds futures there."""

    async def play(now: Watched) -> None:
        world.cloud.reclaim(machine(now.record, "node0"))
        await now.until(lambda: now.told("node0") == ["lost"])
        await now.until(lambda: "node0 is lost" in now.record.reason)
        assert any("restart" in event.text for event in world.events if event.phase == "lost")
        assert len(now.record.nodes) == 3

    watched(world, play, on_lost="replace")


def test_policy_to_keep_only_reports(world: World) -> None:
    """Nobody's work is taken away."""

    async def play(now: Watched) -> None:
        world.cloud.reclaim(machine(now.record, "node1"))
        await now.until(lambda: now.told("node1") == ["lost"])
        await now.until(lambda: "node1" in now.record.reason)
        assert now.taken_out == []
        assert len(now.record.nodes) == 3

    watched(world, play, on_lost="keep")


def test_what_cannot_be_bought_is_told_and_tried_again(world: World) -> None:
    """Once a minute, not at every look."""

    async def play(now: Watched) -> None:
        world.cloud.no_capacity(times=1)
        world.cloud.reclaim(machine(now.record, "node1"))
        await now.until(lambda: "not replaced" in world.phases("node1"))
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node2", "node3"])

    watched(world, play, on_lost="replace")


def test_what_fails_for_now_does_not_end_the_watch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is locked for a moment, and a provider that throttles who enters: it looks again, and acts."""

    async def play(now: Watched) -> None:
        read = world.ctx.store.record
        failing = [True] * 3

        def once_more(handle: str) -> ClusterRecord:
            if failing and failing.pop():
                raise StoreError("the store is locked")
            return read(handle)

        with monkeypatch.context() as patch:
            patch.setattr(world.ctx.store, "record", once_more)
            await now.until(lambda: not failing)
        assert [event.text for event in world.events if event.phase == "waiting"] == ["the store is locked"]
        world.cloud.reclaim(machine(now.record, "node1"))
        await now.until(lambda: [node.name for node in now.record.nodes] == ["node0", "node2"])

    watched(world, play)


def test_the_watch_does_not_take_a_verb_s_first_look(world: World) -> None:
    """Machines tell of a verb of another home: the verb here heeds that, whoever looked before."""
    record = asyncio.run(deploy(world.ctx, plan_of(3)))
    words = turn_words("f" * 16, Turn(world.clock.now() + 60, world.clock.now(), "scale", "you@there"))

    async def run() -> None:
        async with held(world.ctx, record.handle, "replace"):
            world.ctx.provider("fake").mark(record.holding, words)
            world.fleet.cut_off(record.handle, "node2")
            assert [v.standing for v in await verdicts(world.ctx, record, record.nodes)][:1] == [Standing.WELL]
            with pytest.raises(LeaseHeld, match="`scale` is being run by you@there"):
                await look(world.ctx, record)

    asyncio.run(run())


def test_hooks_are_called_once_however_often_the_watch_begins(world: World) -> None:
    """An agent tells its last notice to every new watch, and each verb of the program makes one."""
    record = asyncio.run(deploy(world.ctx, plan_of(2)))
    heard: list[Notice] = []

    async def run() -> None:
        of = SimpleNamespace(context=world.ctx, kept={}, watchers={})
        watch = of.watchers[record.handle] = Watcher(of, record.handle)
        watch.hooks.append(heard.append)
        at = world.clock.now() + 120
        node = world.fleet.node(record.handle, "node1")

        async def until(good: Callable[[], object]) -> None:
            async with asyncio.timeout(20):
                while not good():
                    await asyncio.sleep(0.002)

        await watch.begin()
        for _ in range(3):
            await until(lambda: node.watchers)
            node.notice("rebalance", at)
            await until(lambda: heard)
            async with unwatched(of, [record.handle]):
                assert not watch.is_on
                await until(lambda: not node.watchers)
        await until(lambda: node.watchers)
        node.notice("interruption", at)
        await until(lambda: len(heard) == 2)
        await watch.end()

    asyncio.run(run())
    assert [notice.kind for notice in heard] == ["rebalance", "interruption"]


def test_notice_is_of_a_machine_and_not_of_its_name(world: World) -> None:
    """A node went and another got its name before the next look: nothing is bought for what its machine never heard."""
    plan = msgspec.structs.replace(plan_of(3), settings={"on_lost": "replace"})

    async def run() -> None:
        record = await deploy(world.ctx, plan)
        of = SimpleNamespace(context=world.ctx, kept={}, watchers={})
        heard: list[Notice] = []
        watch = of.watchers[record.handle] = Watcher(of, record.handle)
        watch.hooks.append(heard.append)

        async def until(good: Callable[[], object]) -> None:
            async with asyncio.timeout(20):
                while not good():
                    await asyncio.sleep(0.002)

        await watch.begin()
        await until(lambda: world.fleet.node(record.handle, "node2").watchers)
        world.fleet.node(record.handle, "node2").notice("interruption", world.clock.now() + 120)
        await until(lambda: heard)
        for count in (2, 3):
            async with unwatched(of, [record.handle]):
                await scale(world.ctx, record.handle, count)
        launches, looked = len(world.cloud.calls("launch")), world.clock.now()
        await until(lambda: world.clock.now() > looked + 30)
        await watch.end()
        assert len(world.cloud.calls("launch")) == launches
        assert [node.name for node in world.ctx.store.record(record.handle).nodes] == ["node0", "node1", "node2"]

    asyncio.run(run())


def test_cluster_that_lets_go_of_itself_is_no_loss(world: World) -> None:
    """Its lifetime is over: nothing is bought, nobody is told to restart it, and no scheduler is asked."""

    async def play(now: Watched) -> None:
        world.clock.advance(2 * 3600)
        for node in now.record.nodes:
            assert node.instance is not None
            world.cloud.lose(node.instance.id)
        await now.until(lambda: now.told("node0") == ["lost"])
        (text,) = [event.text for event in world.events if (event.node, event.phase) == ("node0", "lost")]
        assert text == "its machine is gone: it let go of itself: it has lived for 1h"
        assert now.taken_out == []

    watched(world, play, on_lost="replace", max_lifetime="1h")
    assert len(world.cloud.calls("launch")) == 1
