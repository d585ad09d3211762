"""Types with their prices, in order: what a contract could be deployed on."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.catalog import schema
from cloudclusters.catalog.reading import dollars
from cloudclusters.catalog.rows import Candidate, Cell, MachineType
from cloudclusters.catalog.source import Row, Source

_DEAREST = 1e9
"""USD per hour that no machine costs."""
_FEW = 6
"""Regions that are looked up one by one."""
_FIGURES = {Market.ON_DEMAND: ("usd", "date"), Market.SPOT: ("spot_usd", "spot_date")}
_SPOT = "spot_savings_percent, spot_interruption_percent"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how machines are wanted: None is any region; with `best`, one candidate of each type; `most` in all.

    With a `ceiling`, only what is known to cost no more, in USD per hour. `unplaced` says whether types of which nobody
    knows where they are sold count as sold.
    """

    regions: Collection[str] | None = None
    market: Market = Market.ON_DEMAND
    best: bool = False
    most: int | None = None
    ceiling: float | None = None
    unplaced: bool = True


def candidates(source: Source, fits: Sequence[int], asked: Asked) -> list[Candidate]:
    """The types with these ids and what they cost, in order; see `Catalog.offers`."""
    rows = _rows(source, fits, asked)[: asked.most]
    machines = source.types(f"id IN ({listed({row[0] for row in rows})})") if rows else {}
    return [_candidate(source, machines, row, asked.market) for row in rows]


def _rows(source: Source, fits: Sequence[int], asked: Asked) -> list[Row]:
    """Rows of type, region, price, date, spot figures, price on demand and whether it is sold there, in order."""
    numbers = on_market(source, fits, asked.market)
    inside = within(source, asked.regions)
    rows = _priced(source, f"type IN ({listed(sorted(numbers))}){inside}", asked)
    if asked.ceiling is not None or (asked.most is not None and len(rows) >= asked.most):
        return rows
    rest = numbers - {row[0] for row in rows} if asked.best else numbers
    rows += _unpriced(source, f"type IN ({listed(sorted(rest))}){inside}", asked)
    nowhere = numbers - {row[0] for row in rows}
    return rows + _placeless(source, sorted(nowhere), asked) if nowhere else rows


def sold(source: Source, asked: Asked) -> dict[int, float | None]:
    """The types that are sold in these regions, or nobody knows where, by id; and the lowest known price of each."""
    usd, _ = _FIGURES[asked.market]
    inside = within(source, asked.regions)
    found: dict[int, float | None] = {}
    if asked.unplaced:
        found |= dict.fromkeys(set(source.names().values()) - source.placed)
    found |= dict.fromkeys(int(n or 0) for (n,) in source.rows(f"SELECT DISTINCT type FROM offering WHERE 1{inside}"))
    rows = source.rows(f"SELECT type, min({usd}) FROM price WHERE 1{inside} GROUP BY type")
    found |= {int(number or 0): dollars(price) for number, price in rows}
    if asked.market is Market.SPOT:
        for number in source.off_spot:
            found.pop(number, None)
    return found


def figures(
    source: Source, provider: int, regions: Collection[str] | None, where: str
) -> dict[tuple[str, str], list[tuple[float | None, float | None]]]:
    """The different prices of each type of the provider whose name has this id; see `Catalog.figures`."""
    words, found = source.words, dict[Cell, list[tuple[float | None, float | None]]]()
    inside = within(source, regions)
    rows = source.rows(
        f"SELECT DISTINCT instance_type, usd / {schema.MICRO}.0, spot_usd / {schema.MICRO}.0"  # as `dollars` reads them
        f" FROM price JOIN type ON type.id = price.type WHERE provider = {provider} AND {where}{inside}"
    )
    for machine, usd, spot in rows:
        found.setdefault(machine, []).append((usd, spot))  # type: ignore[arg-type]  # REAL or NULL
    name = str(words.get(provider))  # a source need not know the provider
    return {(name, str(words[machine])): pairs for machine, pairs in found.items()}


def rank(candidate: Candidate) -> tuple[bool, float, bool, int, str, str, str]:
    """The order of candidates: cheapest, newest price, then names; what is not sold here comes last."""
    offer = candidate.offer
    price, day = offer.hourly_usd, int(offer.price_date.replace("-", "") or 0)
    names = offer.place.region, offer.provider, offer.instance_type
    return price is None, price or 0.0, not offer.place.region and price is None, -day, *names


def _priced(source: Source, where: str, asked: Asked) -> list[Row]:
    """Prices, the cheapest first; the newest of equals."""
    usd, date = _FIGURES[asked.market]
    where = f"{usd} IS NOT NULL AND {where}"
    if asked.ceiling is not None:
        where += f" AND {usd} <= {math.ceil(min(asked.ceiling, _DEAREST) * schema.MICRO)}"
    if asked.best:
        where += f" AND (type, {usd}) IN (SELECT type, min({usd}) FROM price WHERE {where} GROUP BY type)"
    limit = -1 if asked.best or asked.most is None else asked.most
    rows = source.rows(
        f"SELECT type, region, {usd}, {date}, {_SPOT}, usd, 1 FROM price WHERE {where}"
        f" ORDER BY {usd}, {date} DESC, region, type LIMIT {limit}"  # ids of words follow the order of their texts
    )
    if not asked.best:
        return rows
    first = dict[Cell, Row]()
    for row in rows:
        first.setdefault(row[0], row)
    return [*first.values()]


def _unpriced(source: Source, where: str, asked: Asked) -> list[Row]:
    """Where types are sold at a price that is not known, by region."""
    usd, _ = _FIGURES[asked.market]
    region, group = ("min(region)", "type") if asked.best else ("region", "type, region")
    return source.rows(
        f"SELECT type, {region}, NULL, NULL, {_SPOT}, usd, 1 FROM"
        f" (SELECT type, region, {_SPOT}, usd FROM price WHERE {usd} IS NULL AND {where}"
        f" UNION ALL SELECT type, region, NULL, NULL, NULL FROM offering WHERE {where} AND NOT EXISTS"
        f" (SELECT 1 FROM price WHERE price.type = offering.type AND price.region = offering.region))"
        f" GROUP BY {group} ORDER BY 2, 1"
    )


def _placeless(source: Source, numbers: Sequence[int], asked: Asked) -> list[Row]:
    """Types of which no place is known in these regions: not sold there, where the catalog knows the places it is."""
    sold = source.placed if asked.regions is not None else frozenset[int]()
    return [
        (number, None, None, None, None, None, None, int(asked.unplaced and number not in sold)) for number in numbers
    ]


def on_market(source: Source, numbers: Collection[int], market: Market) -> set[int]:
    """Those of these types that the market may have."""
    return {*numbers} - source.off_spot if market is Market.SPOT else {*numbers}


def within(source: Source, regions: Collection[str] | None) -> str:
    """The regions as one more SQL condition; a price without a place holds everywhere."""
    if regions is None:
        return ""
    # With a plus the rows of a type are read through, and not looked up region by region: quicker where those are many.
    column = "+region" if len(regions) > _FEW else "region"
    return f" AND {column} IN ({listed(source.word_ids({'', *regions}))})"


def _candidate(source: Source, machines: dict[int, MachineType], row: Row, market: Market) -> Candidate:
    number, region, usd, date, savings, interruption, on_demand, available = row
    machine = machines[number]  # type: ignore[index]  # NOT NULL
    offer = Offer(
        provider=machine.provider,
        instance_type=machine.instance_type,
        place=Place(source.words[region] or ""),
        market=market,
        hourly_usd=dollars(usd),
        price_date=source.words[date] or "",
        available=bool(available),
        on_demand_usd=None if market is Market.ON_DEMAND else dollars(on_demand),
    )
    return Candidate(machine, offer, savings, interruption)  # type: ignore[arg-type]  # INTEGER or NULL


def listed(numbers: Collection[Cell]) -> str:
    """Numbers as SQL lists them."""
    return ", ".join(map(str, numbers))
