"""Spot and on demand in one cluster: two launches that stand and fall together."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import Holding, InstanceState, Market, Offer, Place
from cloudclusters.contract.document import Plan
from cloudclusters.errors import DeployFailed, NoCapacity, NotSupported
from cloudclusters.lifecycle.adopt import adopt
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import growth, scale
from cloudclusters.provider.fake.provider import FakeProvider
from cloudclusters.provider.fake.world import Fault
from cloudclusters.provider.protocol import Provider, Traits
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterRecord, ClusterState

SPOT, DEMAND = Market.SPOT, Market.ON_DEMAND
SMALL = Offer(
    provider="fake",
    instance_type="fake.small",
    place=Place(region="fake-1"),
    market=SPOT,
    hourly_usd=0.03,
    on_demand_usd=0.1,
)
LARGE = msgspec.structs.replace(SMALL, instance_type="fake.large", hourly_usd=0.12, on_demand_usd=0.4)


def mixed(count: int, steady: int = 1, *, fallbacks: tuple[Offer, ...] = (), **settings: int) -> Plan:
    """A plan for machines of the spot market, the first of which are on demand."""
    plan = plan_of(count, offer=SMALL, fallbacks=fallbacks)
    roles = (msgspec.structs.replace(plan.roles[0], steady_count=steady),)
    return msgspec.structs.replace(plan, roles=roles, settings=dict(settings))


def full(world: World, market: Market, instance_type: str = "", times: int | None = None) -> None:
    """No room for machines of this market (and type)."""
    world.cloud.order(Fault(verb="launch", market=market, instance_type=instance_type, times=times, leave=0))


def bought(record: ClusterRecord) -> list[tuple[str, Market, float | None]]:
    """Each node, the market of its machine, and its price as it was frozen."""
    return [(n.name, n.instance.market, n.offer.hourly_usd) for n in record.nodes if n.instance is not None]


def test_the_first_seats_are_on_demand_and_the_others_spot(world: World) -> None:
    """Each at its own price; what is paid is the sum, and tokens and places agree with the machines."""
    record = asyncio.run(deploy(world.ctx, mixed(4, 2)))
    assert bought(record) == [
        ("node0", DEMAND, 0.1),
        ("node1", DEMAND, 0.1),
        ("node2", SPOT, 0.03),
        ("node3", SPOT, 0.03),
    ]
    assert record.history[-1].hourly_usd == pytest.approx(0.26)
    assert len(world.cloud.calls("launch")) == 2
    assert len({node.token for node in record.nodes}) == 2
    assert all(n.instance is not None and n.token == n.instance.token for n in record.nodes)


@pytest.mark.parametrize("market", list(Market))
def test_a_group_without_room_undoes_the_other(world: World, market: Market) -> None:
    """All or nothing: no machine stays, and none is in the record."""
    full(world, market)
    with pytest.raises(DeployFailed, match="no offer of the plan has capacity"):
        asyncio.run(deploy(world.ctx, mixed(4)))
    assert world.cloud.left() == []
    (record,) = world.ctx.store.records(terminated=True)
    assert record.state is ClusterState.TERMINATED


@pytest.mark.parametrize("market", list(Market))
def test_both_groups_fall_back_together(world: World, market: Market) -> None:
    """The sibling type on both markets; what the first type had got is deleted before."""
    full(world, market, "fake.small")
    record = asyncio.run(deploy(world.ctx, mixed(3, fallbacks=(LARGE,))))
    assert [(n.offer.instance_type, n.offer.market, n.offer.hourly_usd) for n in record.nodes] == [
        ("fake.large", DEMAND, 0.4),
        ("fake.large", SPOT, 0.12),
        ("fake.large", SPOT, 0.12),
    ]
    living = [m for m in world.cloud.machines() if m.state is not InstanceState.GONE]
    assert sorted(m.instance_type for m in living) == ["fake.large"] * 3
    assert {m.place.zone for m in living} == {"fake-1a"}


def test_what_was_bought_for_nothing_stands_in_the_history(world: World) -> None:
    """Two spot machines were paid until there was no room on demand."""
    full(world, DEMAND, "fake.small")
    record = asyncio.run(deploy(world.ctx, mixed(3, fallbacks=(LARGE,))))
    assert [change.machines for change in record.history] == [0, 2, 0, 2, 3, 3]


def test_new_nodes_follow_the_mix(world: World) -> None:
    """The percentage holds for the cluster that comes of it, and the question before shows what is bought."""
    record = asyncio.run(deploy(world.ctx, mixed(3, 2, on_demand_base=1, on_demand_percent=50)))
    assert [(offer.market, count) for offer, count in growth(record, 7)] == [(DEMAND, 2), (SPOT, 2)]
    grown = asyncio.run(scale(world.ctx, record.handle, 7))
    assert [market for _, market, _ in bought(grown)] == [DEMAND, DEMAND, SPOT, DEMAND, DEMAND, SPOT, SPOT]
    assert [node.name for node in grown.nodes] == [f"node{n}" for n in range(7)]
    assert not any(node.unsettled for node in grown.nodes)


def test_a_single_node_on_demand_grows_by_spot_machines(world: World) -> None:
    """The cluster has none yet: the plan knows what they cost."""
    record = asyncio.run(deploy(world.ctx, mixed(1)))
    grown = asyncio.run(scale(world.ctx, record.handle, 3))
    assert bought(grown) == [("node0", DEMAND, 0.1), ("node1", SPOT, 0.03), ("node2", SPOT, 0.03)]


@pytest.mark.parametrize("market", list(Market))
def test_growing_by_half_is_undone(world: World, market: Market) -> None:
    """The cluster keeps its nodes, and what the other group had got is deleted."""
    record = asyncio.run(deploy(world.ctx, mixed(2, on_demand_percent=50)))
    full(world, market)
    with pytest.raises(NoCapacity):
        asyncio.run(scale(world.ctx, record.handle, 6))
    kept = world.ctx.store.record(record.handle)
    assert (kept.state, len(kept.nodes)) == (ClusterState.RUNNING, 2)
    assert sorted(world.machines()) == sorted(n.instance.id for n in kept.nodes if n.instance is not None)


def test_other_machines_of_a_mixed_cluster_are_mixed_too(world: World) -> None:
    """Resuming elsewhere, after it had grown."""
    record = asyncio.run(deploy(world.ctx, mixed(2, fallbacks=(LARGE,))))
    asyncio.run(scale(world.ctx, record.handle, 3))
    asyncio.run(interrupt(world.ctx, record.handle))
    world.cloud.fail("start", "NoCapacity", times=None)
    full(world, SPOT, "fake.small")
    found = asyncio.run(resume(world.ctx, record.handle, elsewhere=True))
    assert bought(found) == [("node0", DEMAND, 0.4), ("node1", SPOT, 0.12), ("node2", SPOT, 0.12)]
    assert len(world.machines()) == 3


def test_spot_machines_that_cannot_be_stopped_refuse_an_interrupt_before_anything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call is made, and the state never changes."""
    record = asyncio.run(deploy(world.ctx, mixed(3)))
    provider: Provider = world.ctx.provider("fake")
    monkeypatch.setattr(type(provider), "traits", Traits(spot=True, stops_spot=False))
    calls = len(world.cloud.calls())
    with pytest.raises(NotSupported, match="node1, node2 are spot machines, which fake cannot stop"):
        asyncio.run(interrupt(world.ctx, record.handle))
    assert len(world.cloud.calls()) == calls
    assert world.ctx.store.record(record.handle).history == record.history


class Entered(FakeProvider):
    """A provider that lets a new key in."""

    def enter(self, holding: Holding, instance: str, user: str, public_key: str) -> None:
        """The fleet asks for no key."""


def test_a_mixed_cluster_is_taken_up_with_all_its_prices(world: World, tmp_path: Path) -> None:
    """From another machine: each node at its own price, and both prices for those that come."""
    there = replace(world.ctx, home=tmp_path, store=Store.open(tmp_path))
    plan = mixed(3, on_demand_base=2)
    asyncio.run(deploy(there, plan))
    provider = Entered(world.cloud)
    (holding,) = provider.find()
    ctx = replace(world.ctx, provider=lambda _: provider)
    found = asyncio.run(adopt(ctx, holding))
    assert bought(found) == [("node0", DEMAND, 0.1), ("node1", SPOT, 0.03), ("node2", SPOT, 0.03)]
    assert found.plan.hourly_usd == plan.hourly_usd
    assert [(o.market, n, o.hourly_usd) for o, n in growth(found, 5)] == [(DEMAND, 1, 0.1), (SPOT, 1, 0.03)]
