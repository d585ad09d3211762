"""What a limit of time or money has to say before machines start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest
from lifecycle_world import SMALL, World, plan_of, set_elsewhere

from cloudclusters.base.cloud import Rates
from cloudclusters.errors import IllegalState
from cloudclusters.lifecycle.affording import check_time_left, strike_with
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import strike_of
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.replacing import replace as replaced
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.provider.fake.provider import StoppableFakeProvider
from cloudclusters.provider.protocol import Traits
from cloudclusters.store.record import ClusterRecord, ClusterState

HOUR = 3600.0


class ByTheMinute(StoppableFakeProvider):
    """It takes a minute at least for every start, as EC2 does, and something for addresses and disks."""

    @property
    def traits(self) -> Traits:
        return replace(super().traits, rates={"": Rates(disk_usd=0.0, address_usd=0.02, least=60.0)})


@pytest.fixture
def ctx(world: World) -> Context:
    """The fake cloud, where a start costs at least a minute."""
    provider = ByTheMinute(world.cloud)
    return replace(world.ctx, provider=lambda _: provider)


def limited(ctx: Context, count: int, **limits: str) -> ClusterRecord:
    """A running cluster with these limits, at 0.1 USD per hour and node."""
    plan = msgspec.structs.replace(plan_of(count), settings={"idle_timeout": "off", **limits})
    return asyncio.run(deploy(ctx, plan))


def wait_for_strike(world: World, record: ClusterRecord, *, left: float) -> None:
    """Let time pass until the limit of a record strikes in so many seconds, as it was known when it was written.

    Once the first minute of its machines is over, a limit of cost is known to strike about a minute later.
    """
    strike = strike_of(record, world.clock.now())
    assert strike is not None
    world.clock.advance(strike.at - world.clock.now() - left)


def test_what_is_about_to_be_bought_brings_the_strike_nearer(world: World, ctx: Context) -> None:
    """The least of each start is spent at once, and its address is paid, too. The moment is no later than it was."""
    record = limited(ctx, 1, max_cost="1")
    now = world.clock.now() + HOUR
    before, after = strike_of(record, now), strike_with(record, [SMALL] * 4, now)

    assert before is not None
    assert after is not None
    left = (before.at - now) / HOUR * 0.12
    assert after.at - now == pytest.approx((left - 4 * 0.12 / 60) / (5 * 0.12) * HOUR)
    assert strike_with(record, [], now) == before


def test_a_strike_within_a_boot_or_the_least_of_a_start_is_refused(world: World, ctx: Context) -> None:
    """A lifetime, too: whoever buys them pays a minute of each for nothing."""
    record = limited(ctx, 1, max_lifetime="1h")
    began = record.history[0].at
    check_time_left(record, [SMALL], began + HOUR - 90)
    with pytest.raises(IllegalState, match="in 45s, before the machines have booted: it has lived for 1h"):
        check_time_left(record, [SMALL], began + HOUR - 45)
    slow = msgspec.structs.replace(record.history[-1], at=began + 300)
    slow_record = msgspec.structs.replace(record, history=(record.history[0], slow))
    with pytest.raises(IllegalState, match="in 1m30s, before the machines have booted"):
        check_time_left(slow_record, [SMALL], began + HOUR - 90)


@pytest.mark.parametrize(
    "verb", [lambda ctx, cluster: scale(ctx, cluster, 20), lambda ctx, cluster: replaced(ctx, cluster, "node1")]
)
def test_nothing_is_bought_that_ends_the_cluster(
    world: World, ctx: Context, verb: Callable[[Context, str], Awaitable[object]]
) -> None:
    """What computes goes on, and the error names the limit and what raises it."""
    record = limited(ctx, 2, max_cost="1")
    wait_for_strike(world, record, left=10)

    with pytest.raises(IllegalState, match=r"beyond its limit max_cost .*: it has cost \$1") as caught:
        asyncio.run(verb(ctx, record.handle))  # type: ignore[arg-type]

    assert "--max-cost off" in caught.value.hint
    after = world.ctx.store.record(record.handle)
    assert (after.state, [node.name for node in after.nodes]) == (ClusterState.RUNNING, ["node0", "node1"])
    assert len(world.cloud.calls("launch")) == 1
    assert world.ctx.store.left_open() == []


def test_restart_buys_nothing_that_the_limit_takes_at_once(world: World, ctx: Context) -> None:
    """In the place of a lost machine: the cluster stays broken, and the limit is named."""
    record = limited(ctx, 2, max_cost="1", on_lost="replace")
    wait_for_strike(world, record, left=10)
    assert record.nodes[1].instance is not None
    world.cloud.lose(record.nodes[1].instance.id)

    with pytest.raises(IllegalState, match="beyond its limit max_cost"):
        asyncio.run(restart(ctx, record.handle))

    assert len(world.cloud.calls("launch")) == 1


def test_limits_that_another_home_has_set_count(world: World, ctx: Context) -> None:
    """Our record does not know them yet; the machines tell them before anything is bought."""
    lowered, raised = limited(ctx, 1), limited(ctx, 1, max_lifetime="1h")
    set_elsewhere(world, lowered, lasts=30)
    set_elsewhere(world, raised, lasts=20 * HOUR)

    with pytest.raises(IllegalState, match="beyond its limit max_lifetime"):
        asyncio.run(scale(ctx, lowered.handle, 2))
    world.clock.advance(HOUR - 10)
    assert len(asyncio.run(scale(ctx, raised.handle, 2)).nodes) == 2


@pytest.mark.parametrize(("limits", "left"), [({"max_cost": "0.5"}, 0.0), ({"max_lifetime": "2h"}, 45.0)])
def test_machines_that_the_least_of_a_start_would_end_stay_stopped(
    world: World, ctx: Context, limits: dict[str, str], left: float
) -> None:
    """A limit of cost that strikes leaves up to a minute of it, which a start takes."""
    record = limited(ctx, 2, at_limit="stop", **limits)
    wait_for_strike(world, record, left=left)
    for machine in world.cloud.machines(record.handle):
        world.cloud.power_off(machine.id, stop=True)
    assert asyncio.run(refresh(ctx, record.handle)).state is ClusterState.INTERRUPTED
    (name,) = limits

    with pytest.raises(IllegalState, match=f"started again, cluster .* would be beyond its limit {name}") as caught:
        asyncio.run(resume(ctx, record.handle))

    assert f"--{name.replace('_', '-')} off" in caught.value.hint
    assert world.cloud.calls("start") == []
    assert world.ctx.store.record(record.handle).state is ClusterState.INTERRUPTED
    asyncio.run(change_limits(ctx, record.handle, {name: "off"}))
    assert asyncio.run(resume(ctx, record.handle)).state is ClusterState.RUNNING
