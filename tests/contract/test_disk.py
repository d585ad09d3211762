"""Disk room: where root disks can be sized, any type meets a lower bound of `storage_size`, and the plan says so."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, MachineType, Price, cell_of
from cloudclusters.contract.disk import lacking, stands_in
from cloudclusters.contract.explain import explain
from cloudclusters.contract.plan import plan
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.contract.world import World, judged, role_of
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Verdict, judge

GB, TiB = 10**9, 2**40
FACTS = {
    "ec2": ProviderFacts(name="ec2", regions=("r",), root_disk_bytes=16 * TiB),
    "gcp": ProviderFacts(name="gcp", regions=("r",)),
}


def _machine(provider: str, name: str, disk: int | None, *, kind: str | None = None, rdma: str = "none") -> MachineType:
    return MachineType(provider, name, vcpus=4, memory_bytes=8 * GB, storage_bytes=disk, storage_type=kind, rdma=rdma)


TYPES = (
    _machine("ec2", "bare.large", 0, kind="remote-only"),
    _machine("ec2", "own.large", 900 * GB, kind="nvme-ssd", rdma="efa"),
    _machine("ec2", "more.large", 2000 * GB, kind="nvme-ssd"),
    _machine("ec2", "untold.large", None),
    _machine("gcp", "n2-4", 0, kind="remote-only"),
    _machine("gcp", "n2-4-lssd", 900 * GB, kind="nvme-ssd"),
)
COSTS = {"bare.large": 0.1, "own.large": 0.2, "more.large": 0.3, "untold.large": 0.4, "n2-4": 0.05, "n2-4-lssd": 0.5}
CATALOG = Catalog.build(TYPES, [Price(t.provider, t.instance_type, "r", COSTS[t.instance_type]) for t in TYPES])


def _resolved(*texts: str, facts: Mapping[str, ProviderFacts] = FACTS) -> Resolution:
    contract = from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0, catalog=CATALOG)
    return resolve(contract, CATALOG, Settings(), providers=facts, at=1.8e9)


def _names(*texts: str) -> set[str]:
    return {choice.offer.instance_type for choice in _resolved(*texts).roles[0].choices}


def _planned(*texts: str, facts: Mapping[str, ProviderFacts] = FACTS):
    contract = from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0, catalog=CATALOG)
    return plan(_resolved(*texts, facts=facts), contract, Settings(), facts)


EC2 = {"bare.large", "own.large", "more.large", "untold.large"}


@pytest.mark.parametrize(
    ("texts", "fitting"),
    [
        (["storage_size>=500GB"], EC2 | {"n2-4-lssd"}),
        (["storage_size=500GB"], EC2),
        (["storage_size=400GB..600GB"], EC2),
        (["storage_size<=500GB"], {"bare.large", "n2-4"}),
        (["storage_size>=500GB", "storage_type=remote-only"], {"bare.large"}),
        (["storage_size>=500GB", "storage_type=ssd"], {"own.large", "more.large", "n2-4-lssd"}),
        (["storage_size>=1500GB", "node_provider=ec2"], EC2),
    ],
    ids=str,
)
def test_a_lower_bound_is_met_by_any_type_whose_root_disk_can_be_sized(texts: list[str], fitting: set[str]) -> None:
    """An upper bound alone, and a kind of disk that no root disk is, still speak of the type's own."""
    assert _names(*texts) == fitting


def test_no_root_disk_is_larger_than_the_provider_allows() -> None:
    """The error names the constraint."""
    with pytest.raises(NoMatch, match="storage_size>=17T"):
        _resolved("storage_size>=17TiB")


def test_the_plan_asks_for_the_disk_and_says_that_it_is_paid() -> None:
    """The bound itself, in bytes; the price does not hold it."""
    made = _planned("storage_size>=500GB", "node_count=2")

    assert made.roles[0].offer.instance_type == "bare.large"
    assert made.roles[0].disk_bytes == 500 * GB
    (warning,) = made.warnings
    assert "500 GB" in warning
    assert "paid beside the listed price" in warning
    assert "root disk" in str(made)
    assert made == msgspec.json.decode(msgspec.json.encode(made), type=type(made))


def test_a_type_with_enough_of_its_own_gets_no_other_disk() -> None:
    """Nor do its fallbacks, as one size goes for all: those that would need one are none."""
    made = _planned("storage_size>=500GB", "node_machinetype=own|more|bare", "storage_type!=remote-only")

    assert made.roles[0].offer.instance_type == "own.large"
    assert made.roles[0].disk_bytes is None
    assert [offer.instance_type for offer in made.roles[0].fallbacks] == ["more.large"]
    assert made.warnings == ()
    assert "root disk" not in str(made)


def test_fallbacks_that_would_need_a_root_disk_do_not_follow_a_type_that_does_not() -> None:
    """`own.large` at a lower price than all others: `more.large` may follow it, `bare.large` may not."""
    prices = [Price("ec2", name, "r", 0.01 if name == "own.large" else COSTS[name]) for name in EC2]
    catalog = Catalog.build([t for t in TYPES if t.provider == "ec2"], prices)
    contract = from_texts(["storage_size>=500GB"], handle="FXqElAnSeTEpQAm", created=1.0, catalog=catalog)
    made = plan(resolve(contract, catalog, Settings(), providers=FACTS), contract, Settings(), FACTS)

    assert made.roles[0].offer.instance_type == "own.large"
    assert [offer.instance_type for offer in made.roles[0].fallbacks] == ["more.large"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("interconnection_RDMA=Yes", True),
        ("interconnection_RDMA=efa", True),
        ("interconnection_RDMA=none", False),
        ("interconnection_RDMA=any", False),
        ("node_vcpus_count>=1", False),
    ],
)
def test_rdma_is_asked_of_the_provider_where_the_contract_asks_for_it(text: str, wanted: bool) -> None:
    """A type that could do it is not enough: the interface must be made."""
    assert _planned(text, "node_provider=ec2").roles[0].rdma is wanted


def test_explain_says_what_stands_in() -> None:
    """The verdict is that of `resolve`."""
    contract = from_texts(["storage_size>=500GB"], handle="FXqElAnSeTEpQAm", created=1.0, catalog=CATALOG)
    found = explain(contract, CATALOG, Settings(), providers=FACTS, about=["bare.large", "n2-4"])
    verdicts = {s.instance_type: {f.constraint: f for f in s.findings}["storage_size>=500GB"] for s in found.subjects}

    assert verdicts["bare.large"].verdict == "met"
    assert "root disk" in verdicts["bare.large"].value
    assert verdicts["n2-4"].verdict == "missed"


SIZES = st.one_of(st.none(), st.integers(0, 3000))
WISHES = st.sampled_from(["storage_size>={}GB", "storage_size<={}GB", "storage_size={}GB"])


@given(
    disks=st.lists(SIZES, min_size=1, max_size=4),
    bound=st.integers(0, 3000),
    wish=WISHES,
    most=st.sampled_from([0, 1000 * GB, 16 * TiB]),
)
def test_every_type_is_judged_as_the_definition_says(disks: list[int | None], bound: int, wish: str, most: int) -> None:
    """Met by its own disks, as the vocabulary judges them, or by a root disk that the provider allows."""
    rows = [
        _machine(provider, f"x{i}.large", None if disk is None else disk * GB)
        for i, disk in enumerate(disks)
        for provider in ("ec2", "gcp")
    ]
    facts = {**FACTS, "ec2": ProviderFacts(name="ec2", root_disk_bytes=most)}
    with Catalog.build(rows) as catalog:
        contract = from_texts([wish.format(bound)], handle="FXqElAnSeTEpQAm", created=1.0, catalog=catalog)
        world = World(catalog=catalog, settings=Settings(), providers=facts)
        role = role_of("peer", contract, world)
        answer = {(row.provider, row.instance_type): row for row in judged(role, world)}

    ((bit, (feature, asked)),) = [(i, each) for i, each in enumerate(role.demands) if each[0].name == "storage_size"]
    low = getattr(asked, "low", None)
    for row in rows:
        verdict = judge(feature, asked, cell_of(row, feature))
        stands = bool(row.provider == "ec2" and low and low <= most)
        found = answer[row.provider, row.instance_type]
        assert bool(found.met >> bit & 1) == (verdict is Verdict.MET or stands)
        assert bool(found.unknown >> bit & 1) == (verdict is Verdict.UNKNOWN and not stands)
        assert stands_in(role.assumptions, facts[row.provider]) == stands
        if verdict is not Verdict.MET and stands:
            assert lacking(role.assumptions, row.storage_bytes) == low
