"""What the catalog tells of a feature: how large its numbers are at each provider, and which names occur."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable

import msgspec

from cloudclusters.catalog.catalog import Catalog
from cloudclusters.catalog.rows import Cell
from cloudclusters.vocabulary import Feature, Kind, Number

_LOCALE = "cluster_locale"
_PRICE = "node_hourly_price"


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a quantifier at one provider, in its base unit; None where none is known."""

    provider: str
    types: int
    """Instance types, or prices, in all."""
    known: int
    """Those of which the number is known."""
    least: Number | None = None
    median: Number | None = None
    most: Number | None = None


class Named(msgspec.Struct, frozen=True):
    """A name of a qualifier, and how many instance types have it."""

    name: str
    types: int


def is_told(feature: Feature) -> bool:
    """Whether the catalog tells this feature: by a column, or by the prices and regions of its offers."""
    return bool(feature.column) or feature.name in (_LOCALE, _PRICE)


def numbers(catalog: Catalog, feature: Feature) -> list[Numbers]:
    """How large a quantifier is at each provider; of cells that leave several possible, all of them count."""
    rows: dict[str, list[Cell]] = {}
    if feature.name == _PRICE:
        for price in catalog.prices():
            rows.setdefault(price.provider, []).append(price.usd)
    elif feature.column:
        for (provider, _), (cell,) in catalog.cells((feature.column,)).items():
            rows.setdefault(provider, []).append(cell)
    return [_numbers(provider, cells) for provider, cells in sorted(rows.items())]


def names(catalog: Catalog, feature: Feature) -> list[Named]:
    """The names of a qualifier that occur, the most frequent first; `unknown` is the empty name."""
    counted: Counter[str] = Counter()
    if feature.name == _LOCALE:
        counted.update(region for _, region in {((p.provider, p.instance_type), p.region) for p in catalog.prices()})
    elif feature.column == "provider":
        counted.update(provider for provider, _ in catalog.cells(("vcpus",)))
    elif feature.column == "instance_type":
        counted.update(machine.family or "" for machine in catalog.machine_types())
    elif feature.column:
        for (cell,) in catalog.cells((feature.column,)).values():
            counted.update(_each(cell) or [""])
    return [Named(name, types) for name, types in sorted(counted.items(), key=lambda each: (-each[1], each[0]))]


def told(catalog: Catalog, feature: Feature, *, most: int = 30) -> list[str]:
    """The same in lines for people: one a provider for numbers, one a name, and one for the names beyond `most`."""
    if feature.kind is Kind.QUANTIFIER:
        return [_line(feature, each) for each in numbers(catalog, feature)]
    found = names(catalog, feature)
    lines = [f"{each.name or 'unknown'} ({each.types})" for each in found[:most]]
    return [*lines, f"{len(found) - most} more"] if len(found) > most else lines


def _line(feature: Feature, found: Numbers) -> str:
    known = f"known of {found.known} of {found.types}"
    if found.least is None or found.median is None or found.most is None or feature.unit is None:
        return f"{found.provider}: {known}"
    show = feature.unit.show
    return f"{found.provider}: {show(found.least)} to {show(found.most)}, half up to {show(found.median)} ({known})"


def _numbers(provider: str, cells: Iterable[Cell]) -> Numbers:
    all_of_them = list(cells)
    known = [cell for cell in all_of_them if cell is not None and cell != ""]
    amounts = sorted(number for cell in known for number in _amounts(cell))
    if not amounts:
        return Numbers(provider=provider, types=len(all_of_them), known=0)
    return Numbers(
        provider=provider,
        types=len(all_of_them),
        known=len(known),
        least=amounts[0],
        median=statistics.median_low(amounts),
        most=amounts[-1],
    )


def _amounts(cell: Cell) -> list[Number]:
    return [float(each) for each in cell.split("|")] if isinstance(cell, str) else [cell] if cell is not None else []


def _each(cell: Cell) -> list[str]:
    """The names in a cell: alternatives, or parts."""
    return [each for each in str(cell).replace("|", ";").split(";") if each] if cell is not None else []
