"""A cluster that grows and shrinks with its tasks: when it does, by how many nodes, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.api.adapting import EVERY, PAUSE, Adapting, Bounds, Rest, Shape
from cloudclusters.api.compute.backlog import Backlog
from cloudclusters.errors import InvalidContract
from cloudclusters.lifecycle.affording import boot_seconds
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.store.record import ClusterState


class Scheduler:
    """What a scheduler would say: how many workers its tasks want, and which nodes have some."""

    def __init__(self) -> None:
        self.wants = 0
        self.busy: set[str] = set()
        self.durations: list[float] = []

    async def adaptive_target(self, *, target_duration: float) -> int:
        self.durations.append(target_duration)
        return self.wants

    async def processing(self) -> Mapping[str, Sequence[str]]:
        return {f"tls://{node}": ["a task"] for node in self.busy}

    async def identity(self, *, n_workers: int) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
        return {"workers": {f"tls://{node}": {"name": f"{node}/worker0/life", "nthreads": 2} for node in self.busy}}


class FakeShape(Shape):
    """A shape without a client."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.nodes = ()
        self.asked = scheduler

    @property
    def scheduler_comm(self) -> Scheduler:
        return self.asked


class Adapted:
    """A cluster on the fake cloud that is looked at by hand."""

    def __init__(self, world: World, count: int, *, minimum: int = 1, maximum: int = 6, processes: int = 1) -> None:
        plan = msgspec.structs.replace(plan_of(count), node_process_count=processes)
        self.world = world
        self.handle = asyncio.run(deploy(world.ctx, plan)).handle
        self.scheduler = Scheduler()
        bounds = Bounds(minimum=minimum, maximum=maximum, cooldown=300.0)
        self.backlog = Backlog()
        self.adapting = Adapting(world.ctx, self.handle, FakeShape(self.scheduler), bounds, self.backlog, every=None)

    @property
    def nodes(self) -> list[str]:
        """The nodes of the record."""
        return [node.name for node in self.world.ctx.store.record(self.handle).nodes]

    def look(self, after: float = EVERY) -> list[str]:
        """Let time pass, look once, and tell which nodes there are then."""
        self.world.clock.advance(after)
        asyncio.run(self._look())
        return self.nodes

    async def _look(self) -> None:
        self.world.ctx.links.clear()  # each look has a loop of its own
        await self.adapting.adapt()


def test_a_backlog_is_met_at_once_in_whole_nodes_up_to_the_maximum(world: World) -> None:
    """Five workers are three nodes of two; a hundred are as many as may be."""
    adapted = Adapted(world, 1, processes=2)
    adapted.scheduler.wants = 5
    assert len(adapted.look()) == 3
    adapted.scheduler.wants = 100
    assert len(adapted.look()) == 6
    assert sorted(world.machines()) == sorted(
        n.instance.id for n in world.ctx.store.record(adapted.handle).nodes if n.instance is not None
    )


def test_what_a_map_still_has_counts_as_well(world: World) -> None:
    """The scheduler knows its next chunks only. Nodes have two threads; no more are wanted than there are items."""
    adapted = Adapted(world, 1)
    adapted.scheduler.wants, adapted.scheduler.busy = 1, {"node0"}
    boot = boot_seconds(world.ctx.store.record(adapted.handle))
    adapted.backlog.tell("a map", 40, boot / 10)
    assert len(adapted.look()) == 2
    adapted.backlog.tell("another", 3, 1000 * boot)
    assert len(adapted.look()) == 4
    adapted.backlog.end("a map")
    adapted.backlog.end("another")
    adapted.look(after=301)
    assert len(adapted.look(after=301)) == 1


def test_a_backlog_is_worth_a_node_when_it_takes_longer_than_a_boot(world: World) -> None:
    """The scheduler is asked how many workers would end it within the time that the deploy took."""
    adapted = Adapted(world, 1)
    adapted.look()
    record = world.ctx.store.record(adapted.handle)
    assert adapted.scheduler.durations == [boot_seconds(record)]
    slow = msgspec.structs.replace(record.history[-1], at=record.history[0].at + 90)
    assert boot_seconds(msgspec.structs.replace(record, history=(record.history[0], slow))) == 90
    assert boot_seconds(msgspec.structs.replace(record, history=())) == 60


def test_the_minimum_is_there_without_tasks(world: World) -> None:
    """Nobody has to wait for the first nodes."""
    assert len(Adapted(world, 1, minimum=3).look()) == 3


def test_a_node_goes_when_it_has_rested_and_hands_over_before(world: World) -> None:
    """Not while its tasks are few for a moment; the busy ones and the scheduler's stay."""
    adapted = Adapted(world, 4)
    adapted.scheduler.wants, adapted.scheduler.busy = 1, {"node2"}
    assert len(adapted.look()) == 4
    assert len(adapted.look(after=299)) == 4
    assert adapted.look(after=2) == ["node0", "node2"]
    retired = [do for do, _ in world.fleet.node(adapted.handle, "node3").requests if do == "retire"]
    assert retired == ["retire"]
    assert len(world.machines()) == 2


def test_work_in_between_begins_the_rest_anew(world: World) -> None:
    """A node that computes every four minutes is not bought every four minutes."""
    adapted = Adapted(world, 2)
    adapted.look()
    adapted.scheduler.busy = {"node1"}
    adapted.look(after=200)
    adapted.scheduler.busy = set()
    assert len(adapted.look(after=200)) == 2
    assert len(adapted.look(after=301)) == 1


def test_beyond_the_maximum_busy_nodes_go_too(world: World) -> None:
    """Who gives a maximum below the present size wants fewer machines now."""
    adapted = Adapted(world, 4, maximum=2)
    adapted.scheduler.wants, adapted.scheduler.busy = 4, {"node0", "node1", "node2", "node3"}
    assert adapted.look() == ["node0", "node1"]


def test_no_capacity_is_told_and_asked_again_later(world: World) -> None:
    """Nothing is raised, the cluster keeps its size, and the provider is not asked every second."""
    adapted = Adapted(world, 1)
    adapted.scheduler.wants = 3
    world.cloud.no_capacity(times=2)
    assert adapted.look() == ["node0"]
    told = [event.text for event in world.events if event.phase == "adapting"]
    assert told[-1].startswith("fake has no fake.small free")
    assert told[-1].endswith(f"again in {PAUSE:g} s")
    launches = len(world.cloud.calls("launch"))
    adapted.look(after=1)
    assert len(world.cloud.calls("launch")) == launches
    adapted.look(after=PAUSE)
    assert adapted.nodes == ["node0"]
    adapted.look(after=PAUSE)
    assert adapted.nodes == ["node0"], "the pause grows"
    assert len(adapted.look(after=2 * PAUSE)) == 3
    assert world.ctx.store.record(adapted.handle).state is ClusterState.RUNNING


def test_nodes_that_would_end_the_cluster_before_they_boot_are_no_capacity(world: World) -> None:
    """A cost that one node reaches in an hour and sixty in a minute: it goes on with what it has, and tells why."""
    adapted = Adapted(world, 1, maximum=60)
    adapted.scheduler.wants = 60
    asyncio.run(change_limits(world.ctx, adapted.handle, {"max_cost": 0.101}))
    assert adapted.look(after=3600) == ["node0"]
    told = [event.text for event in world.events if event.phase == "adapting"]
    assert "with 59 more machines, cluster" in told[-1]
    assert "beyond its limit max_cost" in told[-1]
    assert told[-1].endswith(f"again in {PAUSE:g} s")
    assert len(world.cloud.calls("launch")) == 1
    asyncio.run(change_limits(world.ctx, adapted.handle, {"max_cost": "off"}))
    assert len(adapted.look(after=PAUSE)) == 60


def test_nodes_stay_in_the_record_until_the_provider_says_that_they_are_gone(world: World) -> None:
    """A failed deletion is told, and the next look goes on with it."""
    adapted = Adapted(world, 2)
    adapted.look()
    world.cloud.fail("terminate", "CredentialsRefused")
    assert adapted.look(after=301) == ["node0", "node1"]
    assert world.ctx.store.record(adapted.handle).state is ClusterState.SCALING
    assert adapted.look(after=PAUSE) == ["node0"]
    assert len(world.machines()) == 1


@pytest.mark.parametrize(
    ("minimum", "maximum", "cooldown", "said"),
    [
        (1, None, 1, "needs a maximum"),
        (0, 2, 1, "minimum=0 is not a whole number"),
        (1, 2.5, 1, r"maximum=2\.5 is not a whole number"),
        (3, 2, 1, "minimum=3 is above maximum=2"),
        (1, 2, -1, "cooldown=-1 is not a number of seconds"),
        (1, 2, "5m", "cooldown='5m' is not a number of seconds"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(minimum: object, maximum: object, cooldown: object, said: str) -> None:
    """With what to write instead; machines without an upper bound would be money without one."""
    with pytest.raises(InvalidContract, match=said):
        Bounds.checked(minimum, maximum, cooldown)


def test_a_node_that_is_new_has_rested_since_it_was_seen() -> None:
    """And one that is gone is forgotten."""
    rest = Rest()
    rest.see(["a", "b"], ["b"], now=0.0)
    rest.see(["a", "b", "c"], [], now=10.0)
    assert rest.over(10.0, now=10.0) == {"a"}
    rest.see(["b", "c"], [], now=20.0)
    assert rest.over(10.0, now=20.0) == {"b", "c"}
