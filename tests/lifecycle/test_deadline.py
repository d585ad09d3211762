"""When the limits of time and money strike."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle_world import SMALL, World, plan_of

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Slot
from cloudclusters.base.limits import AtLimit, Limits
from cloudclusters.errors import InvalidSetting
from cloudclusters.lifecycle.deadline import deadline_of, strike_of
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.spending import spent
from cloudclusters.store.record import Change, ClusterRecord, ClusterState, NodeRecord, Spent

BEGAN = 1_000_000.0
PRICES = st.floats(0.01, 100)
TIMES = st.floats(1, 1e6)
LIMITS = st.builds(Limits, max_lifetime=st.none() | st.floats(1, 1e7), max_cost=st.none() | st.floats(0.01, 1e5))


def record_of(limits: Limits, hourly: float, *, after: float, machines: int = 2) -> ClusterRecord:
    """A running cluster whose machines are paid since `after` seconds from its first record on."""
    plan = plan_of(machines)
    offer = msgspec.structs.replace(plan.roles[0].offer, hourly_usd=hourly / machines)
    nodes = tuple(
        NodeRecord(
            slot=Slot("peer", n),
            offer=offer,
            token="t",
            instance=Instance(
                id=f"i{n}", slot=Slot("peer", n), token="t", state=InstanceState.RUNNING, instance_type="fake.small"
            ),
        )
        for n in range(machines)
    )
    history = (Change(ClusterState.DEPLOYING, BEGAN), Change(ClusterState.RUNNING, BEGAN + after, machines, hourly))
    holding = Holding(provider="fake", cluster="c", owner="o", store="s")
    state = ClusterState.RUNNING
    return ClusterRecord(
        handle="c",
        state=state,
        plan=plan,
        holding=holding,
        nodes=nodes,
        history=history,
        limits=limits,
        spent=Spent(hourly_usd=hourly, at=BEGAN + after),
    )


@given(LIMITS, PRICES, TIMES, TIMES, TIMES)
def test_the_deadline_is_the_earlier_of_the_two(
    limits: Limits, hourly: float, after: float, first: float, later: float
) -> None:
    """It does not depend on when it is asked, at it the money is spent or the time is over, and before it neither."""
    record = record_of(limits, hourly, after=after)
    now = BEGAN + after + first

    deadline = deadline_of(record, now)

    if deadline is None:
        assert limits.max_lifetime is None
        assert limits.max_cost is None
        return
    again = deadline_of(record, now + later)
    assert again == pytest.approx(deadline)
    ends = [] if limits.max_lifetime is None else [BEGAN + limits.max_lifetime]
    if limits.max_cost is not None:
        ends.append(BEGAN + after + limits.max_cost / hourly * 3600)
    assert deadline == pytest.approx(min(ends))
    if limits.max_cost is not None and deadline > BEGAN + after:
        at_deadline = spent(record, deadline)
        assert at_deadline is not None
        assert at_deadline <= limits.max_cost * 1.0001


@given(PRICES, TIMES, st.floats(0.01, 1e5), st.floats(1.01, 10))
def test_more_machines_bring_the_deadline_nearer(hourly: float, after: float, most: float, factor: float) -> None:
    """What costs more per hour reaches the same money sooner; money that is spent stays spent."""
    few = record_of(Limits(max_cost=most), hourly, after=after)
    many = record_of(Limits(max_cost=most), hourly * factor, after=after)
    now = BEGAN + after

    ends = deadline_of(few, now), deadline_of(many, now)

    assert ends[0] is not None
    assert ends[1] is not None
    assert ends[1] < ends[0]


@pytest.mark.parametrize("state", [ClusterState.SCALING, ClusterState.RESTARTING])
def test_machines_that_are_being_bought_bring_the_deadline_nearer(state: ClusterState) -> None:
    """They hear it with their first boot, also where `restart` buys them in the place of lost ones."""
    record = record_of(Limits(max_cost=10), 2.0, after=60)
    first = record.nodes[0]
    bought = msgspec.structs.replace(first, slot=Slot("peer", 2), instance=None, unsettled=True)
    now = BEGAN + 60

    growing = msgspec.structs.replace(record, nodes=(*record.nodes, bought), state=state)

    before, after = deadline_of(record, now), deadline_of(growing, now)
    assert before is not None
    assert after == pytest.approx(now + (before - now) * 2 / 3)


def test_stopped_machines_reach_no_cost_and_a_lifetime() -> None:
    """A lifetime goes on while machines are stopped; money that nobody spends is never spent."""
    record = record_of(Limits(max_lifetime=3600, max_cost=5), 1.0, after=0)
    stopped = tuple(
        msgspec.structs.replace(node, instance=msgspec.structs.replace(node.instance, state=InstanceState.STOPPED))
        for node in record.nodes
        if node.instance
    )
    history = (*record.history, Change(ClusterState.INTERRUPTED, BEGAN + 600))
    paid = Spent(usd=0.1, at=BEGAN + 600)
    record = msgspec.structs.replace(record, nodes=stopped, history=history, spent=paid)

    strike = strike_of(record, BEGAN + 7200)

    assert strike is not None
    assert (strike.limit, strike.at, strike.why) == ("max_lifetime", BEGAN + 3600, "it has lived for 1h")


def test_the_record_has_the_limits_of_its_plan(world: World) -> None:
    """What costs money has an idle limit of an hour unless one is named; the rest is off."""
    plan = plan_of(1)
    named = msgspec.structs.replace(plan, settings={"idle_timeout": "10m", "max_cost": "$5", "at_limit": "stop"})

    bare, limited = (asyncio.run(deploy(world.ctx, each)) for each in (plan, named))

    assert bare.limits == Limits(idle_timeout=3600)
    assert limited.limits == Limits(idle_timeout=600, max_cost=5, at_limit=AtLimit.STOP)
    assert world.ctx.store.record(limited.handle).limits == limited.limits


def test_a_cost_that_nobody_can_count_is_no_limit(world: World) -> None:
    """Without a price nobody knows when it is reached: told before anything is made, with what to do instead."""
    plan = plan_of(1, offer=msgspec.structs.replace(SMALL, hourly_usd=None))
    plan = msgspec.structs.replace(plan, settings={"max_cost": "20"})

    with pytest.raises(InvalidSetting, match=r"max_cost is \$20, and the price of fake.small") as caught:
        asyncio.run(deploy(world.ctx, plan))

    assert "max_lifetime" in caught.value.hint
    assert world.cloud.calls("launch") == []
    assert world.ctx.store.records() == []


def test_what_once_had_no_price_does_not_lift_the_limit(world: World) -> None:
    """As in the ledger of a cluster from before it: what is paid now has a price, so the moment is known."""
    record = asyncio.run(deploy(world.ctx, plan_of(2)))
    paid = Spent(usd=0.4, hourly_usd=0.2, unknown=("compute",), at=BEGAN)
    record = msgspec.structs.replace(record, limits=Limits(max_cost=1.0), spent=paid)

    strike = strike_of(record, BEGAN + 3600)

    assert strike is not None
    assert strike.at == pytest.approx(BEGAN + 3 * 3600)
