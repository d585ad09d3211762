"""Types with their prices, in order: what a contract could be deployed on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.catalog.reading import dollars
from cloudclusters.catalog.rows import Candidate, Cell, MachineType
from cloudclusters.catalog.source import Row, Source

_FIGURES = {Market.ON_DEMAND: ("usd", "date"), Market.SPOT: ("spot_usd", "spot_date")}
_SPOT = "spot_savings_percent, spot_interruption_percent"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how machines are wanted: None is any region; with `best`, one candidate of each type; `most` in all."""

    regions: Collection[str] | None = None
    market: Market = Market.ON_DEMAND
    best: bool = False
    most: int | None = None


def candidates(source: Source, fits: Sequence[int], asked: Asked) -> list[Candidate]:
    """The types with these ids and what they cost, in order; see `Catalog.offers`."""
    rows = _rows(source, fits, asked)[: asked.most]
    machines = source.types(f"id IN ({_listed({row[0] for row in rows})})") if rows else {}
    return [_candidate(source, machines, row, asked.market) for row in rows]


def _rows(source: Source, fits: Sequence[int], asked: Asked) -> list[Row]:
    """Rows of type, region, price, date, spot figures and whether it is sold there, in order."""
    numbers = set(fits)
    if asked.market is Market.SPOT:
        numbers.difference_update(int(number or 0) for (number,) in source.rows("SELECT id FROM type WHERE spot = 0"))
    within = _within(source, asked)
    rows = _priced(source, f"type IN ({_listed(sorted(numbers))}){within}", asked)
    if asked.most is not None and len(rows) >= asked.most:
        return rows
    rest = numbers - {row[0] for row in rows} if asked.best else numbers
    rows += _unpriced(source, f"type IN ({_listed(sorted(rest))}){within}", asked)
    nowhere = numbers - {row[0] for row in rows}
    return rows + _placeless(source, sorted(nowhere), asked) if nowhere else rows


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
    if asked.best:
        where += f" AND (type, {usd}) IN (SELECT type, min({usd}) FROM price WHERE {where} GROUP BY type)"
    limit = -1 if asked.best or asked.most is None else asked.most
    rows = source.rows(
        f"SELECT type, region, {usd}, {date}, {_SPOT}, 1 FROM price WHERE {where}"
        f" ORDER BY {usd}, {date} DESC, region, type LIMIT {limit}"  # ids of words follow the order of their texts
    )
    return list({row[0]: row for row in reversed(rows)}.values())[::-1] if asked.best else rows


def _unpriced(source: Source, where: str, asked: Asked) -> list[Row]:
    """Where types are sold at a price that is not known, by region."""
    usd, _ = _FIGURES[asked.market]
    region, group = ("min(region)", "type") if asked.best else ("region", "type, region")
    return source.rows(
        f"SELECT type, {region}, NULL, NULL, {_SPOT}, 1 FROM"
        f" (SELECT type, region, {_SPOT} FROM price WHERE {usd} IS NULL AND {where}"
        f" UNION ALL SELECT type, region, NULL, NULL FROM offering WHERE {where} AND NOT EXISTS"
        f" (SELECT 1 FROM price WHERE price.type = offering.type AND price.region = offering.region))"
        f" GROUP BY {group} ORDER BY 2, 1"
    )


def _placeless(source: Source, numbers: Sequence[int], asked: Asked) -> list[Row]:
    """Types of which no place is known in these regions: not sold there, where the catalog knows the places it is."""
    sold: set[Cell] = set()
    if asked.regions is not None:
        found = source.rows("SELECT type FROM price UNION SELECT type FROM offering")
        sold.update(number for (number,) in found)
    return [(number, None, None, None, None, None, int(number not in sold)) for number in numbers]


def _within(source: Source, asked: Asked) -> str:
    """The regions as a condition; a price without a place holds everywhere."""
    if asked.regions is None:
        return ""
    return f" AND region IN ({_listed(source.word_ids({'', *asked.regions}))})"


def _candidate(source: Source, machines: dict[int, MachineType], row: Row, market: Market) -> Candidate:
    number, region, usd, date, savings, interruption, available = row
    machine = machines[number]  # type: ignore[index]  # NOT NULL
    offer = Offer(
        provider=machine.provider,
        instance_type=machine.instance_type,
        place=Place(source.words[region] or ""),
        market=market,
        hourly_usd=dollars(usd),
        price_date=source.words[date] or "",
        available=bool(available),
    )
    return Candidate(machine, offer, savings, interruption)  # type: ignore[arg-type]  # INTEGER or NULL


def _listed(numbers: Collection[Cell]) -> str:
    return ", ".join(map(str, numbers))
