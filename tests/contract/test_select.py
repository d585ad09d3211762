"""Selecting instance types, and explaining why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cloudclusters.catalog import Catalog
from cloudclusters.contract.document import Contract
from cloudclusters.contract.explain import Explanation, explain
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


def why(contract: Contract, catalog: Catalog, facts: Facts, *about: str) -> Explanation:
    """Explain a contract."""
    return explain(contract, catalog, Settings(), providers=facts, about=about)


def test_explain_tells_why_the_first_is_first(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """Cheaper than which, and by how much."""
    answer = why(
        contract("accelerator_count>=4", "accelerator_architecture=Ada", "node_memory_size>=256G"), readme, facts
    )
    assert answer.outcome[0].startswith(
        "g6.24xlarge at ec2 in us-east-1, 6.68 USD/h a node: cheaper (6.68 against 8.00"
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
    assert subject.findings[-1].value == "unknown"
    assert subject.findings[-1].verdict == "unknown"


def test_explain_works_where_nothing_fits(contract: Callable[..., Contract], full: Catalog, facts: Facts) -> None:
    """The conflict is the answer; a type that is sold elsewhere is said to be."""
    answer = why(contract("node_machinetype=t3.xlarge", "cluster_locale=Belgium"), full, facts, "t3.xlarge")
    assert "no instance type satisfies" in answer.outcome[0]
    (subject,) = answer.subjects
    assert subject.verdict == "fits, but is not sold there"
    assert "other regions" in str(answer)


def test_explain_refuses_an_unknown_type(contract: Callable[..., Contract], readme: Catalog, facts: Facts) -> None:
    """With near names."""
    with pytest.raises(InvalidContract, match=r"did you mean 't3\.xlarge'"):
        why(contract("node_count=1"), readme, facts, "t3.xlrage")
