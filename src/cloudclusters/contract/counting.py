"""How many offers a role could take, of which types, and at what least price, without a look at any of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Count, Judged, Purchase
from cloudclusters.contract.mix import Mix, mix_of
from cloudclusters.contract.place import Places
from cloudclusters.contract.world import PRICE, Role, World, judged, markets, unplaced
from cloudclusters.vocabulary import Constraint, Range

Name = tuple[str, str]
"""A provider and its type."""


class Sort(msgspec.Struct, frozen=True):
    """All offers of one type on one market that satisfy a role: there is at least one."""

    name: Name
    market: Market
    count: int
    """Nodes of it that the role needs."""
    offers: int
    lowest: float | None
    """What the whole cluster costs with the cheapest, in USD per hour; None where no price tells."""


def mixes_of(world: World, at: Mapping[str, Places]) -> dict[str, Mix]:
    """How nodes are bought at each provider."""
    return {name: mix_of(world.settings.section(name)) for name in at}


def sorts(
    role: Role, world: World, at: Mapping[str, Places], mixes: Mapping[str, Mix], rows: Sequence[Judged] | None = None
) -> list[Sort]:
    """What a role could be made of, other roles aside; `rows` say how all types fare, where that is known already.

    Zones of the locale are not looked at: a type that is sold in none of them may be among these.
    """
    full = (1 << len(role.demands)) - 1
    fit = [(r.provider, r.instance_type) for r in rows or judged(role, world) if r.met == full and r.provider in at]
    found = []
    for purchase, wishes in _purchases(role, world, at, mixes, fit).items():
        tallies = world.catalog.tallies(wishes, purchase)
        found += [Sort(n, purchase.market, sum(wishes[n]), each.offers, each.lowest) for n, each in tallies.items()]
    return found


def _purchases(
    role: Role, world: World, at: Mapping[str, Places], mixes: Mapping[str, Mix], fit: Sequence[Name]
) -> dict[Purchase, dict[Name, Count]]:
    """What is bought, and how many of each of these types; without those of which no number will do."""
    columns, count_of = role.sizing.columns, role.sizing.counter()
    cells = world.catalog.cells(columns, fit) if columns else {}
    counts: dict[str, dict[Name, int]] = {}
    for name in fit:
        if count := count_of(cells.get(name, ())):
            counts.setdefault(name[0], {})[name] = count
    found: dict[Purchase, dict[Name, Count]] = {}
    for provider, numbers in counts.items():
        regions, nowhere = at[provider].regions, unplaced(role, world, provider)
        for market in markets(world.settings.text(provider, "market")):
            wish_of = functools.cache(functools.partial(_wish, role, mixes[provider], market))
            wishes = {name: wish_of(count) for name, count in numbers.items()}
            purchase = _purchase(role, regions, mixes[provider], market, unplaced=nowhere)
            found.setdefault(purchase, {}).update(wishes)
    return found


def _wish(role: Role, mix: Mix, market: Market, count: int) -> Count:
    steady = count if market is Market.ON_DEMAND else mix.steady(role.name, count)
    return steady, count - steady


def _purchase(role: Role, regions: frozenset[str] | None, mix: Mix, market: Market, *, unplaced: bool) -> Purchase:
    return Purchase(
        regions=regions,
        market=market,
        node=_limit(role.assumptions.get(PRICE)),
        cluster=role.cap if isinstance(role.cap, Range) else None,
        most=mix.max_price,
        unplaced=unplaced,
    )


def _limit(asked: Constraint | None) -> Range | None:
    """What a node may cost; None where it does not matter, even if it is not known."""
    return asked if isinstance(asked, Range) and asked != Range() else None
