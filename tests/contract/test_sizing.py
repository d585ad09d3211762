"""How many nodes: a number, or the fewest of a type that reach what all must have together."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.document import Contract
from cloudclusters.contract.plan import plan
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.sizing import Sizing, sizing_of
from cloudclusters.contract.text import from_texts, from_toml, to_toml
from cloudclusters.errors import InvalidContract, NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Range, contains

Solve = Callable[..., Resolution]
GiB = 2**30
FACTS = {"ec2": ProviderFacts(name="ec2", regions=("r",))}


def sold(**types: tuple[int | None, float | None, float | None]) -> Catalog:
    """Types of vcpus, GiB and price."""
    machines = [
        MachineType("ec2", f"{name}.x", vcpus=v, memory_bytes=None if m is None else int(m * GiB), accelerator_count=0)
        for name, (v, m, _) in types.items()
    ]
    return Catalog.build(machines, [Price("ec2", f"{name}.x", "r", usd) for name, (_, _, usd) in types.items()])


def of(*texts: str) -> Contract:
    """A contract of text forms."""
    return from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0)


def solved(catalog: Catalog, *texts: str, **more: object) -> list[tuple[str, int, float | None]]:
    """Types, numbers of nodes and prices of whole clusters, in order."""
    found = resolve(of(*texts), catalog, Settings(), providers=FACTS, **more)  # type: ignore[arg-type]
    return [(c.offer.instance_type, c.count, c.cluster_usd) for c in found.roles[0].choices]


BOTH = sold(big=(64, 256, 3.0), small=(32, 128, 1.4), odd=(48, None, 2.0))


def test_plan_chooses_between_few_large_and_many_small_machines() -> None:
    """By the price of the whole cluster, each type with the fewest nodes that do."""
    assert solved(BOTH, "total_vcpus>=512") == [
        ("odd.x", 11, 22.0),
        ("small.x", 16, pytest.approx(22.4)),
        ("big.x", 8, 24.0),
    ]
    assert solved(BOTH, "total_vcpus>=512", "node_count<=8") == [("big.x", 8, 24.0)]
    assert solved(BOTH, "total_vcpus>=512", "total_memory>=3T") == [
        ("small.x", 24, pytest.approx(33.6)),
        ("big.x", 12, 36.0),
    ]
    assert solved(BOTH, "total_vcpus=96", "node_count=2..3") == [("odd.x", 2, 4.0), ("small.x", 3, pytest.approx(4.2))]


def test_the_plan_and_its_fallbacks_have_one_number_of_nodes() -> None:
    """Another number would be another plan."""
    contract = of("total_vcpus>=64", "node_count<=2")
    found = resolve(contract, sold(a=(64, 1, 1.0), b=(32, 1, 0.6), c=(64, 1, 2.0)), Settings(), providers=FACTS)
    (role,) = plan(found, contract, Settings(), FACTS).roles
    assert (role.offer.instance_type, role.count, [o.instance_type for o in role.fallbacks]) == ("a.x", 1, ["c.x"])
    assert "1 to 2 nodes; 3 offers" in str(found)
    assert " nodes " in str(found)


@pytest.mark.parametrize(
    ("texts", "least", "sizing"),
    [
        (("node_count=3",), 3, {}),
        (("node_count=2..4",), 2, {"node_count": Range(2, 4)}),
        (("node_count<=4",), 1, {"node_count": Range(1, 4)}),
        (("node_count>=4", "node_count<=4"), 4, {}),
        (("total_cores>=9",), 1, {"node_count": Range(1, None), "total_cores": Range(9, None)}),
        (("total_cores>=9", "node_count=3"), 3, {"total_cores": Range(9, None)}),
        (("total_cores=any",), 1, {}),
        (("cluster_hourly_price<=7",), 1, {"cluster_hourly_price": Range(None, 7)}),
    ],
)
def test_contracts_keep_what_they_ask_of_the_whole_cluster(
    texts: tuple[str, ...], least: int, sizing: dict[str, Range]
) -> None:
    """And survive their own TOML."""
    contract = of(*texts)
    assert (contract.node_count, contract.sizing) == (least, sizing)
    again = from_toml(to_toml(contract), "again.toml", handle=contract.handle, created=1.0)
    assert again == contract
    assert all(
        text in "".join(str(contract).split()) for text in texts if "any" not in text and "node_count" not in text
    )


def test_access_node_counts_for_no_total() -> None:
    """Its number is one."""
    contract = make_contract({"cluster_type": "ManagerWorkers", "total_vcpus": ">=128"}, handle="A" * 15)
    manager, worker = resolve(contract, BOTH, Settings(), providers=FACTS).roles
    assert {c.count for c in manager.choices} == {1}
    assert {(c.offer.instance_type, c.count) for c in worker.choices} == {("odd.x", 3), ("small.x", 4), ("big.x", 2)}


@pytest.mark.parametrize(
    ("texts", "clash", "instead"),
    [
        (("node_count=2", "total_vcpus>=512"), ("total_vcpus>=512", "node_count=2"), "node_count=8 buys 8 x big.x"),
        (("total_vcpus>=512", "cluster_hourly_price<=20"), ("total_vcpus>=512", "cluster_hourly_price<=20"), None),
        (
            ("node_count=3", "cluster_hourly_price<=3"),
            ("cluster_hourly_price<=3",),
            "cluster_hourly_price<=4.2 buys 3 x",
        ),
    ],
)
def test_what_clashes_is_named_and_loosened(
    texts: tuple[str, ...], clash: tuple[str, ...], instead: str | None
) -> None:
    """The number of nodes with the totals that it must reach, or what the cluster may cost."""
    with pytest.raises(NoMatch) as caught:
        solved(BOTH, *texts)
    assert set(clash) <= set(caught.value.conflicts)
    if instead:
        assert any(instead in str(each) for each in caught.value.relaxations)


def test_price_of_the_cluster_holds_for_all_roles_together() -> None:
    """The workers leave room for the access node, and the other way round."""
    catalog = sold(a=(2, 4, 1.0), b=(4, 8, 3.0))
    wish = {"cluster_type": "ManagerWorkers", "node_count": 2, "worker": {"node_vcpus_count": 2}, "policy": "tightest"}

    def made(**more: object) -> list[tuple[str, int]]:
        contract = make_contract({**wish, "node_memory_size": ">=4G", **more}, handle="A" * 15)
        found = resolve(contract, catalog, Settings(), providers=FACTS)
        return [(r.offer.instance_type, r.count) for r in plan(found, contract, Settings(), FACTS).roles]

    assert made(manager={"node_vcpus_count": ">=1"}, cluster_hourly_price="<=3") == [("a.x", 1), ("a.x", 2)]
    assert made(manager={"node_vcpus_count": 4}, cluster_hourly_price="<=5") == [("b.x", 1), ("a.x", 2)]
    with pytest.raises(NoMatch, match="no cluster that fits satisfies cluster_hourly_price<=4; the cheapest is 5"):
        made(manager={"node_vcpus_count": 4}, cluster_hourly_price="<=4")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("total_vcpus=9..3",), "no number is from 9 to 3"),
        (("total_vcpus>=4", "total_vcpus<=2"), "nothing can satisfy both total_vcpus>=4 and total_vcpus<=2"),
        (("total_memory=lots",), "total_memory"),
        (("manager.total_vcpus>=4", "cluster_type=ManagerWorkers"), "total_vcpus is about the whole cluster"),
    ],
)
def test_wrong_totals_are_told(texts: tuple[str, ...], said: str) -> None:
    """As all wrong constraints are."""
    with pytest.raises(InvalidContract, match=said):
        of(*texts)


cells = st.one_of(st.none(), st.sampled_from([0, 0.125, 0.5, 1, 2, 3, 7, 64]))
ranges = st.tuples(st.one_of(st.none(), st.integers(0, 40)), st.one_of(st.none(), st.integers(0, 40))).map(
    lambda ends: Range(min(filter(None, ends), default=None), max(filter(None, ends), default=None))
)


@settings(deadline=None, max_examples=200)
@given(cells, cells, ranges, ranges, st.integers(1, 6), st.one_of(st.none(), st.integers(1, 60)))
def test_fewest_nodes_against_trying_all_numbers(
    vcpus: float | None, accelerators: float | None, total: Range, devices: Range, least: int, most: int | None
) -> None:
    """The first number that satisfies everything, or none."""
    sizing = Sizing(least=least, most=most, totals={"total_vcpus": total, "total_accelerators": devices})
    machine = MachineType("ec2", "x", vcpus=vcpus, accelerator_count=accelerators)  # type: ignore[arg-type]
    expected = 0
    if vcpus is not None and accelerators is not None:
        fit = (n for n in range(least, min(most or math.inf, 400) + 1) if True)  # type: ignore[arg-type]
        expected = next((n for n in fit if contains(total, n * vcpus) and contains(devices, n * accelerators)), 0)
    assert sizing.count(machine) == expected


def test_sizing_of_a_contract_that_asks_for_nothing_is_its_number() -> None:
    """No column is looked at."""
    sizing = sizing_of(3, {})
    assert (sizing.is_fixed, sizing.columns, sizing.count(MachineType("ec2", "x"))) == (True, (), 3)
