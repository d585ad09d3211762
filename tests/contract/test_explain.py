"""Why this one, why not that one: types, regions and offers against every constraint, with margins."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, MachineType, Price, Region
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.document import Contract
from cloudclusters.contract.explain import explain
from cloudclusters.contract.explanation import Explanation, Finding
from cloudclusters.contract.findings import margin
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import InvalidContract, NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Range, Terms

Facts = Mapping[str, ProviderFacts]
Make = Callable[..., Contract]
GPU = ("accelerator_count=8", "accelerator_architecture=Ada", "node_memory_size>=512G")


def why(contract: Contract, catalog: Catalog, facts: Facts, *about: str) -> Explanation:
    """Explain a contract."""
    return explain(contract, catalog, Settings(), providers=facts, about=about)


def test_explain_tells_why_the_first_is_first(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """Cheaper than which, and by how much."""
    answer = why(
        contract("accelerator_count>=4", "accelerator_architecture=Ada", "node_memory_size>=256G"), readme, facts
    )
    assert answer.outcome[0].startswith(
        "g6.24xlarge at ec2 in us-east-1, 6.68 USD/h a node (price of 2026-07-20): cheaper (6.68 against 8.00"
    )


def test_explain_tells_why_not_that_one(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """Each constraint with what the type has."""
    answer = why(
        contract("accelerator_count>=4", "node_memory_size>=256G"), readme, facts, "g6.12xlarge", "p5.48xlarge"
    )
    small, large = answer.subjects
    assert (small.rank, small.verdict) == (0, "does not fit")
    verdicts = {each.constraint: (each.value, each.verdict) for each in small.findings}
    assert verdicts["node_memory_size>=256G"] == ("192 GiB", "missed")
    assert verdicts["accelerator_count>=4"] == ("4", "met")
    assert large.rank == 4
    assert "8.25 times the first" in large.verdict


def test_explain_says_unknown(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """An empty cell does not satisfy, and is called unknown."""
    (subject,) = why(contract("network_performance>=1G"), readme, facts, "t3.xlarge").subjects
    (found,) = (each for each in subject.findings if each.constraint == "network_performance>=1G")
    assert (found.value, found.verdict, found.margin) == ("unknown", "unknown", None)
    assert subject.verdict == "does not fit, as not all is known"
    assert "not known: network_performance>=1G (unknown)" in subject.sentence


def test_explain_works_where_nothing_fits(contract: Callable[..., Contract], full: Catalog, facts: Facts) -> None:
    """The conflict is the answer; a type that is sold elsewhere is said to be."""
    answer = why(contract("node_machinetype=t3.xlarge", "cluster_locale=Belgium"), full, facts, "t3.xlarge")
    assert "no instance type satisfies" in answer.outcome[0]
    (subject,) = answer.subjects
    assert subject.verdict == "does not fit"
    place = subject.findings[-1]
    assert (place.constraint, place.verdict) == ("cluster_locale=Belgium", "missed")
    assert place.value == subject.region


def test_explain_refuses_an_unknown_type(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """With near names."""
    with pytest.raises(InvalidContract, match=r"did you mean 't3\.xlarge'"):
        why(contract("node_count=1"), readme, facts, "t3.xlrage")


def test_margins_and_a_sentence(contract: Make, full: Catalog, facts: Facts) -> None:
    """By how much it has more or less than asked for, as a part of the bound."""
    subject, better = why(contract(*GPU), full, facts, "g6.12xlarge", "g6e.48xlarge").subjects
    margins = {each.constraint: each.margin for each in subject.findings}
    assert margins["node_memory_size>=512G"] == -0.625
    assert margins["accelerator_count=8"] == -0.5
    assert margins["accelerator_architecture=Ada"] is None
    assert subject.sentence == (
        "g6.12xlarge at ec2 in us-east-1: does not fit; misses accelerator_count=8 (4, -50 %), "
        "node_memory_size>=512G (192 GiB, -62.5 %)"
    )
    assert {each.margin for each in better.findings} == {None, 0.0, 2.0}
    assert better.ahead.startswith("g6.48xlarge at ec2 in us-east-1 is cheaper (13.35 against 30.13")


def test_an_offer_is_judged_where_it_is(contract: Make, full: Catalog, facts: Facts) -> None:
    """By the place and the price there."""
    wish = contract(*GPU, "node_hourly_price<=14", "cluster_locale=us-east-1|eu-central-1")
    there, here = why(wish, full, facts, "g6e.48xlarge@eu-central-1", "ec2/g6.48xlarge@us-east-1").subjects
    assert (there.kind, there.region, there.verdict) == ("offer", "eu-central-1", "does not fit")
    assert [str(each).split(" (")[0] for each in there.findings if each.verdict == "missed"] == [
        "node_hourly_price<=14"
    ]
    assert (here.rank, here.region, here.price_date) == (1, "us-east-1", "2026-07-20")


def test_a_region_tells_its_best_offer(contract: Make, full: Catalog, facts: Facts) -> None:
    """Where the contract looks, where it does not, and where nothing fits."""
    wish = contract(*GPU, "node_provider=ec2", "cluster_locale=us-east-1|us-east-2")
    one, two, elsewhere, none = why(wish, full, facts, "us-east-1", "us-east-2", "eu-central-1", "eu-west-1").subjects
    assert one.verdict.startswith("2 offers of it fit, the best is g6.48xlarge: fits, rank 1 of ")
    assert two.rank > 1
    assert two.ahead.startswith("g6.48xlarge at ec2 in us-east-1 is equal in price and fit")
    assert elsewhere.verdict.startswith("not where the contract looks; there g6e.48xlarge would fit, 37.68 USD/h")
    assert none.verdict.startswith("nothing of it fits: no instance type satisfies")
    assert "cluster_locale=eu-west-1" in none.verdict
    assert "the default" not in none.verdict


def test_totals_and_caps_are_explained(contract: Make, full: Catalog, facts: Facts) -> None:
    """With the number of nodes that the type would get."""
    wish = contract("total_vcpus>=512", "cluster_hourly_price<=20", "node_provider=ec2", "cluster_locale=us-east-1")
    (subject,) = why(wish, full, facts, "t3.xlarge").subjects
    texts = [str(each) for each in subject.findings if "total" in each.constraint or "cluster_h" in each.constraint]
    assert texts == ["total_vcpus>=512 (512 with 128)", "cluster_hourly_price<=20 (21.30 USD/h, -6.5 %)"]


@pytest.mark.parametrize(
    ("about", "region", "told"),
    [
        ("g6.48xlarge@us-east-1", "us-east-1", "misses cluster_hourly_price<=3 (53.40 USD/h, 17.8 x)"),
        ("c6a.8xlarge", "us-east-1", "misses cluster_hourly_price<=3 (4.90 USD/h, -63.2 %)"),
    ],
)
def test_what_is_too_dear_for_the_cluster_is_told_where_it_is_sold(
    contract: Make, full: Catalog, facts: Facts, about: str, region: str, told: str
) -> None:
    """By its price there: no cheaper place takes the stead of the one asked for, and the place is not unknown."""
    wish = contract("node_count=4", "cluster_hourly_price<=3", "node_provider=ec2", "cluster_locale=us-east-1")
    (subject,) = why(wish, full, facts, about).subjects
    assert (subject.region, subject.verdict) == (region, "does not fit")
    assert told in subject.sentence
    assert "cluster_locale" not in subject.sentence


def test_type_of_no_known_place_satisfies_no_place_that_is_asked_for(
    contract: Make, full: Catalog, facts: Facts
) -> None:
    """It is not known, and so it does not fit; where no place is asked for, it comes last."""
    wish = ("node_provider=azure", "accelerator=NVIDIA GB300")
    name = "Standard_ND128isr_GB300_v6"
    (there,) = why(contract(*wish, "cluster_locale=us-east-1"), full, facts, name).subjects
    assert there.verdict == "does not fit, as not all is known"
    assert there.sentence.endswith("not known: cluster_locale=us-east-1 (no known place)")
    (anywhere,) = why(contract(*wish, "cluster_locale=any"), full, facts, name).subjects
    assert anywhere.rank == 1
    priced = Catalog.build([MachineType("ec2", "a.x", vcpus=2)], [Price("ec2", "a.x", "", 1.0)])
    (own,) = why(contract("cluster_locale=us-east-1", "node_provider=ec2"), priced, facts, "a.x").subjects
    assert own.rank == 1  # a price without a place holds everywhere


def test_each_price_is_told_with_its_day_and_old_ones_are_warned_of(
    contract: Make, full: Catalog, facts: Facts
) -> None:
    """As by `resolve` and `plan`; in what is proposed where nothing fits, too."""
    texts = ("node_provider=ec2", "cluster_locale=eu-west-1", "node_machinetype=t3.xlarge")
    answer = explain(contract(*texts), full, Settings(), providers=facts, about=["t3.xlarge", "m5.large"], at=1.8e9)
    fits, missed = answer.subjects
    assert answer.outcome[0].endswith("0.1824 USD/h a node (price of 2022-09-03): the only offer that fits")
    assert fits.sentence.endswith("0.1824 USD/h for the whole cluster; price of 2022-09-03")
    assert "price of" not in missed.sentence  # none is told
    (note,) = answer.notes
    assert note.startswith("1 of 1 price is more than a year old, the oldest of 2022-09-03")
    assert note in str(answer)
    assert note in answer.sentences
    assert note in answer._repr_html_().replace("&#x27;", "'")
    refused = explain(contract(*texts, "node_hourly_price<=0.1"), full, Settings(), providers=facts, at=1.8e9)
    assert "for 0.1824 USD/h (price of 2022-09-03)" in refused.hint
    assert "more than a year old" in refused.hint


def test_conflicts_and_relaxations_are_data_where_nothing_fits(contract: Make, full: Catalog, facts: Facts) -> None:
    """Those of the error, beside its sentence; and a hint that would name `explain` itself is none."""
    asked = contract("node_memory_size>=512G", "node_vcpus_count<=2", "cluster_locale=any")
    with pytest.raises(NoMatch) as caught:
        resolve(asked, full, Settings(), providers=facts)
    answer = why(asked, full, facts)
    assert answer.outcome == (caught.value.message,)
    assert answer.conflict_sets == caught.value.conflict_sets == (("node_memory_size>=512G", "node_vcpus_count<=2"),)
    assert answer.relaxations == caught.value.relaxations
    assert f"\nhint: {caught.value.hint}" in str(answer)
    data = msgspec.json.decode(msgspec.json.encode(answer))
    assert data["relaxations"][0]["instead"] == {"node_memory_size": "node_memory_size>=218G"}
    elsewhere = Catalog.build([MachineType("gcp", "a.x", vcpus=2)], [Price("gcp", "a.x", "us-central1", 1.0)])
    hopeless = why(contract("node_provider=ec2"), elsewhere, facts)
    assert hopeless.conflict_sets == (("node_provider=ec2",),)
    assert "explain" not in str(hopeless)


def test_a_place_that_only_the_catalog_knows(contract: Make, facts: Facts) -> None:
    """As this machine's, which is no place on earth."""
    machine, price = MachineType("local", "this", vcpus=2), Price("local", "this", "here", 0.0)
    here = Catalog.build([machine], [price], regions=[Region("local", "here")])
    subjects = why(contract("node_provider=local"), here, facts, "here", "local/this@here").subjects
    assert [(each.kind, each.rank) for each in subjects] == [("region", 1), ("offer", 1)]


@pytest.mark.parametrize(
    ("about", "said", "hint"),
    [
        ("g6.12xlrage", "did you mean 'g6.12xlarge'", "a place"),
        ("g6.12xlarge@eu-wset-1", "knows no place 'eu-wset-1'; did you mean 'eu-west-1'", ""),
        ("g6.12xlarge@", "neither a type nor a place", "TYPE@PLACE"),
        ("@eu-west-1", "neither a type nor a place", "TYPE@PLACE"),
        ("gcp/g6.12xlarge", "gcp has no machine type g6.12xlarge", "write ec2/g6.12xlarge"),
        ("t3.xlarge@eastus", "ec2 has no region in eastus", "azure has one there"),
        ("ec2/eastus", "ec2 has no region in eastus", "azure has one there"),
        ("ec3/g6.12xlarge", "no provider 'ec3'", "known are azure, ec2, gcp"),
    ],
)
def test_what_is_neither_type_nor_place(
    contract: Make, full: Catalog, facts: Facts, about: str, said: str, hint: str
) -> None:
    """Is told with near names."""
    with pytest.raises(InvalidContract) as caught:
        why(contract("node_count=1"), full, facts, about)
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "value", "expected"),
    [
        (Range(4, None), 6, 0.5),
        (Range(4, None), 3, -0.25),
        (Range(None, 8), 6, 0.25),
        (Range(None, 8), 10, -0.25),
        (Range(4, 8), 5, 0.25),
        (Range(8, 8), 8, 0.0),
        (Range(8, 8), 4, -0.5),
        (Range(0, 0), 4, None),
        (Range(), 4, None),
        (Range(4, None), "2|4", None),
        (Range(4, None), None, None),
        (Terms(("Ada",)), "Ada", None),
    ],
)
def test_margin_is_a_part_of_the_bound(asked: Range | Terms, value: object, expected: float | None) -> None:
    """The nearer end counts; what has no measure has no margin."""
    assert margin(asked, value) == expected


def test_margins_for_people() -> None:
    """In percent, or as a multiple where that is large."""
    texts = [Finding("c", "v", "met", each).margin_text for each in (None, 0.0, 0.5, -0.25, 63.0, -63.0)]
    assert texts == ["", "0 %", "+50 %", "-25 %", "64 x", "64 x"]


def test_a_margin_of_all_is_only_told_where_nothing_is_there() -> None:
    """16 GiB of 100 TiB are not nothing."""
    texts = [Finding("c", "v", "missed", each).margin_text for each in (-1.0, -0.99984, -0.9999999, -0.995, 1.0)]
    assert texts == ["-100 %", "-99.98 %", "-99.99999 %", "-99.5 %", "+100 %"]


rows = st.lists(
    st.tuples(
        st.sampled_from([2, 4, 8, None]), st.sampled_from(["Ada", "none", None]), st.sampled_from([0.5, 1.0, None])
    ),
    min_size=1,
    max_size=6,
)
wishes = st.fixed_dictionaries(
    {},
    optional={
        "node_vcpus_count": st.sampled_from([">=4", "<=4", "8"]),
        "accelerator_architecture": st.just("Ada"),
        "node_hourly_price": st.just("<=0.7"),
        "total_vcpus": st.sampled_from([">=16", "16..20"]),
        "node_count": st.sampled_from(["1..3", "2"]),
        "cluster_hourly_price": st.just("<=2"),
    },
)


@settings(deadline=None, max_examples=80)
@given(rows, wishes)
def test_what_fits_by_explain_is_what_resolve_ranks(
    machines: list[tuple[int | None, str | None, float | None]], wish: dict[str, str]
) -> None:
    """Rank by rank; and whatever does not fit misses something, or something of it is not known."""
    catalog = Catalog.build(
        [
            MachineType("ec2", f"t{i}.x", vcpus=vcpus, accelerator_architecture=architecture)
            for i, (vcpus, architecture, _) in enumerate(machines)
        ],
        [Price("ec2", f"t{i}.x", "us-east-1", price) for i, (*_, price) in enumerate(machines)],
    )
    facts = {"ec2": ProviderFacts(name="ec2")}
    contract = make_contract({"cluster_locale": "any", **wish}, handle="A" * 15)
    try:
        choices = resolve(contract, catalog, Settings(), providers=facts).roles[0].choices
    except NoMatch:
        choices = ()
    ranks = {choice.offer.instance_type: choice.rank for choice in choices}
    answer = explain(
        contract, catalog, Settings(), providers=facts, about=[m.instance_type for m in catalog.machine_types()]
    )
    for subject in answer.subjects:
        assert subject.rank == ranks.get(subject.instance_type, 0)
        assert all(each.verdict == "met" for each in subject.findings) is (subject.rank > 0)
