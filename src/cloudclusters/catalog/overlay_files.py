"""Files of the user's own rows, read as they are written: every cell with the file and line where it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from cloudclusters.base.near import near
from cloudclusters.errors import InvalidOverlay

KINDS = ("type", "price", "offering", "region")
"""The tables of an overlay in TOML; a CSV file holds one of them, by its header."""
SUFFIXES = (".toml", ".csv")


class Written(msgspec.Struct, frozen=True):
    """A cell as it is written: text, number, truth, date or list; and the file, line and key or column for messages."""

    value: object
    where: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a file: what it is of, the file and line, and its cells by key or column."""

    kind: str
    where: str
    cells: Mapping[str, Written]


def read(path: Path) -> list[Entry]:
    """The rows of a file, or of all `.toml` and `.csv` files of a folder by their names.

    Raises `InvalidOverlay` with file and line for what is no table of ours.
    """
    if not path.is_dir():
        return _read_file(path)
    files = sorted(each for each in path.iterdir() if each.suffix in SUFFIXES and not each.name.startswith("."))
    if not files:
        raise InvalidOverlay(f"{path} holds no file of rows", hint="put .toml or .csv files into it")
    return [entry for file in files for entry in _read_file(file)]


def _read_file(path: Path) -> list[Entry]:
    if path.suffix not in SUFFIXES:
        raise InvalidOverlay(f"{path} is no file of rows", hint="name a .toml or .csv file, or a folder of them")
    return _from_toml(path) if path.suffix == ".toml" else list(_from_csv(path))


def _from_toml(path: Path) -> list[Entry]:
    from cloudclusters.base import toml

    document = toml.read(path, InvalidOverlay)
    found = []
    for kind, rows in document.data.items():
        where = document.where(kind)
        if kind not in KINDS:
            raise InvalidOverlay(f"{where}: unknown table {kind!r}{near(kind, KINDS)}", hint=_tables())
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise InvalidOverlay(f"{where}: {kind!r} must be a list of tables: write [[{kind}]]")
        for number, row in enumerate(rows):
            place = kind, str(number)
            cells = {k: Written(v, f"{document.where(*place, k)}: {k}") for k, v in row.items()}
            found.append(Entry(kind=kind, where=document.where(*place), cells=cells))
    return found


def _from_csv(path: Path) -> Iterator[Entry]:
    import csv

    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(lines, [])]
            kind = _kind_of(header, f"{path}:1")
            line = lines.line_num + 1
            for cells in lines:
                if any(cell.strip() for cell in cells):
                    yield _row(kind, header, cells, f"{path}:{lines.line_num}")
                line = lines.line_num + 1
    except csv.Error as exc:
        raise InvalidOverlay(
            f"{path}:{line}: the row that begins here is no CSV: {exc}",
            hint='close each "quote", and double it inside of a cell: ""',
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InvalidOverlay(f"cannot read {path}: {reason}") from exc


def _row(kind: str, header: Sequence[str], cells: Sequence[str], where: str) -> Entry:
    """A line of a CSV file; an empty cell says nothing."""
    if len(cells) != len(header):
        raise InvalidOverlay(
            f"{where}: {len(cells)} cells below a header of {len(header)}", hint='put text with commas into "quotes"'
        )
    told = {c: Written(text.strip(), f"{where}: {c}") for c, text in zip(header, cells, strict=True) if text.strip()}
    return Entry(kind=kind, where=where, cells=told)


def _kind_of(header: Sequence[str], where: str) -> str:
    """What a CSV file holds, by its columns."""
    columns = set(header)
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise InvalidOverlay(f"{where}: the column {twice!r} is there twice")
    named = bool(columns & {"instance_type", "node_machinetype", "node_machine_type"})
    if not named and "region" not in columns:
        raise InvalidOverlay(f"{where}: the header {','.join(header)!r} is that of no table", hint=_headers())
    if not named:
        return "region"
    if "region" not in columns:
        return "type"
    return "price" if _has_price(columns) else "offering"


def _has_price(columns: Collection[str]) -> bool:
    return any("usd" in column.lower() or "spot" in column or "date" in column for column in columns)


def _tables() -> str:
    return f"tables are {', '.join(f'[[{kind}]]' for kind in KINDS)}"


def _headers() -> str:
    return (
        "types have provider and instance_type; prices have region and usd besides, offerings region alone; regions "
        "have provider and region"
    )
