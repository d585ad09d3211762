"""The fake fleet answers as agents do, and follows the fate of its machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cloudclusters.base.cloud import Holding, Instance, Launch, Offer, Place, Slot
from cloudclusters.errors import NodeError, NodeUnreachable
from cloudclusters.provider.fake.provider import StoppableFakeProvider
from cloudclusters.testing.cloud import FakeCloud, Timing
from cloudclusters.testing.fleet import FakeFleet, FakeLink, Fate

WORKER = {"name": "worker0", "kind": "worker", "argv": ["python"], "restarts": 5}
CLUSTER = "K" * 15


class World:
    """A cluster of one running machine."""

    def __init__(self) -> None:
        self.cloud = FakeCloud()
        self.cloud.slow(boot=Timing(), stop=Timing(), end=Timing())
        self.fleet = FakeFleet(self.cloud)
        self.provider = StoppableFakeProvider(self.cloud)
        bare = Holding(provider="fake", cluster=CLUSTER, owner="me", store="s", place=Place("fake-1"))
        self.holding = self.provider.prepare(bare)
        offer = Offer(provider="fake", instance_type="fake.small", place=Place("fake-1"))
        self.provider.launch(self.holding, Launch(token="t", offer=offer, slots=(Slot("peer", 0),)))

    def instance(self) -> Instance:
        (found,) = self.provider.describe(self.holding)
        return found

    async def connect(self) -> FakeLink:
        endpoint = self.instance().endpoint
        assert endpoint is not None
        return await self.fleet.meet(endpoint)

    async def started(self) -> dict[str, object]:
        link = await self.connect()
        answer = await link.call("start", processes=[WORKER])
        (process,) = answer["processes"]
        return process


@pytest.fixture
def world() -> World:
    return World()


async def states(world: World, until: str) -> list[str]:
    """The states that a watch tells, until this one comes."""
    told: list[str] = []
    async for event in (await world.connect()).stream("watch"):
        told.append(event["process"]["state"])
        if told[-1] == until:
            break
    return told


def test_hello_names_the_machine(world: World) -> None:
    """Facts as an agent gives them."""
    link = asyncio.run(world.connect())
    said = asyncio.run(link.call("hello"))
    assert (said["node"], said["instance"]) == ("node0", world.instance().id)


def test_process_is_ready_at_once(world: World) -> None:
    """With a life of its own."""
    process = asyncio.run(world.started())
    assert process["state"] == "ready"
    assert process["life"]
    assert world.fleet.alive(CLUSTER) == ["node0/worker0"]


def test_same_specification_is_left_alone(world: World) -> None:
    """Starting is repeatable; another specification replaces."""
    first, second = asyncio.run(world.started()), asyncio.run(world.started())
    assert first["life"] == second["life"]
    link = asyncio.run(world.connect())
    third = asyncio.run(link.call("start", processes=[WORKER | {"argv": ["other"]}]))
    assert third["processes"][0]["life"] != first["life"]


@pytest.mark.parametrize(
    ("fate", "state"), [(Fate.READY, "ready"), (Fate.HANG, "starting"), (Fate.FAIL, "failed"), (Fate.CRASH, "ready")]
)
def test_fates(world: World, fate: Fate, state: str) -> None:
    """A process fares as ordered, once."""
    world.fleet.node(CLUSTER).fates["worker0"] = [fate]
    asyncio.run(world.started())
    assert world.fleet.node(CLUSTER).processes["worker0"].state == state


def test_crash_gives_a_new_life(world: World) -> None:
    """The agent is the nanny."""
    before = asyncio.run(world.started())
    world.fleet.node(CLUSTER).crash("worker0")
    after = world.fleet.node(CLUSTER).processes["worker0"]
    assert (after.state, after.restarts) == ("ready", 1)
    assert after.life != before["life"]


def test_watch_tells_first_what_is_and_then_what_changes(world: World) -> None:
    """A crash is told step by step."""

    async def scene() -> list[str]:
        await world.started()
        watching = asyncio.create_task(states(world, "stopped"))
        await asyncio.sleep(0)
        world.fleet.node(CLUSTER).crash("worker0")
        await (await world.connect()).call("stop", names=None, grace=1)
        return await watching

    assert asyncio.run(scene()) == ["ready", "exited", "starting", "ready", "stopped"]


@pytest.mark.parametrize("end", ["stop", "lose", "cut", "silence"])
def test_watch_ends_when_the_node_is_lost(world: World, end: str) -> None:
    """Whoever waits is told, and not left waiting."""
    ends: dict[str, Callable[[], None]] = {
        "stop": lambda: world.provider.stop(world.holding, [world.instance().id]),
        "lose": lambda: world.cloud.lose(world.instance().id),
        "cut": lambda: world.fleet.cut(CLUSTER),
        "silence": lambda: world.fleet.silence(CLUSTER),
    }

    async def scene() -> None:
        watching = asyncio.create_task(states(world, "never"))
        await asyncio.sleep(0.01)
        await asyncio.to_thread(ends[end])  # from another thread, as through the door
        await asyncio.wait_for(watching, 10)

    with pytest.raises(NodeUnreachable):
        asyncio.run(scene())


def test_stopped_machine_refuses_and_forgets_its_processes(world: World) -> None:
    """After the start files are there, processes are not, and the old address is dead."""
    link = asyncio.run(world.connect())
    asyncio.run(link.call("write", files=[{"path": "a", "text": "kept"}]))
    asyncio.run(world.started())
    old = world.instance()
    world.provider.stop(world.holding, [old.id])
    with pytest.raises(NodeUnreachable):
        asyncio.run(link.call("hello"))
    world.instance()
    world.provider.start(world.holding, [old.id])
    again = asyncio.run(world.connect())
    assert asyncio.run(again.call("list")) == {"processes": []}
    assert world.fleet.node(CLUSTER).files == {"a": b"kept"}
    assert old.endpoint is not None
    with pytest.raises(NodeUnreachable):
        asyncio.run(world.fleet.meet(old.endpoint))


def test_refused_connections_end(world: World) -> None:
    """So many attempts fail, as while sshd comes up."""
    world.fleet.refuse(2)
    for _ in range(2):
        with pytest.raises(NodeUnreachable):
            asyncio.run(world.connect())
    assert asyncio.run(world.connect())


def test_cut_connection_can_be_made_again(world: World) -> None:
    """The agent lives on with its processes."""
    asyncio.run(world.started())
    link = asyncio.run(world.connect())
    world.fleet.cut(CLUSTER)
    with pytest.raises(NodeUnreachable):
        asyncio.run(link.call("list"))
    assert len(asyncio.run(asyncio.run(world.connect()).call("list"))["processes"]) == 1


def test_commands_and_logs(world: World) -> None:
    """A run ends with its code; a log tells of the latest life."""

    async def collect(do: str, **arguments: object) -> list[object]:
        return [event async for event in (await world.connect()).stream(do, **arguments)]

    world.fleet.node(CLUSTER).answers["pip"] = (1, "out", "no such package")
    assert asyncio.run(collect("run", argv=["pip", "install"])) == [
        {"fd": 1, "text": "out"},
        {"fd": 2, "text": "no such package"},
        {"code": 1},
    ]
    asyncio.run(world.started())
    assert asyncio.run(collect("log", name="worker0", tail=1)) == [{"text": "worker0 starts\n"}]


def test_leave_ends_everything(world: World) -> None:
    """The processes and the agent; the machine is the provider's to delete."""
    asyncio.run(world.started())
    asyncio.run(asyncio.run(world.connect()).call("leave", grace=1))
    assert world.fleet.alive(CLUSTER) == []
    with pytest.raises(NodeUnreachable):
        asyncio.run(world.connect())


def test_unknown_request_is_an_error(world: World) -> None:
    """A misspelt request does not pass for an empty answer."""
    link = asyncio.run(world.connect())
    with pytest.raises(NodeError, match="does not know"):
        asyncio.run(link.call("helo"))


def test_closed_link_is_closed(world: World) -> None:
    """Closing may be repeated; asking may not."""
    link = asyncio.run(world.connect())
    asyncio.run(link.close())
    asyncio.run(link.close())
    with pytest.raises(NodeUnreachable, match="closed"):
        asyncio.run(link.call("hello"))
