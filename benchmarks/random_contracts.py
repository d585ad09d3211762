"""A thousand random contracts over the packaged catalog: what fits, what clashes, and the slowest of each.

The constraints are made of values that occur, so that about half of the contracts fit something. The same contracts
every time.
"""

from __future__ import annotations

import functools
import random
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.budget import Row
from cloudclusters.api.knowledge import provider_facts
from cloudclusters.catalog import Catalog, MachineType
from cloudclusters.contract.document import Contract
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts, parameters_of
from cloudclusters.errors import InvalidContract, NoMatch
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import POLICIES
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Use, feature

CONTRACTS, SEED, HANDLE = 1000, 5, "FXqElAnSeTEpQAm"
NO_MATCH_S = 0.2
PLACES = (
    "any",
    "Europe",
    "North America",
    "Germany",
    "us-east-1",
    "eu-west-1",
    "europe-west3",
    "eastus",
    "us-east-1a",
    "!=us-east-1a",
)
TOTALS = {"total_vcpus": (8, 4096), "total_memory": (2**34, 2**44), "total_accelerators": (1, 64)}
_ANSWERED = [each for each in FEATURES.values() if each.column and each.use is Use.INSTANCE]


def rows() -> list[Row]:
    """The median and the slowest of those that fit, and of those that do not."""
    fit: list[tuple[float, Contract]] = []
    clash: list[tuple[float, Contract]] = []
    facts, settings = provider_facts(), Settings()
    with Catalog.packaged() as catalog:
        made = contracts(catalog)
        solve = functools.partial(resolve, catalog=catalog, settings=settings, providers=facts)
        for contract in made[:50]:  # whatever is worked out once
            _fits(contract, solve)
        for contract in made:
            took, fits = timed(contract, solve, made[:20])
            (fit if fits else clash).append((took, contract))
    return [
        *_of(f"{len(fit)} random contracts that fit", fit, None),
        *_of(f"{len(clash)} that nothing satisfies, with relaxations", clash, NO_MATCH_S),
    ]


def _of(what: str, found: list[tuple[float, Contract]], most: float | None) -> list[Row]:
    slowest, contract = max(found, key=lambda pair: pair[0])
    asked = " ".join(f"{name}={said}" for name, said in parameters_of(contract).items())
    return [
        Row(what=f"resolve: {what}, median", measured=statistics.median(took for took, _ in found), unit="s"),
        Row(what=f"the slowest of {what}", measured=slowest, unit="s", most=most, note=asked),
    ]


def timed(contract: Contract, solve: Callable[[Contract], object], others: Sequence[Contract]) -> tuple[float, bool]:
    """How many seconds one took, and whether anything fits.

    A slow one is asked again, as others use the machine; after `others`, so that no answer of before is kept.
    """
    best, fits = float("inf"), True
    for _ in range(3):
        begun = time.perf_counter()
        fits = _fits(contract, solve)
        best = min(best, time.perf_counter() - begun)
        if best < NO_MATCH_S:
            break
        for other in others:
            _fits(other, solve)
    return best, fits


def _fits(contract: Contract, solve: Callable[[Contract], object]) -> bool:
    try:
        solve(contract)
    except NoMatch:
        return False
    return True


def contracts(catalog: Catalog, count: int = CONTRACTS) -> list[Contract]:
    """So many contracts of constraints that can be meant."""
    chance, machines = random.Random(SEED), catalog.machine_types()
    found: list[Contract] = []
    while len(found) < count:
        texts = _texts(chance, machines)
        try:
            found.append(from_texts(texts, handle=HANDLE, catalog=catalog))
        except InvalidContract:
            continue  # two that contradict each other
    return found


def _texts(chance: random.Random, machines: list[MachineType]) -> list[str]:
    features = chance.sample(_ANSWERED, chance.randint(1, 5))
    texts = [text for each in features if (text := _constraint(each, chance, machines))]
    if chance.random() < 0.6:
        texts.append(f"cluster_locale={chance.choice(PLACES)}")
    if chance.random() < 0.3:
        texts.append(f"node_hourly_price<={chance.choice([0.05, 0.5, 2, 10])}")
    if chance.random() < 0.2:
        name, (low, high) = chance.choice(sorted(TOTALS.items()))
        texts.append(f"{name}>={chance.randint(low, high)}")
    if chance.random() < 0.1:
        texts.append(f"cluster_hourly_price<={chance.choice([1, 20, 200])}")
    if chance.random() < 0.2:
        texts.append(f"policy={chance.choice(POLICIES[:-1])}")
    if chance.random() < 0.1:
        texts.append(f"market={chance.choice(['spot', 'any'])}")
    return texts


def _constraint(word: Feature, chance: random.Random, machines: list[MachineType]) -> str:
    """A constraint near what some machine has; nothing where that is not known."""
    cell = getattr(chance.choice(machines), feature(word.name).column)
    if cell is None or (isinstance(cell, str) and "|" in cell):
        return ""
    if word.kind is Kind.QUALIFIER:
        return f"{word.name}{chance.choice(['=', '=', '!='])}{str(cell).split(';')[0]}"
    return f"{word.name}{chance.choice(['>=', '>=', '<=', '='])}{word.unit.text(cell) if word.unit else cell}"
