"""The catalog's database: its tables, how rows are written into them, and the digest of what they hold.

The packaged snapshot and catalogs in memory have the same schema. Text of the big tables is held once, in `word`, whose
ids follow the order of the text: comparing ids compares names and dates. Prices are whole millionths of a dollar.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cloudclusters.catalog.rows import (
    Accelerator,
    AcceleratorArchitecture,
    Content,
    MachineType,
    Microarchitecture,
    Offering,
    Price,
    Processor,
    Region,
)
from cloudclusters.catalog.settling import by_model, settled
from cloudclusters.errors import InternalError

VERSION = 2
MICRO = 1_000_000

COLUMNS = MachineType.__struct_fields__
_KINDS = {column: str(MachineType.__annotations__[column]) for column in COLUMNS}
TEXT_COLUMNS = frozenset(column for column, kind in _KINDS.items() if kind.startswith("str"))
TRUTH_COLUMNS = frozenset(column for column, kind in _KINDS.items() if kind.startswith("bool"))
NUMBER_COLUMNS = frozenset(COLUMNS) - TEXT_COLUMNS - TRUTH_COLUMNS

Plain = Region | Processor | Accelerator | Microarchitecture | AcceleratorArchitecture
PLAIN_TABLES: dict[str, type[Plain]] = {
    "regions": Region,
    "processors": Processor,
    "accelerators": Accelerator,
    "microarchitectures": Microarchitecture,
    "accelerator_architectures": AcceleratorArchitecture,
}
"""Small tables, named as the fields of `Content`, one column for each field of the row; lists are `a;b`."""

_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE TABLE type (id INTEGER PRIMARY KEY, " + ", ".join(COLUMNS) + ")",
    "CREATE TABLE price (type INTEGER, region INTEGER, usd INTEGER, spot_usd INTEGER, spot_savings_percent INTEGER,"
    " spot_interruption_percent INTEGER, date INTEGER, spot_date INTEGER, source INTEGER,"
    " PRIMARY KEY (type, region)) WITHOUT ROWID",
    "CREATE TABLE offering (type INTEGER, region INTEGER, zones INTEGER, source INTEGER,"
    " PRIMARY KEY (type, region)) WITHOUT ROWID",
    *(
        f"CREATE TABLE {table} ({', '.join(struct.__struct_fields__)})"  # no affinity: "9.0" stays text
        for table, struct in PLAIN_TABLES.items()
    ),
)


def write(connection: sqlite3.Connection, content: Content, notes: Mapping[str, str] | None = None) -> None:
    """Make the tables in an empty database and fill them, types settled; the order of `content` does not matter.

    `notes` are added to what the database says of itself, outside of its digest.

    Raises `InternalError` where a type is there twice, or a price or an offering has no type or is there twice.
    """
    models = by_model(content.accelerators)
    types = sorted((settled(t, models) for t in content.types), key=lambda t: (t.provider, t.instance_type))
    with connection:
        for statement in _TABLES:
            connection.execute(statement)
        words = _Words(connection, _texts(types, content))
        ids = {(t.provider, t.instance_type): number for number, t in enumerate(types)}
        if len(ids) != len(types):
            raise InternalError("a machine type is in the catalog twice")
        try:
            _insert(connection, "type", (_type_row(number, t, words) for number, t in enumerate(types)))
            _insert(connection, "price", _by_place(_price_row(p, ids, words) for p in content.prices))
            _insert(connection, "offering", _by_place(_offering_row(o, ids, words) for o in content.offerings))
        except KeyError as exc:
            raise InternalError(f"a price or an offering of {exc}, which is no machine type of the catalog") from exc
        except sqlite3.IntegrityError as exc:
            raise InternalError(f"a price or an offering is in the catalog twice ({exc})") from exc
        for table in PLAIN_TABLES:
            _insert(connection, table, sorted(map(_plain_row, getattr(content, table)), key=_first_two))
        _insert(connection, "meta", [*_meta(connection, content), *(notes or {}).items()])


def digest_of(connection: sqlite3.Connection) -> str:
    """The SHA-256 over every row of every table but `meta`, in hex: the same facts give the same digest."""
    import hashlib  # OpenSSL behind it takes milliseconds to load, and who only reads does not need it

    digest = hashlib.sha256(f"catalog {VERSION}".encode())
    for table in ("word", "type", "price", "offering", *PLAIN_TABLES):
        digest.update(table.encode())
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def _meta(connection: sqlite3.Connection, content: Content) -> list[tuple[str, str]]:
    counts = {"types": content.types, "prices": content.prices, "offerings": content.offerings}
    return [
        ("version", str(VERSION)),
        ("date", content.date),
        ("digest", digest_of(connection)),
        *((name, str(len(rows))) for name, rows in counts.items()),
    ]


class _Words:
    """Ids of all texts, in the order of the texts."""

    def __init__(self, connection: sqlite3.Connection, texts: Iterable[str]) -> None:
        self._ids: dict[str | None, int | None] = {None: None}
        ordered = sorted(set(texts))
        self._ids.update((text, number) for number, text in enumerate(ordered))
        _insert(connection, "word", enumerate(ordered))

    def __getitem__(self, text: str | None) -> int | None:
        return self._ids[text]


def _texts(types: Iterable[MachineType], content: Content) -> Iterator[str]:
    for machine in types:
        yield from (text for column in TEXT_COLUMNS if (text := getattr(machine, column)) is not None)
    for price in content.prices:
        yield from (t for t in (price.region, price.date, price.spot_date, price.source) if t is not None)
    for offering in content.offerings:
        yield from (t for t in (offering.region, ";".join(offering.zones), offering.source) if t is not None)


def _type_row(number: int, machine: MachineType, words: _Words) -> tuple[object, ...]:
    cells = ((column, getattr(machine, column)) for column in COLUMNS)
    return (number, *(words[cell] if column in TEXT_COLUMNS else cell for column, cell in cells))


def _price_row(price: Price, ids: dict[tuple[str, str], int], words: _Words) -> tuple[int | None, ...]:
    return (
        ids[price.provider, price.instance_type],
        words[price.region],
        None if price.usd is None else round(price.usd * MICRO),
        None if price.spot_usd is None else round(price.spot_usd * MICRO),
        price.spot_savings_percent,
        price.spot_interruption_percent,
        words[price.date],
        words[price.spot_date],
        words[price.source],
    )


def _offering_row(offering: Offering, ids: dict[tuple[str, str], int], words: _Words) -> tuple[int | None, ...]:
    return (
        ids[offering.provider, offering.instance_type],
        words[offering.region],
        words[";".join(offering.zones)],
        words[offering.source],
    )


def _by_place(rows: Iterable[tuple[int | None, ...]]) -> list[tuple[int | None, ...]]:
    return sorted(rows, key=lambda row: (row[0] or 0, row[1] or 0))


def _first_two(row: Sequence[object]) -> tuple[str, str]:
    return str(row[0]), str(row[1])


def _plain_row(row: Plain) -> tuple[object, ...]:
    return tuple(";".join(cell) if isinstance(cell, tuple) else cell for cell in msgspec.structs.astuple(row))


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[Sequence[object]]) -> None:
    filled = list(rows)
    if filled:
        marks = ", ".join("?" * len(filled[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", filled)
