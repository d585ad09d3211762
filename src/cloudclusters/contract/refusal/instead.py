"""What to write instead of constraints so that a type satisfies them, and how far that is from what was asked for."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Offer
from cloudclusters.contract.document import NODES
from cloudclusters.contract.place import LOCALE
from cloudclusters.contract.refusal.selling import Name, Shop, Shops
from cloudclusters.contract.sizing import Cell, Sizing, total
from cloudclusters.contract.world import CAP, PRICE, Role, World, affordable
from cloudclusters.vocabulary import FEATURES, Constraint, Feature, Range, Taxonomy, Terms, contains, taxonomy
from cloudclusters.vocabulary.parts import contains as holds_parts
from cloudclusters.vocabulary.parts import join, split
from cloudclusters.vocabulary.taxonomy import Shape

Values = dict[str, tuple[Constraint, float]]
"""By feature, what to ask for instead, and how far that is."""


def distance(values: Values) -> float:
    """How far all of them together are from what was asked for."""
    return sum(far for _, far in values.values())


class Kind(msgspec.Struct, frozen=True):
    """A type that would fit, with its offers in a shop."""

    name: Name
    cells: Mapping[str, Cell]
    offers: Sequence[Offer]
    count: int
    """Nodes of it that the role gets."""
    cost: float
    """The lowest price of all of them; infinite where none is known."""


class Option(msgspec.Struct, frozen=True):
    """A type with what to write instead."""

    kind: Kind
    values: Values

    @property
    def distance(self) -> float:
        """How far its values are from what was asked for; its offers may all be farther."""
        return distance(self.values)

    @property
    def rank(self) -> tuple[float, float, Name]:
        """The nearest first, then the cheapest cluster."""
        return self.distance, self.kind.cost, self.kind.name


def kinds(
    role: Role, world: World, shops: Shops, shop: Shop, loosened: Collection[str], names: Sequence[Name]
) -> Iterator[Kind]:
    """The types of these names that are sold in the shop in a number and at a price that are kept or loosened."""
    columns = dict.fromkeys(FEATURES[name].column for name in loosened if FEATURES[name].column)
    wanted = tuple(columns | dict.fromkeys(role.sizing.columns))
    rows = world.catalog.cells(wanted, names)
    bounds_of = _bounds(role.sizing, loosened)
    for name in names:
        offers = shop.offers.get(name, ())
        if PRICE not in loosened:
            offers = [each for each in offers if affordable(role, each.hourly_usd)]
        if not offers:
            continue
        cells = dict(zip(wanted, rows[name], strict=True))
        fewest, most = bounds_of(cells)
        count = most if CAP in loosened else _affordable(role, shops, offers, fewest, most)
        if count:
            yield Kind(name, cells, offers, count, _cost(shops, offers, count))


def _bounds(sizing: Sizing, loosened: Collection[str]) -> Callable[[Mapping[str, Cell]], tuple[int, int]]:
    """The fewest and the most nodes to think of, by cells; 0 where none will do.

    The fewest that satisfy what is kept will do, unless a total or the number itself is loosened: of that, as much as
    can be had. Where the cluster's price is loosened, too, each node more goes farther from that than it comes nearer.
    """
    wished = sizing.least if NODES in loosened and CAP not in loosened else 1
    kept, known = sizing.without(loosened), dict[tuple[Cell, ...], tuple[int, int]]()
    given_up = {name: Range(each.low) for name, each in sizing.totals.items() if name in loosened}

    def bounds(cells: Mapping[str, Cell]) -> tuple[int, int]:
        key = tuple(cells[column] for column in sizing.columns)
        if key not in known:
            fewest, most = kept.numbers_of([cells[column] for column in kept.columns])
            reach = Sizing(least=max(fewest, wished), most=None, totals=given_up)
            enough = reach.count_of([cells[column] for column in reach.columns])
            known[key] = (fewest, int(min(enough, most))) if fewest <= most and enough else (0, 0)
        return known[key]

    return bounds


def _affordable(role: Role, shops: Shops, offers: Sequence[Offer], fewest: int, most: int) -> int:
    """The most nodes, of so many at least and at most, that the cluster's price allows; 0 where none are."""
    high = role.cap.high if isinstance(role.cap, Range) else None
    if high is None or not most:
        return most

    def cost(count: int) -> float:
        return _cost(shops, offers, count)

    if cost(most) <= high:
        return most
    allowed = bisect_right(range(fewest, most), high, key=cost)
    return fewest + allowed - 1 if allowed else 0


def _cost(shops: Shops, offers: Sequence[Offer], count: int) -> float:
    """What so many nodes cost at least; infinite where no price is known."""
    return min([cost for each in offers if (cost := shops.cost(each, count)) is not None], default=math.inf)


def tried(role: Role, loosened: Sequence[str], types: Iterable[Kind]) -> Iterator[Option]:
    """Each type of which the catalog says what to write instead of all these constraints."""
    known: dict[tuple[str, Cell], Values | None] = {}  # many types have the same cell
    for kind in types:
        values: Values = {}
        for name in loosened:
            column = FEATURES[name].column
            if not column:
                found = _of_all_nodes(role, name, kind)
            elif (name, kind.cells[column]) in known:
                found = known[name, kind.cells[column]]
            else:
                found = known[name, kind.cells[column]] = _of_a_node(role, name, kind.cells[column])
            if found is None:
                break
            values |= found
        else:
            yield Option(kind, values)


def _of_a_node(role: Role, name: str, cell: Cell) -> Values | None:
    """What to write instead of a constraint on the machine."""
    if isinstance(cell, str) and "|" in cell:
        return None
    found = nearest_value(FEATURES[name], role.assumptions[name], cell)
    return None if found is None else {name: found}


def _of_all_nodes(role: Role, name: str, kind: Kind) -> Values | None:
    """What to write instead of a constraint on place, price, number or totals."""
    if name == LOCALE:
        return {name: (Terms(), 1.0)}  # which region, the offer says
    if name == NODES:
        return {name: (Range(kind.count, kind.count), _far(role.sizing, kind.count))}
    if name == PRICE:
        return _of_price(role.assumptions.get(name), kind)
    if name == CAP:
        asked, cell = role.cap, kind.cost if 0 < kind.cost < math.inf else None
    else:
        asked, cell = role.sizing.totals.get(name), total(FEATURES[name], kind.cells, kind.count) or None
    found = None if asked is None else nearest_value(FEATURES[name], asked, cell)
    return None if found is None else {name: found}


def _of_price(asked: Constraint | None, kind: Kind) -> Values | None:
    """What to write instead of the limit of a node's price: of what is too cheap for it the dearest is nearest."""
    if not isinstance(asked, Range):
        return None
    known = sorted(each.hourly_usd for each in kind.offers if each.hourly_usd is not None)
    above = bisect_left(known, asked.low or 0.0)
    found = [nearest_value(FEATURES[PRICE], asked, usd) for usd in known[max(above - 1, 0) : above + 1]]
    return min(({PRICE: each} for each in found if each is not None), key=distance, default=None)


def _far(sizing: Sizing, count: int) -> float:
    """How far a number of nodes is from those that were asked for."""
    bound = sizing.most if sizing.most is not None and count > sizing.most else sizing.least
    return abs(count - bound) / bound


def nearest_value(feature: Feature, asked: Constraint, cell: Cell) -> tuple[Constraint, float] | None:
    """The nearest constraint that this cell satisfies, and how far it is: the part of the bound that is given up."""
    if cell is None or cell == "":
        return None
    names = taxonomy(feature.taxonomy) if feature.taxonomy else None
    if isinstance(asked, Terms) and names is not None:
        return (asked, 0.0) if contains(asked, str(cell), names) else _name(names, asked, str(cell))
    if isinstance(cell, str) or not isinstance(asked, Range):
        return None
    if contains(asked, cell):
        return asked, 0.0
    low, high = asked.low, asked.high
    if low is not None and cell < low:
        return Range(cell, cell if low == high else high), float((low - cell) / low)
    assert high is not None
    return Range(cell if low == high else low, cell), float((cell - high) / high) if high else float(cell)


def _name(names: Taxonomy, asked: Terms, cell: str) -> tuple[Constraint, float] | None:
    """This name instead; a relative of what was asked for is nearer. Of machine types only a relative will do."""
    if names.shape is Shape.PARTS:
        return _part(names, asked, [each for each in cell.split(";") if names.knows(each)])
    if not names.knows(cell):  # a word of the catalog that nobody can ask for
        return None
    near = any(names.ancestors(cell) & names.ancestors(term) for term in (*asked.any_of, asked.newer_than) if term)
    if not near and names.is_open:
        return None
    return Terms((cell,)), 1.0 if near else 2.0


def _part(names: Taxonomy, asked: Terms, had: Sequence[str]) -> tuple[Constraint, float] | None:
    """Of names that are joined (`avx2+fma`) those that a machine has; of others one that it has, a relative if any."""
    terms = [(term, [each for each in split(term) if holds_parts(Terms((each,)), had, names)]) for term in asked.any_of]
    term, kept = max(terms, key=lambda pair: len(pair[1]) / len(split(pair[0])), default=("", []))
    if kept and len(kept) < len(split(term)):
        return Terms((join(kept),)), 1 - len(kept) / len(split(term))
    wanted = frozenset[str]().union(*(names.ancestors(each) for term in asked.any_of for each in split(term)))
    near = [each for each in had if names.ancestors(each) & wanted]
    return (Terms(((near or had)[0],)), 1.0 if near else 2.0) if had else None
