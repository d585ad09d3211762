"""Selecting instance types, and explaining why."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cloudclusters.catalog import Catalog
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.explain import explain
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.select import select
from cloudclusters.errors import InvalidContract
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Range, atleast, constrain

Facts = Mapping[str, ProviderFacts]
FX03 = {"accelerator_count": atleast(4), "accelerator_architecture": "Ada", "node_memory_size": atleast("256G")}


def test_fx_03_select_gives_exactly_the_readme_answer(readme: Catalog, facts: Facts) -> None:
    """g6.12xlarge is excluded: 192 GiB."""
    found = select(FX03, readme, providers=facts)
    assert sorted(found.names) == ["g2-standard-96", "g6.24xlarge", "g6.48xlarge"]


def test_fx_03_select_gives_six_types_in_the_full_catalog(full: Catalog, facts: Facts) -> None:
    """Each type once, at its best known price, wherever that is."""
    found = select(FX03, full, providers=facts)
    assert len(found) == len(set(found.names)) == 6
    assert {"g6.48xlarge", "g6.24xlarge", "g2-standard-96"} <= set(found.names)
    prices = [each.offer.hourly_usd for each in found.choices]
    assert prices == sorted(prices, key=lambda price: (price is None, price))


def test_fx_04_cluster_parameters_are_ignored_with_a_warning(readme: Catalog, facts: Facts) -> None:
    """The warning names the ignored parameter; the result is the same."""
    found = select({**FX03, "node_count": 4}, readme, providers=facts)
    assert found.warnings == ("Only instance features are allowed. Ignoring node_count",)
    assert found.choices == select(FX03, readme, providers=facts).choices


def test_what_no_catalog_tells_chooses_nothing_and_is_told(readme: Catalog, facts: Facts) -> None:
    """Here, with the plan, and by `explain`; `any` asks for nothing."""
    asked = {**FX03, "node_memory_bandwidth": ">=200GB/s", "accelerator_api": "any"}
    found = select(asked, readme, providers=facts)
    assert found.choices == select(FX03, readme, providers=facts).choices
    (told,) = found.warnings
    assert told.startswith("no catalog tells node_memory_bandwidth>=200G")
    contract = make_contract({**asked, "cluster_locale": "us-east-1", "node_provider": "ec2"}, handle="A" * 15)
    why = explain(contract, readme, Settings(), providers=facts, about=["g6.48xlarge"])
    verdicts = {each.constraint: (each.value, each.verdict) for each in why.subjects[0].findings}
    assert verdicts["node_memory_bandwidth>=200G"] == ("no catalog tells", "unknown")
    assert why.subjects[0].verdict.startswith("fits, rank")


def test_fx_05_quantities_are_exact() -> None:
    """768 GiB, 192, 8, 24 GiB and 100 Gbit are what they say, not a bucket between powers of two."""
    said = {
        "node_memory_size": "768G",
        "node_vcpus_count": "192",
        "accelerator_count": "8",
        "accelerator_memory_size": "24G",
        "network_performance": "100G",
    }
    exact = {name: constrain(FEATURES[name], text) for name, text in said.items()}
    numbers = (768 * 2**30, 192, 8, 24 * 2**30, 100 * 10**9)
    assert list(exact.values()) == [Range(number, number) for number in numbers]


def test_texts_and_parameters_select_the_same(readme: Catalog, facts: Facts) -> None:
    """The command line and Python ask the same question."""
    texts = ["accelerator_count>=4", "accelerator_architecture=Ada", "node_memory_size>=256G"]
    assert select(texts, readme, providers=facts) == select(FX03, readme, providers=facts)


def test_selecting_nothing_is_an_answer_with_a_reason(readme: Catalog, facts: Facts) -> None:
    """An empty table says why it is empty."""
    found = select(["node_memory_size>=9T"], readme, providers=facts)
    assert len(found) == 0
    assert str(found) == "no instance type satisfies node_memory_size>=9T"


def test_select_knows_no_roles(readme: Catalog, facts: Facts) -> None:
    """A role's constraint is told, not ignored."""
    with pytest.raises(InvalidContract, match=r"select knows no roles, but worker\.node_vcpus_count was given"):
        select(["worker.node_vcpus_count=4"], readme, providers=facts)


def test_what_cannot_be_deployed_here_is_marked(readme: Catalog, facts: Facts) -> None:
    """The whole catalog is considered."""
    found = select(["node_machinetype=t3.xlarge"], readme, providers=facts)
    assert not found.choices[0].deployable
    assert "ec2 *" in str(found)
    assert "* its provider is not installed here" in str(found)


def test_a_locale_narrows_a_selection(full: Catalog, facts: Facts) -> None:
    """The best offer is then the best one there."""
    (only,) = select(["node_machinetype=t3.xlarge", "cluster_locale=Europe"], full, providers=facts).choices
    assert only.offer.place.region.startswith("eu-")


def test_prices_of_more_than_a_year_ago_are_told(full: Catalog, facts: Facts) -> None:
    """With how many they are, and the oldest; where the day of today is not known, nothing is."""
    asked = ["node_machinetype=t3.xlarge", "cluster_locale=Germany"]
    (note,) = select(asked, full, providers=facts, now=1.8e9).notes
    assert note.startswith("1 of 1 price is more than a year old, the oldest of 2022-09-03")
    assert note in str(select(asked, full, providers=facts, now=1.8e9))
    assert select(asked, full, providers=facts).notes == ()
