"""Reading rows back from a catalog database: prices, offerings and the small tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
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
from cloudclusters.catalog.source import Row, Source
from cloudclusters.errors import InternalError

S = TypeVar("S", bound=msgspec.Struct)


def prices(source: Source, where: str = "1") -> list[Price]:
    """Price rows whose `price` and `type` rows meet an SQL condition, by type and region."""
    words = source.words
    rows = _sold(source, "price", Price.__struct_fields__[2:], where)
    return [
        Price(  # not checked cell by cell: `schema.write` wrote them, and there are many
            words[provider],  # type: ignore[arg-type]
            words[name],  # type: ignore[arg-type]
            words[region],  # type: ignore[arg-type]
            dollars(usd),
            dollars(spot_usd),
            savings,  # type: ignore[arg-type]
            interruption,  # type: ignore[arg-type]
            words[date],
            words[spot_date],
            words[origin],
        )
        for provider, name, region, usd, spot_usd, savings, interruption, date, spot_date, origin in rows
    ]


def cells(source: Source, columns: Sequence[str], where: str = "1") -> dict[tuple[str, str], tuple[Cell, ...]]:
    """What the types that meet an SQL condition have in these columns, by provider and name."""
    words, wanted = source.words, ", ".join(("provider", "instance_type", *columns))
    texts = [column in schema.TEXT_COLUMNS for column in columns]
    rows = source.rows(f"SELECT {wanted} FROM type WHERE {where}")
    if not any(texts):
        return {(str(words[provider]), str(words[name])): tuple(row) for provider, name, *row in rows}
    return {
        (str(words[provider]), str(words[name])): tuple(
            words[cell] if is_text else cell for is_text, cell in zip(texts, row, strict=True)
        )
        for provider, name, *row in rows
    }


def zones(source: Source, regions: Collection[str], where: str = "1") -> dict[tuple[str, str, str], tuple[str, ...]]:
    """The zones of these regions where the types that meet an SQL condition are sold, as far as they are known."""
    words, ids = source.words, ", ".join(map(str, source.word_ids(regions)))
    rows = source.rows(
        "SELECT provider, instance_type, region, zones FROM offering JOIN type ON type.id = offering.type"
        f" WHERE region IN ({ids}) AND {where}"
    )
    listing = {cell: listed(words[cell]) for cell in {row[3] for row in rows}}
    return {
        (str(words[provider]), str(words[name]), str(words[region])): listing[cell]
        for provider, name, region, cell in rows
        if listing[cell]
    }


def offerings(source: Source, where: str = "1") -> list[Offering]:
    """Offering rows whose `offering` and `type` rows meet an SQL condition, by type and region."""
    words = source.words
    return [
        Offering(
            words[provider],  # type: ignore[arg-type]
            words[name],  # type: ignore[arg-type]
            words[region],  # type: ignore[arg-type]
            listed(words[zones]),
            words[origin],
        )
        for provider, name, region, zones, origin in _sold(source, "offering", ("region", "zones", "source"), where)
    ]


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


def listed(cell: Cell) -> tuple[str, ...]:
    """A list from its one text."""
    return tuple(str(cell).split(";")) if cell else ()


def _sold(source: Source, table: str, columns: Sequence[str], where: str) -> list[Row]:
    """Provider and name of the type, and these columns, by type and region."""
    named = ", ".join(f"{table}.{column}" for column in columns)
    return source.rows(
        f"SELECT type.provider, type.instance_type, {named} FROM {table} JOIN type ON type.id = {table}.type"
        f" WHERE {where} ORDER BY {table}.type, {table}.region"
    )


def _made(kind: type[S], cells: dict[str, Cell]) -> S:
    lists = {name for name, default in _defaults(kind) if default == ()}
    filled = {name: listed(cell) if name in lists else cell for name, cell in cells.items()}
    return msgspec.convert(filled, kind, strict=False)


def _defaults(kind: type[S]) -> Iterator[tuple[str, object]]:
    """Fields that have a default, with it; a list is a field whose default is the empty one."""
    defaults = kind.__struct_defaults__
    return zip(kind.__struct_fields__[-len(defaults) :], defaults, strict=True)
