"""Reading rows back from a catalog database: prices, offerings and the small tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from cloudclusters.catalog import schema
from cloudclusters.catalog.rows import (
    Accelerator,
    AcceleratorArchitecture,
    Cell,
    Content,
    Microarchitecture,
    Offering,
    Price,
    Processor,
    Region,
)
from cloudclusters.catalog.source import Source
from cloudclusters.errors import InternalError

S = TypeVar("S", bound=msgspec.Struct)

_OF_TYPE = ("provider", "instance_type")
_CODED = frozenset({*_OF_TYPE, "region", "zones", "date", "spot_date", "source"})
_DOLLARS = frozenset({"usd", "spot_usd"})


def prices(source: Source, where: str = "1") -> list[Price]:
    """Price rows whose `price` and `type` rows meet an SQL condition, by type and region."""
    return _sold(source, "price", Price, where)


def offerings(source: Source, where: str = "1") -> list[Offering]:
    """Offering rows whose `offering` and `type` rows meet an SQL condition, by type and region."""
    return _sold(source, "offering", Offering, where)


def plain(source: Source, kind: type[S], where: str = "1") -> list[S]:
    """Rows of the small table of this kind that meet an SQL condition."""
    for table, struct in schema.PLAIN_TABLES.items():
        if struct is kind:
            rows = source.rows(f"SELECT * FROM {table} WHERE {where} ORDER BY 1, 2")
            return [_made(kind, dict(zip(kind.__struct_fields__, row, strict=True))) for row in rows]
    raise InternalError(f"the catalog has no table of {kind.__name__}")


def content(source: Source) -> Content:
    """Everything that the database holds; `schema.write` of it gives the same digest."""
    return Content(
        types=tuple(source.types().values()),
        prices=tuple(prices(source)),
        offerings=tuple(offerings(source)),
        regions=tuple(plain(source, Region)),
        processors=tuple(plain(source, Processor)),
        accelerators=tuple(plain(source, Accelerator)),
        microarchitectures=tuple(plain(source, Microarchitecture)),
        accelerator_architectures=tuple(plain(source, AcceleratorArchitecture)),
        date=source.meta["date"],
    )


def dollars(micro: Cell) -> float | None:
    """A stored price in USD: exactly the float that its decimal figure reads as."""
    return None if micro is None else float(micro) / schema.MICRO


def _sold(source: Source, table: str, kind: type[S], where: str) -> list[S]:
    columns = kind.__struct_fields__
    named = ", ".join(f"{'type' if column in _OF_TYPE else table}.{column}" for column in columns)
    rows = source.rows(
        f"SELECT {named} FROM {table} JOIN type ON type.id = {table}.type WHERE {where}"
        f" ORDER BY {table}.type, {table}.region"
    )
    found = []
    for row in rows:
        cells: dict[str, Cell] = {}
        for column, cell in zip(columns, row, strict=True):
            if column in _CODED:
                cells[column] = source.words[cell]
            else:
                cells[column] = dollars(cell) if column in _DOLLARS else cell
        found.append(_made(kind, cells))
    return found


def _made(kind: type[S], cells: dict[str, Cell]) -> S:
    """A row from its cells; lists are stored as one text."""
    listed = {name for name, default in _defaults(kind) if default == ()}
    filled: dict[str, object] = {
        name: (tuple(filter(None, str(cell).split(";"))) if name in listed else cell) for name, cell in cells.items()
    }
    return msgspec.convert(filled, kind, strict=False)


def _defaults(kind: type[S]) -> Iterator[tuple[str, object]]:
    """Fields that have a default, with it; a list is a field whose default is the empty one."""
    defaults = kind.__struct_defaults__
    return zip(kind.__struct_fields__[-len(defaults) :], defaults, strict=True)
