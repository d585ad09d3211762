"""Other limits for a cluster that is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.limits import AtLimit, Limits
from cloudclusters.errors import IllegalState, InvalidSetting, NodeUnreachable
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.outlook import look_out
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.provider.fake.provider import StoppableFakeProvider
from cloudclusters.provider.protocol import Traits
from cloudclusters.store.record import ClusterRecord, ClusterState

HOUR = 3600.0


@pytest.fixture
def record(world: World) -> ClusterRecord:
    """A running cluster of two machines with an idle limit and a lifetime."""
    plan = msgspec.structs.replace(plan_of(2), settings={"idle_timeout": "1h", "max_lifetime": "8h"})
    return asyncio.run(deploy(world.ctx, plan))


def told(world: World, record: ClusterRecord, node: str) -> Mapping[str, object]:
    """The limits that a node goes by."""
    found = world.fleet.node(record.handle, node).limits
    assert found is not None
    return found


def test_limits_that_are_named_hold_on_every_node_at_once(world: World, record: ClusterRecord) -> None:
    """The others stay; a repetition is harmless, and the journal has nothing open."""
    options = {"idle_timeout": "2h", "max_lifetime": "off", "max_cost": 2, "at_limit": "stop"}
    asyncio.run(change_limits(world.ctx, record.handle, options))
    changed = asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "3h"}))

    assert changed.limits == Limits(idle_timeout=3 * HOUR, max_cost=2, at_limit=AtLimit.STOP)
    assert world.ctx.store.record(record.handle).limits == changed.limits
    for node in ("node0", "node1"):
        limits = told(world, record, node)
        assert (limits["idle_timeout"], limits["at_limit"]) == (3 * HOUR, "stop")
        assert limits["deadline"] == pytest.approx(changed.history[0].at + 10 * HOUR, abs=60)
    assert world.ctx.store.left_open() == []


def test_nodes_that_do_not_answer_are_told_of(world: World, record: ClusterRecord) -> None:
    """Whoever extends a lifetime must know that it is not extended there; the others have it."""
    world.fleet.silence(record.handle, "node1")

    with pytest.raises(NodeUnreachable, match="but node1 could not be told: the old ones hold there"):
        asyncio.run(change_limits(world.ctx, record.handle, {"max_lifetime": "24h"}))

    assert told(world, record, "node0")["deadline"] == record.history[0].at + 24 * HOUR
    assert world.ctx.store.record(record.handle).limits.max_lifetime == 24 * HOUR


def test_without_the_head_nobody_is_told(world: World, record: ClusterRecord) -> None:
    """It decides for all; the error says so."""
    world.fleet.silence(record.handle, "node0")

    with pytest.raises(NodeUnreachable, match="node0, which decides for all, could not be told"):
        asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "off"}))


def test_the_outlook_is_by_the_limits_of_a_head_that_could_not_be_told(world: World, record: ClusterRecord) -> None:
    """They hold there, whatever the record says; nobody believes in a lifetime that is not."""
    world.fleet.silence(record.handle, "node0")
    with pytest.raises(NodeUnreachable):
        asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "off", "max_lifetime": "24h"}))
    world.fleet.node(record.handle, "node0").silent = False
    changed = world.ctx.store.record(record.handle)

    untold = asyncio.run(look_out(world.ctx, changed))
    asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "off"}))
    told = asyncio.run(look_out(world.ctx, changed))

    assert (untold.limits, untold.strikes_why) == (record.limits, "it was not used for 1h")
    assert "node0 goes by other limits" in untold.untold
    assert (told.limits, told.strikes_why, told.untold) == (changed.limits, "it has lived for 1d", "")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_lifetime": "1h"}, "max_lifetime=1h has struck already: it has lived for 1h"),
        ({"max_cost": 0.1}, r"max_cost=0.1 has struck already: it has cost \$0.1"),
        ({"idle_timeout": "soon"}, "limits: idle_timeout: 'soon'"),
    ],
)
def test_a_limit_that_cannot_be_meant_changes_nothing(
    world: World, record: ClusterRecord, options: dict[str, object], said: str
) -> None:
    """To let go at once is a verb of its own."""
    world.clock.advance(2 * HOUR)

    with pytest.raises(InvalidSetting, match=said):
        asyncio.run(change_limits(world.ctx, record.handle, options))

    assert world.ctx.store.record(record.handle).limits == record.limits


def test_limits_of_an_interrupted_cluster_hold_when_it_is_resumed(world: World, record: ClusterRecord) -> None:
    """Nobody is there to be told before; a terminated one has no limits any more."""
    asyncio.run(interrupt(world.ctx, record.handle))
    world.clock.advance(9 * HOUR)
    with pytest.raises(IllegalState, match="beyond its limit max_lifetime"):
        asyncio.run(resume(world.ctx, record.handle))

    asyncio.run(change_limits(world.ctx, record.handle, {"max_lifetime": "24h"}))
    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING

    asyncio.run(terminate(world.ctx, record.handle))
    with pytest.raises(IllegalState, match="limits is not possible any more"):
        asyncio.run(change_limits(world.ctx, record.handle, {"max_lifetime": "off"}))


def test_limits_that_were_turned_off_during_an_interruption_are_off_on_this_machine_too(
    world: World, record: ClusterRecord
) -> None:
    """Nodes there keep what they were told last; without limits they are told nothing at their deploy."""
    asyncio.run(interrupt(world.ctx, record.handle))
    asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "off", "max_lifetime": "off"}))

    class Shared(StoppableFakeProvider):
        @property
        def traits(self) -> Traits:
            return replace(super().traits, shared=True)

    provider = Shared(world.cloud)
    asyncio.run(resume(replace(world.ctx, provider=lambda _: provider), record.handle))

    for node in ("node0", "node1"):
        assert (told(world, record, node)["idle_timeout"], told(world, record, node)["deadline"]) == (None, None)


def test_a_driver_that_dies_before_it_told_the_nodes_is_finished(
    world: World, record: ClusterRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record has the new limits; the next command tells the agents."""

    class Killed(BaseException):
        """The process is gone."""

    async def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr("cloudclusters.lifecycle.change_limits.enforce", killed)
    with pytest.raises(Killed):
        asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "4h"}))
    assert world.ctx.store.left_open() == [record.handle]

    asyncio.run(reconcile(world.ctx, record.handle))

    assert told(world, record, "node1")["idle_timeout"] == 4 * HOUR
    assert world.ctx.store.left_open() == []


def test_the_outlook_is_the_earlier_of_use_and_deadline(world: World, record: ClusterRecord) -> None:
    """Asked of the head's agent; one that does not answer leaves the deadline, and is told."""
    now = world.clock.now()

    found = asyncio.run(look_out(world.ctx, record))
    world.fleet.silence(record.handle, "node0")
    unheard = asyncio.run(look_out(world.ctx, record))

    assert (found.strikes_why, found.idle_for, found.unheard) == ("it was not used for 1h", 0.0, "")
    assert found.strikes_at == pytest.approx(now + HOUR, abs=1)
    assert (unheard.strikes_why, unheard.idle_for) == ("it has lived for 8h", None)
    assert "node0" in unheard.unheard
