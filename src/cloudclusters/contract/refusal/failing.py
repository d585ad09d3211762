"""Which constraints each type of the catalog does not meet: those on the machine, its place, its price, its number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer
from cloudclusters.catalog import Judged
from cloudclusters.contract.disk import KIND, SIZE, stands_in
from cloudclusters.contract.document import NODES
from cloudclusters.contract.place import LOCALE
from cloudclusters.contract.refusal.selling import Name, Shops
from cloudclusters.contract.sizing import Cell
from cloudclusters.contract.world import CAP, PRICE, PROVIDER, Role, World, affordable, judged, set_zones


class Failing(msgspec.Struct, frozen=True):
    """Per type a mask of the constraints that it does not meet: bit i is the feature `names[i]`.

    A type counts more than once where that helps: for the places allowed and for all others, for offers that differ in
    what they fail, and for numbers of nodes that differ in it.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[Name, int], ...]

    @property
    def unmet(self) -> Counter[int]:
        """How many rows there are of each mask."""
        return Counter(mask for _, mask in self.rows)


def failing(role: Role, world: World, shops: Shops) -> Failing:
    """What every type lacks of a role that nothing satisfies."""
    names = (*(feature.name for feature, _ in role.demands), LOCALE, PRICE, *role.sizing.totals, NODES, CAP)
    bit = {name: 1 << i for i, name in enumerate(names)}
    ways_of, failed_of = _ways(role, world, bit), _failed(role, world, bit)
    here = shops.asked.offers
    limited = PRICE in role.assumptions
    there = shops.anywhere.offers if limited or role.cap is not None else {}

    def masks(offers: Sequence[Offer], failed: int, ways: Sequence[tuple[int, int]]) -> set[int]:
        found = set()
        for offer in offers:
            paid = failed if not limited or affordable(role, offer.hourly_usd) else failed | bit[PRICE]
            for count, short in ways:
                capped = role.cap is None or role.within_cap(shops.cost(offer, count))
                found.add(paid | short if capped else paid | short | bit[CAP])
        return found

    rows: list[tuple[Name, int]] = []
    for row in _considered(role, world, shops):
        name, ways, every = (row.provider, row.instance_type), ways_of(row), set[int]()
        for failed in failed_of(row):
            found = masks(here.get(name, ()), failed, ways)
            if failed not in found and not (shops.everywhere and found):
                elsewhere = there.get(name, (Offer(provider=row.provider, instance_type=row.instance_type),))
                found |= masks(elsewhere, failed | bit[LOCALE], ways)
            every |= found
        rows += ((name, mask or bit[_unseen(role)]) for mask in sorted(every))
    return Failing(names, tuple(rows))


def _considered(role: Role, world: World, shops: Shops) -> Sequence[Judged]:
    """The types that count: not those of providers that are chosen by their names only.

    Where the spot market alone is asked for, not those that it does not have, whatever else is asked; if it has any.
    So it is with the zone that is set.
    """
    rows = judged(role, world)
    if PROVIDER in role.stated:
        rows = [row for row in rows if row.provider in shops.asked.places]
    every = world.catalog.providers()
    spot = {name for name in every if world.settings.text(name, "market") == Market.SPOT}
    if spot:
        rows = _of_these(rows, spot, world.catalog.sold(market=Market.SPOT))
    zoned = set_zones(world, every).keys()
    return _of_these(rows, zoned, {*shops.asked.offers, *shops.anywhere.offers}) if zoned else rows


def _of_these(rows: Sequence[Judged], providers: Collection[str], names: Collection[Name]) -> Sequence[Judged]:
    """Without the types of these providers that have other names; all where there are no others."""
    return [row for row in rows if row.provider not in providers or (row.provider, row.instance_type) in names] or rows


def _failed(role: Role, world: World, bit: Mapping[str, int]) -> Callable[[Judged], Sequence[int]]:
    """What a type fails of the demands on a machine: by its own disks, and by a root disk, where no kind is asked."""
    full, size, kind = bit[LOCALE] - 1, bit.get(SIZE, 0), bit.get(KIND, 0)
    any_kind = {name: each for name, each in role.assumptions.items() if name != KIND}
    sizing = {name for name in world.catalog.providers() if stands_in(any_kind, world.providers.get(name))}

    def failed(row: Judged) -> Sequence[int]:
        own = full & ~row.met
        return (own, own & ~size | kind) if own & size and kind and row.provider in sizing else (own,)

    return failed


def _ways(role: Role, world: World, bit: Mapping[str, int]) -> Callable[[Judged], Sequence[tuple[int, int]]]:
    """What the numbers of nodes that count are for a type, each with the bits of what it does not satisfy."""
    columns = role.sizing.columns
    cells = world.catalog.cells(columns) if columns else {}
    known: dict[tuple[Cell, ...], Sequence[tuple[int, int]]] = {}  # thousands of types have few different cells

    def ways(row: Judged) -> Sequence[tuple[int, int]]:
        key = tuple(cells[row.provider, row.instance_type]) if columns else ()
        if key not in known:
            each = [(number, sum(bit[name] for name in unmet)) for number, unmet in role.sizing.ways(key)]
            if role.cap is None:  # then it does not matter that fewer cost less
                each = [way for way in each if not any(way[1] & less == less != way[1] for _, less in each)]
            known[key] = each
        return known[key]

    return ways


def _unseen(role: Role) -> str:
    """What is in the way where nothing fits and a type seems to lack nothing: what its cheapest offer does not show."""
    return CAP if role.cap is not None else PRICE if PRICE in role.assumptions else LOCALE
