"""What a whole cluster costs: exact, the same for rank, cap, plan, explanation and relaxation, whatever the mix."""

from __future__ import annotations

import math

import pytest

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.contract.explain import explain
from cloudclusters.contract.plan import plan
from cloudclusters.contract.policy import Policy
from cloudclusters.contract.resolution import KEPT, ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.errors import InvalidContract, NoMatch
from cloudclusters.settings import Settings

FACTS = {"ec2": ProviderFacts(name="ec2", regions=("r",))}
Usd = float | None


def sold(**types: tuple[int, Usd, Usd]) -> Catalog:
    """Types of vcpus, price on demand and price of a spot machine, in one region."""
    machines = [
        MachineType("ec2", f"{name}.x", vcpus=vcpus, clock_hz=10**9, spot=True) for name, (vcpus, _, _) in types.items()
    ]
    prices = [Price("ec2", f"{name}.x", "r", usd, spot_usd=spot) for name, (_, usd, spot) in types.items()]
    return Catalog.build(machines, prices)


def of(*texts: str) -> Contract:
    """A contract of text forms."""
    return from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0)


def solved(catalog: Catalog, *texts: str, policy: Policy | None = None) -> Resolution:
    """The resolution of text forms."""
    return resolve(of(*texts), catalog, Settings(), providers=FACTS, policy=policy)


def planned(catalog: Catalog, *texts: str, policy: Policy | None = None) -> Plan:
    """The plan of text forms."""
    return plan(solved(catalog, *texts, policy=policy), of(*texts), Settings(), FACTS)


def test_three_machines_of_a_dime_are_within_thirty_cents() -> None:
    """Prices are exact, though 3 * 0.1 is not 0.3 in binary."""
    dime = sold(a=(4, 0.1, None))
    best = solved(dime, "node_count=3", "cluster_hourly_price<=0.3").best
    assert best.cluster_usd == 0.3
    assert planned(dime, "node_count=3", "cluster_hourly_price<=0.3").hourly_usd == 0.3
    pair = sold(a=(4, 0.1, None), b=(8, 0.2, None))
    roles = ("cluster_type=ManagerWorkers", "manager.node_vcpus_count=4", "worker.node_vcpus_count=8")
    assert planned(pair, *roles, "cluster_hourly_price<=0.3").hourly_usd == 0.3


def test_cap_counts_what_a_spot_cluster_really_costs() -> None:
    """A single node is on demand, whatever the spot market asks."""
    catalog = sold(a=(4, 0.5, None), b=(4, 0.4, 0.9))
    found = solved(catalog, "market=spot", "cluster_hourly_price<=0.6")
    assert [(c.offer.instance_type, c.cluster_usd) for c in found.roles[0].choices] == [("b.x", 0.4), ("a.x", 0.5)]


def test_relaxation_of_the_cap_counts_the_mix_too() -> None:
    """The first node of a spot cluster is on demand."""
    catalog = sold(a=(4, 1.0, 0.1))
    with pytest.raises(NoMatch) as caught:
        solved(catalog, "market=spot", "node_count=3", "cluster_hourly_price<=0.5")
    (nearest,) = caught.value.relaxations
    assert nearest.instead == {"cluster_hourly_price": "cluster_hourly_price<=1.2"}
    assert solved(catalog, "market=spot", "node_count=3", "cluster_hourly_price<=1.2").best.cluster_usd == 1.2


def test_dearer_offer_may_satisfy_a_lower_bound_on_the_price() -> None:
    """So the cheapest does not stand for all, and the price alone is not what clashes."""
    catalog = Catalog.build(
        [MachineType("ec2", "a.x", vcpus=4)],
        [Price("ec2", "a.x", "us-east-1", 0.1), Price("ec2", "a.x", "eu-west-1", 0.7)],
    )
    with pytest.raises(NoMatch) as caught:
        solved(catalog, "node_hourly_price=0.5..2", "node_vcpus_count>=8", "cluster_locale=any")
    assert caught.value.conflict_sets == (("node_vcpus_count>=8",),)


def test_price_that_only_elsewhere_fewer_nodes_keep_to_is_no_conflict_by_itself() -> None:
    """With fewer nodes, somewhere else, the cap alone is satisfiable: it is not named alone."""
    catalog = Catalog.build([MachineType("ec2", "a.x", vcpus=8)], [Price("ec2", "a.x", "eu-central-1", 0.1)])
    with pytest.raises(NoMatch) as caught:
        solved(catalog, "total_vcpus>=100", "cluster_hourly_price<=0.3", "cluster_locale=us-east-1")
    assert caught.value.conflict_sets == (
        ("cluster_locale=us-east-1",),
        ("total_vcpus>=100", "cluster_hourly_price<=0.3"),
    )


def test_what_is_only_too_dear_for_its_least_number_is_told_of_the_price_alone() -> None:
    """The totals have no part in it."""
    with pytest.raises(NoMatch) as caught:
        solved(sold(a=(8, 1.0, None)), "total_vcpus<=12", "node_count=2..6", "cluster_hourly_price<=0.3")
    assert ("cluster_hourly_price<=0.3",) in caught.value.conflict_sets


def test_type_that_is_on_no_spot_market_is_told_so() -> None:
    """The place is not to blame."""
    catalog = Catalog.build([MachineType("ec2", "a.x", vcpus=8, spot=False)], [Price("ec2", "a.x", "r", 0.1)])
    with pytest.raises(NoMatch, match="on the spot market") as caught:
        solved(catalog, "market=spot")
    assert "market=any" in caught.value.hint
    assert solved(catalog, "market=any").best.offer.instance_type == "a.x"


def test_spot_machines_above_max_price_are_no_options() -> None:
    """However many of them are faster than the first that may be bought."""
    many = {f"t{i}": (100 + i, 2.0, 1.0) for i in range(KEPT + 10)}
    catalog = sold(cheap=(2, 0.2, 0.1), **many)
    texts = ("market=spot", "node_count=2", "policy=fastest", "max_price=0.5")
    assert [c.offer.instance_type for c in solved(catalog, *texts).roles[0].choices] == ["cheap.x"]
    assert planned(catalog, *texts).roles[0].offer.instance_type == "cheap.x"
    (told,) = explain(of(*texts), catalog, Settings(), providers=FACTS, about=["t1.x"]).subjects
    assert told.verdict == "does not fit"
    assert told.findings[-1].constraint == "max_price=0.5 (a setting)"


def test_all_roles_together_keep_within_the_cap() -> None:
    """Also where the fastest fifty partners are too dear, and with every fallback."""
    many = {f"t{i}": (100 + i, 10.0, None) for i in range(KEPT + 10)}
    catalog = sold(cheap=(2, 0.2, None), middle=(4, 3.0, None), **many)
    made = planned(catalog, "cluster_type=ManagerWorkers", "policy=fastest", "cluster_hourly_price<=11")
    assert [role.offer.instance_type for role in made.roles] == [f"t{KEPT + 9}.x", "cheap.x"]
    assert made.hourly_usd == 10.2
    dear = planned(catalog, "cluster_type=ManagerWorkers", "policy=fastest", "cluster_hourly_price<=13.5")
    manager, worker = dear.roles
    prices = [each.hourly_usd or math.inf for each in (worker.offer, *worker.fallbacks)]
    assert max(prices) + (manager.offer.hourly_usd or math.inf) <= 13.5


def test_without_a_pair_within_the_cap_the_plan_says_so() -> None:
    """Rather than to make what costs something else."""
    catalog = sold(a=(4, 0.1, None), b=(4, 5.0, None))
    with pytest.raises(NoMatch):
        planned(catalog, "cluster_type=ManagerWorkers", "cluster_hourly_price=1..4")


def test_explanation_counts_the_other_role_in_the_price_of_the_cluster() -> None:
    """What is cheap enough by itself does not fit when its partner makes it too dear."""
    contract = of("cluster_type=ManagerWorkers", "cluster_hourly_price<=1", "worker.node_vcpus_count=8")
    catalog = sold(a=(4, 0.2, None), b=(4, 0.6, None), big=(8, 0.5, None))
    told = explain(contract, catalog, Settings(), providers=FACTS, about=["b.x", "a.x"]).subjects
    manager = next(each for each in told if (each.role, each.instance_type) == ("manager", "b.x"))
    assert (manager.verdict, manager.cluster_usd) == ("does not fit", 1.1)
    fits = next(each for each in told if (each.role, each.instance_type) == ("manager", "a.x"))
    assert [(f.value, f.verdict) for f in fits.findings if f.constraint.startswith("cluster_hourly")] == [
        ("0.7000 USD/h", "met")
    ]


def test_explanation_misses_a_total_that_no_allowed_number_reaches() -> None:
    """One node would do, and two are the least."""
    contract = of("total_vcpus<=12", "node_count>=2")
    catalog = sold(a=(8, 0.2, None), b=(4, 0.2, None))
    (told,) = explain(contract, catalog, Settings(), providers=FACTS, about=["a.x"]).subjects
    assert (told.verdict, [str(f.verdict) for f in told.findings if f.constraint == "total_vcpus<=12"]) == (
        "does not fit",
        ["missed"],
    )


def test_unknown_price_is_last_for_an_own_function_too() -> None:
    """It is never chosen silently, and what else fits is."""
    catalog = sold(a=(4, None, None), b=(2, 0.5, None))
    assert planned(catalog, policy=lambda choice: -(choice.vcpus or 0)).roles[0].offer.instance_type == "b.x"


@pytest.mark.parametrize("key", [math.nan, None])
def test_what_an_own_function_gives_must_have_a_place_in_the_order(key: object) -> None:
    """Not a number is neither less nor more; the error says of which machine it was given."""
    with pytest.raises(InvalidContract, match=r"for a\.x at ec2 in r"):
        solved(sold(a=(4, 0.5, None)), policy=lambda choice: key)


def test_open_number_of_nodes_is_shown_though_it_is_the_same_for_all() -> None:
    """Nobody can tell it from the prices; one that the contract names stands in the title."""
    catalog = sold(a=(4, 0.1, None), b=(4, 0.2, None))
    shown = str(solved(catalog, "total_vcpus>=16"))
    assert "accelerators  nodes" in shown
    assert "accelerators  nodes" not in str(solved(catalog, "node_count=4"))
    assert ">nodes<" in solved(catalog, "total_vcpus>=16")._repr_html_()
    assert ">nodes<" not in solved(catalog, "node_count=4")._repr_html_()


def test_fallback_elsewhere_is_shown_with_its_place() -> None:
    """The same name three times tells nothing."""
    catalog = Catalog.build(
        [MachineType("ec2", "a.x", vcpus=4)],
        [Price("ec2", "a.x", "us-east-1", 0.1), Price("ec2", "a.x", "eu-west-1", 0.2)],
    )
    assert "fallbacks    a.x in eu-west-1\n" in str(planned(catalog, "cluster_locale=any"))


def test_relaxation_of_one_role_is_tried_with_the_other() -> None:
    """What is proposed makes the whole cluster: the worker's larger machine stands where no manager can."""
    catalog = Catalog.build(
        [MachineType("ec2", "small.x", vcpus=2), MachineType("ec2", "large.x", vcpus=8)],
        [Price("ec2", "small.x", "us-east-1", 1.0), Price("ec2", "large.x", "us-west-2", 1.0)],
    )
    roles = ("cluster_type=ManagerWorkers", "cluster_locale=any", "manager.node_vcpus_count=2")
    with pytest.raises(NoMatch) as caught:
        solved(catalog, *roles, "worker.node_vcpus_count>=16")
    (small,) = caught.value.relaxations
    assert (small.instead, small.instance_type) == ({"node_vcpus_count": "node_vcpus_count>=2"}, "small.x")
    with pytest.raises(NoMatch) as caught:
        solved(catalog, "cluster_type=ManagerWorkers", "cluster_locale=any", "worker.node_vcpus_count>=16")
    (nearest,) = caught.value.relaxations
    assert (nearest.instead, nearest.region) == ({"node_vcpus_count": "node_vcpus_count>=8"}, "us-west-2")


def test_cap_that_all_roles_together_exceed_is_told_with_the_lowest_price() -> None:
    """Also where it is too little for one of them alone."""
    roles = ("cluster_type=ManagerWorkers", "node_count=4", "node_vcpus_count=4")
    catalog = sold(a=(4, 0.1, None), b=(8, 0.01, None))
    for cap in ("0.01", "0.3"):
        with pytest.raises(NoMatch, match=r"no cluster that fits satisfies .* the cheapest is 0\.5000 USD/h") as caught:
            solved(catalog, *roles, f"cluster_hourly_price<={cap}")
        assert caught.value.conflict_sets == ((f"cluster_hourly_price<={cap}",),)
        hint = caught.value.hint.removeprefix("ask for ")
        assert [role.choices[0].cluster_usd for role in solved(catalog, *roles, hint).roles] == [0.5, 0.5]


def test_roles_that_meet_where_the_cap_is_too_low_are_told_of_the_cap() -> None:
    """And not that they never stand in one region: they do, and one of them alone costs more there."""
    catalog = Catalog.build(
        [MachineType("ec2", "small.x", vcpus=4), MachineType("ec2", "large.x", vcpus=8)],
        [
            Price("ec2", "small.x", "us-east-1", 0.5),
            Price("ec2", "large.x", "us-east-1", 1.2),
            Price("ec2", "large.x", "eu-west-1", 0.6),
        ],
    )
    texts = (
        "cluster_type=ManagerWorkers",
        "cluster_locale=any",
        "manager.node_vcpus_count=4",
        "worker.node_vcpus_count=8",
    )
    with pytest.raises(NoMatch, match=r"the cheapest is 1\.70 USD/h"):
        solved(catalog, *texts, "cluster_hourly_price<=1")


def test_very_many_small_nodes_are_told_with_what_asks_for_fewer() -> None:
    """The price alone says nothing of how many there should be."""
    tiny = sold(a=(2, 0.1, None))
    (note,) = (each for each in solved(tiny, "total_vcpus>=512").notes if "nodes of" in each)
    assert note.startswith("256 nodes of a.x are the cheapest; node_count<=16")
    assert not [each for each in solved(tiny, "node_count=256").notes if "nodes of" in each]
