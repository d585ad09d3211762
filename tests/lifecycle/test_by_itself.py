"""What the next command makes of machines that let go of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import Remain
from cloudclusters.base.remains import what_is_kept, what_is_left
from cloudclusters.errors import IllegalState
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import is_due
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.reconnect import reconnect, refresh, why_gone
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState
from cloudclusters.testing.cloud import Timing

HOUR = 3600.0


def limited(world: World, **limits: str) -> ClusterRecord:
    """A running cluster of two machines with these limits, at 0.2 USD an hour in all."""
    plan = msgspec.structs.replace(plan_of(2), settings={"idle_timeout": "off", **limits})
    return asyncio.run(deploy(world.ctx, plan))


def let_go(world: World, record: ClusterRecord, *, after: float, stop: bool = False) -> None:
    """All its machines power themselves off so many seconds later."""
    world.clock.advance(after)
    for machine in world.cloud.machines(record.handle):
        world.cloud.power_off(machine.id, stop=stop)


@pytest.mark.parametrize(
    ("limits", "after", "why"),
    [
        ({"idle_timeout": "1h"}, HOUR, "it was not used for 1h"),
        ({"max_lifetime": "8h", "idle_timeout": "1h"}, 8 * HOUR, "it has lived for 8h"),
        ({"max_cost": "1"}, 5 * HOUR, "it has cost $1"),
        ({}, 60, "its machines powered themselves off"),
    ],
)
def test_machines_that_deleted_themselves_end_the_cluster(
    world: World, limits: dict[str, str], after: float, why: str
) -> None:
    """The next look lets go of what was prepared, and the record says which limit it was: nothing is left."""
    record = limited(world, **limits)
    let_go(world, record, after=after)

    ended = asyncio.run(refresh(world.ctx, record.handle))

    assert (ended.state, ended.reason) == (ClusterState.TERMINATED, f"let go by itself: {why}")
    assert world.cloud.left() == []
    assert world.ctx.store.left_open() == []
    with pytest.raises(IllegalState, match=r"has been terminated .let go by itself"):
        asyncio.run(reconnect(world.ctx, record.handle))


def test_machines_that_stopped_are_an_interruption_and_resume(world: World) -> None:
    """Their disks are there: the reason stays until they start again, and then the clock of idleness begins anew."""
    record = limited(world, idle_timeout="1h", at_limit="stop")
    let_go(world, record, after=HOUR, stop=True)

    stopped = asyncio.run(reconnect(world.ctx, record.handle))
    again = asyncio.run(reconnect(world.ctx, record.handle))

    assert stopped.state is again.state is ClusterState.INTERRUPTED
    assert stopped.reason == again.reason == "let go by itself: it was not used for 1h"
    assert what_is_kept(again.remains) == "kept: 2 disks with 16 GiB: $1.28 per month"
    with pytest.raises(IllegalState, match=r"interrupted .let go by itself: it was not used for 1h."):
        asyncio.run(scale(world.ctx, record.handle, 3))
    resumed = asyncio.run(resume(world.ctx, record.handle))
    assert (resumed.state, resumed.reason) == (ClusterState.RUNNING, "")
    assert not is_due(resumed, world.clock.now())


def test_a_struck_limit_is_raised_before_the_machines_start_again(world: World) -> None:
    """They would let go at once; the error names the limit, and nothing is started."""
    record = limited(world, max_lifetime="8h", at_limit="stop")
    let_go(world, record, after=8 * HOUR, stop=True)

    with pytest.raises(IllegalState, match="beyond its limit max_lifetime: it has lived for 8h") as caught:
        asyncio.run(resume(world.ctx, record.handle))

    assert "--max-lifetime" in caught.value.hint
    assert world.cloud.calls("start") == []
    assert world.ctx.store.record(record.handle).state is ClusterState.INTERRUPTED


@pytest.mark.parametrize("verb", [interrupt, restart, lambda ctx, cluster: scale(ctx, cluster, 3)])
def test_every_verb_finds_out(world: World, verb: Callable[[Context, str], Awaitable[object]]) -> None:
    """Where a limit may have struck it looks first, and says what happened instead of failing on dead machines."""
    record = limited(world, idle_timeout="1h")
    let_go(world, record, after=2 * HOUR)

    with pytest.raises(IllegalState, match="let go by itself: it was not used for 1h"):
        asyncio.run(verb(world.ctx, record.handle))  # type: ignore[arg-type]

    assert world.cloud.left() == []


@pytest.mark.parametrize("first", [refresh, terminate])
def test_what_was_attached_to_machines_that_are_gone_is_not_known(
    world: World, first: Callable[[Context, str], Awaitable[ClusterRecord]]
) -> None:
    """Nobody says that nothing is left; where somebody could look in time, what is left is named."""
    gone, going = limited(world, idle_timeout="1h"), limited(world, idle_timeout="1h")
    let_go(world, gone, after=HOUR)
    world.cloud.leave(going.handle, Remain(kind="disk", id="vol-1", monthly_usd=8.0, why="yours"))
    world.cloud.slow(end=Timing(looks=3))
    let_go(world, going, after=HOUR)

    ended = [asyncio.run(first(world.ctx, record.handle)) for record in (gone, going)]  # type: ignore[arg-type]

    assert what_is_left(ended[0].remains).startswith("left: perhaps more (at an unknown price, ")
    assert "were gone before anybody saw what was attached" in what_is_left(ended[0].remains)
    assert what_is_left(ended[1].remains) == "left: disk vol-1 ($8.00 per month, yours)"


def test_machines_that_the_provider_forgot_let_go_too(world: World) -> None:
    """A provider does not tell for long of what is deleted; a limit that may have struck explains it."""
    world.cloud.forget_gone()
    record = limited(world, max_lifetime="8h")
    let_go(world, record, after=20 * HOUR)

    ended = asyncio.run(refresh(world.ctx, record.handle))

    assert (ended.state, ended.reason) == (ClusterState.TERMINATED, "let go by itself: it has lived for 8h")


def test_machines_that_were_lost_are_a_loss(world: World) -> None:
    """Nobody let go of them: before any limit, and when only some went by themselves, the cluster is broken."""
    lost, partly = limited(world, max_lifetime="8h"), limited(world, max_lifetime="8h")
    for machine in world.cloud.machines(lost.handle):
        world.cloud.lose(machine.id)
    world.cloud.power_off(world.cloud.machines(partly.handle)[1].id)

    seen = [asyncio.run(refresh(world.ctx, record.handle)) for record in (lost, partly)]

    assert [record.state for record in seen] == [ClusterState.BROKEN, ClusterState.BROKEN]
    assert seen[1].reason == "no machine for node1"


def test_a_cluster_is_due_once_a_limit_may_have_struck(world: World) -> None:
    """By the deadline for good; by idleness until somebody has looked."""
    record = limited(world, idle_timeout="1h", max_lifetime="8h")

    assert not is_due(record, record.seen + HOUR - 1)
    assert is_due(record, record.seen + HOUR + 1)
    world.clock.advance(2 * HOUR)
    looked = asyncio.run(refresh(world.ctx, record.handle))
    assert looked.state is ClusterState.RUNNING
    assert not is_due(looked, world.clock.now())
    assert is_due(looked, world.clock.now() + 6 * HOUR)


def test_who_gets_no_answer_learns_why(world: World) -> None:
    """A computation asks what became of its cluster; while the provider cannot be asked, nothing is known."""
    gone, there = limited(world, max_lifetime="8h"), limited(world)
    let_go(world, gone, after=8 * HOUR)

    world.cloud.unreachable(times=1)
    assert asyncio.run(why_gone(world.ctx, gone.handle)) == ""
    assert asyncio.run(why_gone(world.ctx, gone.handle)) == "let go by itself: it has lived for 8h"
    assert asyncio.run(why_gone(world.ctx, there.handle)) == ""
