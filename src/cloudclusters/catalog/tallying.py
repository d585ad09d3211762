"""How many offers there are of each type, and what the cheapest costs: counted where they lie, none of them read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set

import msgspec

from cloudclusters.base.cloud import Market
from cloudclusters.base.constraint import Range
from cloudclusters.catalog import offers, schema
from cloudclusters.catalog.answers import Answers
from cloudclusters.catalog.reading import dollars
from cloudclusters.catalog.rows import Cell
from cloudclusters.catalog.source import Source

Count = tuple[int, int]
"""Machines that are bought on demand, and on the spot market."""
_MANY = 4
"""Of one in so many types the figures of all are looked up."""
_DEAREST = 9e12
"""USD per hour that nothing costs."""


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """Machines for one cluster: where (None: in any region), and what they may cost, in USD per hour.

    An unknown price satisfies no limit but `most`.
    """

    regions: frozenset[str] | None = None
    market: Market = Market.ON_DEMAND
    node: Range | None = None
    """What a machine may cost on its market."""
    cluster: Range | None = None
    """What all of them may cost."""
    unplaced: bool = True
    """Types of which nobody knows where they are sold will do."""
    most: float | None = None
    """What a spot machine may cost, where its price is known."""


class Tally(msgspec.Struct, frozen=True):
    """So many offers of a type, and what the whole cluster costs with the cheapest; None where no price tells."""

    offers: int
    lowest: float | None


Shelf = Mapping[int, tuple[int, Cell]]
"""By type, how many offers there are, and the lowest price of them as it is stored."""


def tallied(
    source: Source, wishes: Mapping[int, Count], purchase: Purchase, shelves: Answers[Shelf]
) -> dict[int, Tally]:
    """The types of these ids that are sold so, by id; as many offers as `offers.candidates` would make of each.

    Of many types at any price, what one machine of each costs is kept on a shelf: that does not depend on the wishes.
    """
    wanted = offers.on_market(source, wishes, purchase.market)
    counts, every = [wishes[number] for number in wanted], source.names()
    columns = {"usd" if not rest else "" if steady else "spot_usd" for steady, rest in counts}
    if len(columns) == 1 and all(columns) and not _allowed(purchase, "usd") and _MANY * len(wanted) > len(every):
        (column,) = columns
        shelf = shelves.of((column, purchase), lambda: _found(source, None, purchase, ("", "", column)))
        return {n: Tally(shelf[n][0], _times(sum(wishes[n]), shelf[n][1])) for n in wanted if n in shelf}
    found = _found(source, wanted, purchase, _counted({number: wishes[number] for number in wanted}))
    return {number: Tally(many, dollars(lowest)) for number, (many, lowest) in found.items()}


def _found(source: Source, wanted: Set[int] | None, purchase: Purchase, counted: tuple[str, str, str]) -> Shelf:
    """How many offers these types have (None: all), and what the cheapest costs, counted so, as it is stored."""
    table, joined, cost = counted
    where = "1" if wanted is None else f"type IN ({offers.listed(sorted(wanted))})"
    where += offers.within(source, purchase.regions)
    rows = source.rows(
        f"{table}SELECT type, count(*), min({cost}) FROM price{joined}"
        f" WHERE {where}{_allowed(purchase, cost)} GROUP BY type"
    )
    found = {int(number or 0): (int(many or 0), lowest) for number, many, lowest in rows}
    if purchase.node is None and purchase.cluster is None:
        unpriced = source.rows(
            f"SELECT type, count(*) FROM offering WHERE {where} AND NOT EXISTS"
            " (SELECT 1 FROM price WHERE price.type = offering.type AND price.region = offering.region) GROUP BY type"
        )
        more = {int(number or 0): int(many or 0) for number, many in unpriced}
        nowhere = {*(source.names().values() if wanted is None else wanted)} - source.placed
        more |= dict.fromkeys(nowhere if purchase.unplaced else (), 1)
        for number, many in more.items():
            known, lowest = found.get(number, (0, None))
            found[number] = (known + many, lowest)
    return found


def _times(many: int, price: Cell) -> float | None:
    return None if price is None else dollars(many * int(price))


def _counted(wishes: Mapping[int, Count]) -> tuple[str, str, str]:
    """What all machines of a type cost, in SQL, NULL where a price is unknown; with the table and the join it needs."""
    if len({*wishes.values()}) <= 1:
        parts = zip(next(iter(wishes.values()), (1, 0)), ("usd", "spot_usd"), strict=True)
        return "", "", " + ".join(f"{many} * {column}" for many, column in parts if many)
    rows = ", ".join(f"({number}, {steady}, {rest})" for number, (steady, rest) in wishes.items())
    cost = "CASE WHEN rest = 0 THEN steady * usd WHEN steady = 0 THEN rest * spot_usd"
    table = f"WITH wish(type, steady, rest) AS (VALUES {rows}) "
    return table, " JOIN wish USING (type)", f"({cost} ELSE steady * usd + rest * spot_usd END)"


def _allowed(purchase: Purchase, cost: str) -> str:
    """The limits on prices, as more SQL conditions."""
    usd = "usd" if purchase.market is Market.ON_DEMAND else "spot_usd"
    found = _between(usd, purchase.node) + _between(cost, purchase.cluster)
    if purchase.most is not None and purchase.market is Market.SPOT:
        found += f" AND ({usd} IS NULL OR {usd} <= {_at_most(purchase.most)})"
    return found


def _between(figure: str, limit: Range | None) -> str:
    if limit is None:
        return ""
    low = 0 if limit.low is None else -_at_most(-limit.low)
    return f" AND {figure} BETWEEN {low} AND {_at_most(_DEAREST if limit.high is None else limit.high)}"


def _at_most(usd: float) -> int:
    """The largest stored price that is not above this one, compared as `dollars` reads them."""
    end = max(-_DEAREST, min(usd, _DEAREST))
    found = math.floor(end * schema.MICRO) + 1
    while found / schema.MICRO > end:
        found -= 1
    return found
