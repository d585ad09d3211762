"""Contracts that nearly everything satisfies, or that nothing does anywhere: against reading all prices.

Who ranks every offer takes several times as long as reading them; who counts them does not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from benchmarks.budget import Row
from benchmarks.taking_turns import measure
from cloudclusters.api.knowledge import provider_facts
from cloudclusters.catalog import Catalog
from cloudclusters.contract.explain import explain
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.select import select
from cloudclusters.contract.text import from_texts
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings

ROUNDS, HANDLE = 7, "FXqElAnSeTEpQAm"
ANY, TOO_CHEAP = "cluster_locale=any", "cluster_hourly_price<=1"
MANY = ("total_vcpus>=1000", "node_count=2..40")
CONTRACTS: dict[str, tuple[tuple[str, ...], float]] = {
    "resolve: all types, everywhere": ((ANY,), 0.7),
    "resolve: half of the types, everywhere": ((ANY, "node_vcpus_count>=8"), 0.7),
    "resolve: the same on either market": ((ANY, "node_vcpus_count>=8", "market=any"), 1),
    "resolve: the fastest of all, on either market": ((ANY, "market=any", "policy=fastest"), 1.5),
    "resolve: all types in numbers that reach a total": ((ANY, "total_vcpus>=512"), 1),
    "NoMatch: a total at too low a price, everywhere": ((ANY, TOO_CHEAP, *MANY), 2.5),
    "NoMatch: two totals, on either market": ((ANY, TOO_CHEAP, *MANY, "total_memory>=10T", "market=any"), 4),
}
"""The texts of a contract, and its budget, in times of reading all prices."""
EXPLAIN, SELECT = 20, 3


def rows() -> list[Row]:
    """One row for each contract."""
    facts, settings = provider_facts(), Settings()
    with Catalog.packaged() as catalog:
        made = {what: from_texts(texts, handle=HANDLE, catalog=catalog) for what, (texts, _) in CONTRACTS.items()}
        half = from_texts(["node_vcpus_count>=8"], handle=HANDLE, catalog=catalog)
        calls: dict[str, Callable[[], object]] = {
            what: partial(_solved, partial(resolve, contract, catalog, settings, providers=facts))
            for what, contract in made.items()
        }
        budgets = {what: most for what, (_, most) in CONTRACTS.items()}
        calls["select: all types, everywhere"] = partial(select, [ANY], catalog, providers=facts)
        calls["explain: about every region"] = partial(explain, half, catalog, settings, providers=facts, about=["any"])
        budgets |= {"select: all types, everywhere": SELECT, "explain: about every region": EXPLAIN}
        found = measure({"prices": catalog.prices, **calls}, ROUNDS)
    return [
        Row(
            what=what, measured=found[what], unit="s", against="reading all prices", baseline=found["prices"], most=most
        )
        for what, most in budgets.items()
    ]


def _solved(solve: Callable[[], object]) -> None:
    with contextlib.suppress(NoMatch):
        solve()
