"""Zones in what `explain` is asked about: those of the contract's place, and the one that is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cloudclusters.catalog import Catalog, MachineType, Price, Region
from cloudclusters.contract.document import Contract
from cloudclusters.contract.explain import explain
from cloudclusters.contract.explanation import Subject
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings

Facts = Mapping[str, ProviderFacts]
Make = Callable[..., Contract]


def why(contract: Contract, catalog: Catalog, facts: Facts, *about: str) -> tuple[Subject, ...]:
    """How what is asked about fares."""
    return explain(contract, catalog, Settings(), providers=facts, about=about).subjects


@pytest.mark.parametrize("wish", ["", "us-east-1", "us-east-1a|us-east-1f", "us-east-1,!=us-east-1a", "eu-central-1"])
@pytest.mark.parametrize("zone", ["us-east-1a", "us-east-1d", "us-east-1e", "us-east-1f"])
def test_type_in_a_zone_fits_where_a_contract_for_that_zone_gets_it(
    contract: Make, full: Catalog, facts: Facts, wish: str, zone: str
) -> None:
    """A zone is not its region: the type may not be sold in it, and the contract may want another one."""
    name = "p4d.24xlarge"
    texts = ("node_provider=ec2", f"node_machinetype={name}")
    asked = contract(*texts, *([f"cluster_locale={wish}"] if wish else []))
    there, whole = why(asked, full, facts, f"{name}@{zone}", zone)
    allowed = wish in ("", "us-east-1") or zone in wish.split("|") or ("!=" in wish and f"!={zone}" not in wish)
    sold = True
    try:
        resolve(contract(*texts, f"cluster_locale={zone}"), full, Settings(), providers=facts)
    except NoMatch:
        sold = False
    assert (there.rank > 0) is (whole.rank > 0) is (allowed and sold)
    assert there.region == whole.region == zone
    assert there.rank or there.verdict == "does not fit"
    assert sold or there.findings[-1].value == "not sold there"
    assert sold or whole.verdict.startswith("nothing of it fits")


@pytest.mark.parametrize(
    ("wish", "about", "region", "rank"),
    [
        ("eu-central-1a|eu-central-1b", "Germany", "eu-central-1a", 1),
        ("us-east-1a", "North America", "us-east-1a", 4),
        ("us-east-1a", "us-east-1", "us-east-1a", 4),
        ("us-east-1a", "us-east-1b", "us-east-1b", 0),
        ("us-east-1a", "US-EAST-1A", "us-east-1a", 4),
        ("us-east-1a", "US-EAST-1B", "us-east-1b", 0),
    ],
)
def test_a_place_that_holds_the_zones_of_the_contract(
    contract: Make, full: Catalog, facts: Facts, wish: str, about: str, region: str, rank: int
) -> None:
    """An offer in one of them is an offer in the country and on the continent, too."""
    asked = contract("accelerator=L4", "node_provider=ec2", f"cluster_locale={wish}")
    (there,) = why(asked, full, facts, f"g6.xlarge@{about}")
    assert (there.region, there.rank) == (region, rank)
    assert there.rank or there.verdict == "does not fit"


@pytest.mark.parametrize("wish", ["", "us-east-1", "us-east-1a", "us-east-1,!=us-east-1a"])
@pytest.mark.parametrize("zone", ["us-east-1a", "us-east-1c", "us-east-1e"])
def test_the_zone_that_is_set_is_where_the_plan_stands(
    contract: Make, full: Catalog, facts: Facts, wish: str, zone: str
) -> None:
    """What is asked about in another zone does not fit; but a zone that the contract's place names goes before it."""
    name, sold = "p5en.48xlarge", {"us-east-1a", "us-east-1c"}
    texts = ("node_provider=ec2", f"node_machinetype={name}", f"zone={zone}")
    asked = contract(*texts, *([f"cluster_locale={wish}"] if wish else []))
    named = {"us-east-1a": {"us-east-1a"}, "us-east-1,!=us-east-1a": {"us-east-1c", "us-east-1e"}}.get(wish, {zone})
    for place in ("us-east-1a", "us-east-1c", "us-east-1e"):
        there, whole = why(asked, full, facts, f"{name}@{place}", place)
        assert (there.rank > 0) is (whole.rank > 0) is (place in named & sold)
        assert (there.findings[-1].verdict == "met") is (place in named & sold)
        assert there.rank or there.verdict == "does not fit"


def test_a_price_that_holds_everywhere_is_in_no_zone(contract: Make, facts: Facts) -> None:
    """As for whoever resolves: the contract gets none of it, and so it is told."""
    catalog = Catalog.build(
        [MachineType("ec2", "t3.xlarge", vcpus=4)],
        [Price("ec2", "t3.xlarge", "", 1.0)],
        regions=[Region("ec2", "us-east-1", zones=("us-east-1a",))],
    )
    (subject,) = why(contract("cluster_locale=us-east-1a"), catalog, facts, "t3.xlarge")
    assert (subject.rank, subject.verdict) == (0, "does not fit")
    assert [each.verdict for each in subject.findings if "cluster_locale" in each.constraint] == ["missed"]


def test_type_that_is_sold_in_other_zones_only_does_not_fit(contract: Make, full: Catalog, facts: Facts) -> None:
    """Not by itself either, as that would say that it does."""
    asked = contract("node_machinetype=p4d.24xlarge", "cluster_locale=us-east-1f")
    (subject,) = why(asked, full, facts, "p4d.24xlarge")
    assert subject.sentence == (
        "p4d.24xlarge at ec2 in us-east-1: does not fit; misses cluster_locale=us-east-1f (us-east-1)"
    )


def test_the_zone_that_is_set_stands_beside_the_place(contract: Make, full: Catalog, facts: Facts) -> None:
    """Both together say where machines may stand."""
    asked = contract("node_provider=ec2", "accelerator_count=8", "cluster_locale=us-east-1", "zone=us-east-1e")
    answer = why(asked, full, facts, "g6.48xlarge@us-east-1", "p5.48xlarge")
    texts = [(each.findings[-1].constraint, each.findings[-1].verdict) for each in answer]
    assert texts == [("cluster_locale=us-east-1, zone=us-east-1e", verdict) for verdict in ("missed", "met")]
    assert (answer[0].rank, answer[1].rank) == (0, 2)
    elsewhere = why(asked, full, facts, "eu-west-1", "us-west-2")
    assert ["would fit" in each.verdict for each in elsewhere] == [True, True]  # where the zone says nothing
    (other,) = why(contract("node_vcpus_count=4", "zone=us-east-1e"), full, facts, "g2-standard-4")
    assert other.sentence.endswith("does not fit; misses zone=us-east-1e (us-east4)")  # which is nowhere at gcp
