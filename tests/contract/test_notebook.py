"""What notebooks show: the same words as text, escaped, and nothing that a page could run or fetch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html.parser import HTMLParser

import pytest

from cloudclusters.base.cloud import Offer, Place
from cloudclusters.base.markup import html_block, html_facts, html_lines, html_table
from cloudclusters.catalog import Catalog
from cloudclusters.contract.difference import difference
from cloudclusters.contract.document import ClusterType, Contract, Plan, RolePlan
from cloudclusters.contract.explain import explain
from cloudclusters.contract.plan import sealed
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.select import select
from cloudclusters.settings import Settings

Contracts = Callable[..., Contract]
Solve = Callable[..., Resolution]
Facts = Mapping[str, ProviderFacts]
EVIL = "<script>alert('x')</script><img src=\"http://e.org\" onerror=a>&"
ALLOWED = {"div", "p", "b", "br", "table", "thead", "tbody", "tr", "th", "td"}


class _Reader(HTMLParser):
    """Checks that every tag is one of ours and closed in order, and gathers the words."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        assert all(
            each in (("style", "text-align:left"), ("style", "text-align:right"), ("scope", "row")) for each in attrs
        )
        self.rows += tag == "tr"
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(shown: object) -> _Reader:
    """The HTML of a document, checked."""
    reader = _Reader()
    reader.feed(shown if isinstance(shown, str) else shown._repr_html_())  # type: ignore[attr-defined]
    reader.close()
    assert reader.open == []
    return reader


def test_whatever_stands_in_a_cell_is_words() -> None:
    """Text from files, catalogs and clouds is shown and never run."""
    shown = html_block(
        html_table([EVIL], [[EVIL], [None]]), html_facts([(EVIL, EVIL)]), html_lines([EVIL], strong=True)
    )

    assert "".join(read(shown).words).count(EVIL) == 5
    assert "<script" not in shown


def test_a_contract_shows_constraints_roles_and_digest(contract: Contracts) -> None:
    """Also what it says in settings, which may be any text."""
    asked = contract("cluster_type=ManagerWorkers", "manager.node_machinetype=t3.xlarge", f"user={EVIL}", "strict=true")

    words = read(asked).words

    assert {"feature", "constraint", "role", "node_machinetype", "t3.xlarge", "manager", "strict"} <= set(words)
    assert asked.digest[:12] in words
    assert f"user={EVIL}" in "".join(words)


def test_a_plan_shows_machines_price_warnings_and_digest() -> None:
    """All that its text says."""
    offer = Offer(provider="ec2", instance_type="t3.xlarge", place=Place("us-east-1"), hourly_usd=0.1664)
    plan = sealed(
        Plan(
            contract="FXqElAnSeTEpQAm",
            cluster_type=ClusterType.PEER_WORKERS,
            provider="ec2",
            roles=(RolePlan(role="peer", count=4, offer=offer),),
            warnings=(EVIL,),
        )
    )

    words = "".join(read(plan).words)

    assert all(word in words for word in ("t3.xlarge", "0.1664", "0.6656 USD/h", plan.digest[:12], EVIL))
    assert plan.digest[:12] in str(plan)


def test_a_resolution_shows_its_first_offers(solve: Solve, readme: Catalog) -> None:
    """At most 20 rows, and how many more there are."""
    resolution = solve(readme, "cluster_locale=any", "node_provider=ec2|gcp")
    reader = read(resolution)

    assert reader.rows == 1 + min(20, resolution.roles[0].total)
    assert resolution.best.offer.instance_type in reader.words
    assert {"USD/h", "cluster USD/h", "memory"} <= set(reader.words)


def test_a_selection_shows_types_or_why_there_are_none(readme: Catalog, facts: Facts) -> None:
    """Finding nothing is an answer."""
    some = read(select(["accelerator_architecture=Ada"], readme, providers=facts))
    none = read(select(["accelerator_architecture=Ada", "node_vcpus_count>=1000"], readme, providers=facts))

    assert "g6.48xlarge" in some.words
    assert none.rows == 0
    assert "node_vcpus_count>=1000" in "".join(none.words)


def test_an_explanation_shows_outcome_rejections_and_types(contract: Contracts, readme: Catalog, facts: Facts) -> None:
    """Why this one, and how those asked about fare."""
    asked = contract("accelerator_architecture=Ada", "node_memory_size>=512G")
    words = read(explain(asked, readme, Settings(), providers=facts, about=("g6.12xlarge",))).words

    assert {"rejects", "verdict", "missed", "node_memory_size>=512G"} <= set(words)


@pytest.mark.parametrize("texts", [["node_count=2"], ["node_count=4", "engine=none"]])
def test_a_difference_shows_its_rows_or_a_sentence(contract: Contracts, texts: list[str]) -> None:
    """As a table, or that nothing differs."""
    found = difference(contract("node_count=2"), contract(*texts))
    reader = read(found)

    assert reader.rows == (1 + len(found) if found else 0)
    assert ("ask for the same" in "".join(reader.words)) is (not found)
