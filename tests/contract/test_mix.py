"""Spot and on demand in one plan: how many of each, what it costs, and what is said before the yes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.base.cloud import Market
from cloudclusters.base.limits import Limits
from cloudclusters.catalog import Catalog, MachineType, Offering, Price, Region
from cloudclusters.cli.plans import in_short, plan_row
from cloudclusters.contract.document import Plan, groups
from cloudclusters.contract.limits import check_priced
from cloudclusters.contract.mix import Mix
from cloudclusters.contract.plan import plan
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.errors import InvalidContract, InvalidSetting, NoMatch
from cloudclusters.settings import Settings

FACTS = {"ec2": ProviderFacts(name="ec2", regions=("r",), stops_spot=False)}
CATALOG = Catalog.build(
    [MachineType("ec2", name, vcpus=4, spot=True) for name in ("a.large", "b.large")],
    [Price("ec2", "a.large", "r", 0.30, spot_usd=0.10), Price("ec2", "b.large", "r", 0.20, spot_usd=0.11)],
)
SPOT, DEMAND = Market.SPOT, Market.ON_DEMAND


def planned(*texts: str) -> Plan:
    """The plan of a contract over two types."""
    contract = from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0, catalog=CATALOG)
    return plan(resolve(contract, CATALOG, Settings(), providers=FACTS), contract, Settings(), FACTS)


def markets(made: Plan) -> list[tuple[Market, int, float | None]]:
    """What is bought: market, how many, and the price of one."""
    return [(offer.market, count, offer.hourly_usd) for role in made.roles for offer, count in role.groups]


@given(st.integers(1, 10_000), st.none() | st.integers(0, 200), st.integers(0, 100))
def test_counts_of_a_mix_are_the_base_and_the_percentage_of_the_rest_rounded_up(
    count: int, base: int | None, percent: int
) -> None:
    """No node is bought twice or never, whatever the settings."""
    steady = Mix(base=base, percent=percent).steady("peer", count)
    first = min(count, 1 if base is None else base)
    assert first <= steady <= count
    assert (steady - first) * 100 >= (count - first) * percent > (steady - first - 1) * 100
    offer = planned("market=spot", "node_count=3").roles[0].offer
    parts = groups(offer, count, steady)
    assert sum(many for _, many in parts) == count
    assert sum(many for each, many in parts if each.market is DEMAND) == steady


def test_the_first_node_of_a_spot_cluster_is_on_demand() -> None:
    """It holds the scheduler; the plan shows and counts both prices, in words and in rows."""
    made = planned("market=spot", "node_count=8", "node_machinetype=a.large")
    assert markets(made) == [(DEMAND, 1, 0.30), (SPOT, 7, 0.10)]
    assert made.hourly_usd == pytest.approx(1.0)
    assert in_short(made) == "1 x a.large on demand at $0.3000 and 7 x a.large spot at $0.1000 at ec2 in r"
    assert "on-demand  0.3000         0.3000" in str(made)
    assert "spot       0.1000         0.7000" in str(made)
    rows = plan_row(made)["roles"]
    assert isinstance(rows, list)
    assert [(row["market"], row["nodes"], row["hourly_usd"]) for row in rows] == [
        ("on-demand", 1, 0.30),
        ("spot", 7, 0.10),
    ]
    assert made.warnings == ("interrupt will not be possible: ec2 cannot stop spot machines",)


def test_the_mix_decides_which_type_is_cheaper_for_the_whole_cluster() -> None:
    """Two nodes of the type that is cheaper on demand cost less, nine of the other."""
    assert planned("market=spot", "node_count=2").roles[0].offer.instance_type == "b.large"
    assert planned("market=spot", "node_count=20").roles[0].offer.instance_type == "a.large"


def test_base_and_percentage_are_bought_on_demand() -> None:
    """Two first, and a third of the other six, rounded up."""
    made = planned("market=spot", "node_count=8", "on_demand_base=2", "on_demand_percent=30")
    assert [(market, count) for market, count, _ in markets(made)] == [(DEMAND, 4), (SPOT, 4)]


def test_a_spot_scheduler_is_a_choice_that_is_warned_of() -> None:
    """Who writes 0 has it, and is told what it means."""
    made = planned("market=spot", "node_count=2", "on_demand_base=0")
    assert [(market, count) for market, count, _ in markets(made)] == [(SPOT, 2)]
    assert "node0, which holds the scheduler, is a spot machine" in made.warnings[0]


def test_a_cluster_of_one_node_is_told_to_have_no_spot_machine() -> None:
    """Else somebody would wonder about its price."""
    made = planned("market=spot", "node_machinetype=a.large")
    assert markets(made) == [(DEMAND, 1, 0.30)]
    assert "no node is a spot machine: on_demand_base (by default 1)" in made.warnings[0]


def test_a_bound_of_the_price_that_only_spot_machines_meet_is_told() -> None:
    """The first node costs more than the contract's bound."""
    made = planned("market=spot", "node_count=8", "node_hourly_price<=0.15")
    assert "node_hourly_price holds for spot machines; those on demand cost 0.2000 USD/h each" in made.warnings


def test_a_cost_is_not_limited_where_the_price_on_demand_is_unknown() -> None:
    """The spot machines have a price, and the scheduler's has none: nobody could tell when the limit strikes."""
    made = planned("market=spot", "node_count=2", "node_machinetype=a.large")
    (role,) = made.roles
    offer = msgspec.structs.replace(role.offer, on_demand_usd=None)
    unknown = msgspec.structs.replace(made, roles=(msgspec.structs.replace(role, offer=offer),))
    assert unknown.hourly_usd is None
    with pytest.raises(InvalidSetting, match=r"the price of a\.large at ec2 is not known"):
        check_priced(Limits(max_cost=5.0), unknown)


def test_settings_without_effect_are_told() -> None:
    """The market is on demand, and somebody thinks of spot."""
    made = planned("node_count=2", "on_demand_base=1", "max_price=0.2")
    assert made.warnings == ("on_demand_base and max_price have no effect: market is on-demand",)


def test_spot_machines_that_cost_too_much_are_not_planned() -> None:
    """`max_price` leaves the cheaper type, or on demand, or nothing at all."""
    made = planned("market=spot", "node_count=2", "max_price=0.105")
    assert {offer.instance_type for offer in (made.roles[0].offer, *made.roles[0].fallbacks)} == {"a.large"}
    assert markets(planned("market=any", "node_count=2", "max_price=0.05")) == [(DEMAND, 2, 0.20)]
    with pytest.raises(NoMatch, match=r"the cheapest is 0\.1000 USD/h"):
        planned("market=spot", "max_price=0.05")


@pytest.mark.parametrize(
    ("texts", "said", "hint"),
    [
        (
            ("market=spot", "max_price=0.05"),
            "max_price allows; the cheapest is 0.1000 USD/h",
            "raise max_price, or write",
        ),
        (
            ("market=spot", "max_price=0.05", "on_demand_base=0", "cluster_hourly_price<=0.15"),
            "max_price allows; the cheapest is 0.1000 USD/h",
            "raise max_price",
        ),
        (
            ("market=any", "max_price=0.05", "on_demand_base=0", "cluster_hourly_price<=0.15"),
            "max_price allows; the cheapest is 0.1000 USD/h",
            "raise max_price",
        ),
        (
            ("market=any", "max_price=0.05", "cluster_hourly_price<=0.15"),
            "no instance type satisfies cluster_hourly_price<=0.15",
            "ask for a little less:\n  cluster_hourly_price<=0.2 buys b.large",
        ),
        (
            ("market=any", "max_price=0.05", "cluster_hourly_price<=0.15", "cluster_type=ManagerWorkers"),
            "no cluster that fits satisfies cluster_hourly_price<=0.15; the cheapest is 0.4000 USD/h",
            "ask for cluster_hourly_price<=0.4",
        ),
        (
            ("market=spot", "max_price=0.05", "cluster_hourly_price<=0.15", "cluster_type=ManagerWorkers"),
            "max_price allows; the cheapest is 0.1000 USD/h",
            "raise max_price, or write",
        ),
    ],
)
def test_max_price_is_blamed_where_nothing_else_is_in_the_way(texts: tuple[str, ...], said: str, hint: str) -> None:
    """Another market is named where it helps; that the first node is on demand is the price's of the cluster."""
    with pytest.raises(NoMatch) as caught:
        planned(*texts)
    assert caught.value.message.endswith(said)
    assert caught.value.hint.startswith(hint)
    assert ("or write market=any" in caught.value.hint) == hint.endswith("or write")


def test_letting_go_of_a_zone_is_no_advice_where_max_price_then_refuses() -> None:
    """What is sold in other zones costs more than it allows."""
    regions = [Region("ec2", "us-east-1", zones=("us-east-1a", "us-east-1b"))]
    offerings = [Offering("ec2", "a.large", "us-east-1", zones=("us-east-1a",))]
    prices = [Price("ec2", "a.large", "us-east-1", 0.30, spot_usd=0.10)]
    catalog = Catalog.build([MachineType("ec2", "a.large", vcpus=4)], prices, offerings=offerings, regions=regions)
    for most, advised in (("0.2", True), ("0.05", False)):
        texts = ["market=spot", "on_demand_base=0", "cluster_hourly_price<=0.2", "zone=us-east-1b", f"max_price={most}"]
        contract = from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0, catalog=catalog)
        with pytest.raises(NoMatch) as caught:
            resolve(contract, catalog, Settings(), providers={"ec2": ProviderFacts(name="ec2", regions=("us-east-1",))})
        assert caught.value.hint.startswith('zone="" lets go of the zone') == advised


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("on_demand_base", "-1", "a whole number, 0 or more"),
        ("on_demand_base", "1.5", "a whole number, 0 or more"),
        ("on_demand_base", "many", "a whole number, 0 or more"),
        ("on_demand_percent", "101", "a number from 0 to 100"),
        ("on_demand_percent", "-1", "a number from 0 to 100"),
        ("on_demand_percent", "nan", "a number from 0 to 100"),
        ("max_price", "0", "not an amount in USD above 0"),
    ],
)
def test_what_no_mix_can_be_is_refused(key: str, value: str, said: str) -> None:
    """With the key and what to write instead."""
    with pytest.raises(InvalidContract, match=f"{key}.*{said}"):
        planned("market=spot", f"{key}={value}")
