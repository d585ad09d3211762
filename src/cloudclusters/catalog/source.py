"""One database of the catalog, open for reading: the packaged file, or one in memory."""

from __future__ import annotations

import functools
import sqlite3
import threading
import weakref
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from cloudclusters.catalog import schema
from cloudclusters.catalog.rows import Cell, Content, MachineType
from cloudclusters.errors import StoreError

_TEXTS = [place for place, column in enumerate(schema.COLUMNS) if column in schema.TEXT_COLUMNS]
_TRUTHS = [place for place, column in enumerate(schema.COLUMNS) if column in schema.TRUTH_COLUMNS]

Row = tuple[int | float | str | None, ...]


class Source:
    """A catalog database. May be used from several threads: one question at a time is asked of it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.judged: dict[object, tuple[str, str]] = {}
        """Conditions that `matching` has worked out; the rows never change, so they hold as long as this is open."""
        # Collected without `close`, it closes all the same: newer Pythons warn of connections that nobody closed.
        self.close = weakref.finalize(self, connection.close)

    @classmethod
    def open(cls, path: Path) -> Source:
        """Open a snapshot file read-only. The file must not change while it is open; replace it by a rename.

        Raises `StoreError` when it is not a catalog of this release.
        """
        # The file never changes in place, so no lock file is needed and a read-only folder is enough.
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            version = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        except sqlite3.Error as exc:
            if connection is not None:
                connection.close()
            raise StoreError(f"the catalog {path} cannot be read ({exc})", hint="reinstall cloudclusters") from exc
        if version != (str(schema.VERSION),):
            connection.close()
            raise StoreError(f"the catalog {path} is of another release", hint="reinstall cloudclusters")
        return cls(connection)

    @classmethod
    def build(cls, content: Content, notes: Mapping[str, str] | None = None) -> Source:
        """Make a database in memory; `notes` are added to what it says of itself."""
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            schema.write(connection, content, notes)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def rows(self, statement: str, parameters: Sequence[Cell] = ()) -> list[Row]:
        """Ask one question and fetch all of the answer."""
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()

    @functools.cached_property
    def meta(self) -> dict[str, str]:
        """Version, date, digest and counts."""
        return {str(key): str(value) for key, value in self.rows("SELECT key, value FROM meta")}

    @functools.cached_property
    def words(self) -> dict[Cell, str | None]:
        """All texts by id."""
        found: dict[Cell, str | None] = dict(self.rows("SELECT id, text FROM word"))  # type: ignore[arg-type]  # TEXT
        found[None] = None
        return found

    def word_ids(self, texts: Collection[str]) -> list[int]:
        """The ids of those texts that this database knows."""
        return [self._ids[text] for text in texts if text in self._ids]

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {text: int(number or 0) for number, text in self.words.items() if text is not None}

    def decoded(self, column: str, cell: Cell) -> Cell:
        """A cell of the table `type` as `MachineType` has it."""
        if column in schema.TEXT_COLUMNS:
            return self.words[cell]
        return bool(cell) if column in schema.TRUTH_COLUMNS and cell is not None else cell

    def types(self, where: str = "1") -> dict[int, MachineType]:
        """The machine types that meet an SQL condition, by id, in the order of provider and name."""
        words, found = self.words, {}
        for number, *cells in self.rows(f"SELECT * FROM type WHERE {where} ORDER BY id"):
            decoded: list[Cell] = list(cells)
            for place in _TEXTS:
                decoded[place] = words[cells[place]]
            for place in _TRUTHS:
                decoded[place] = None if cells[place] is None else bool(cells[place])
            # Not checked cell by cell, as that takes longer than reading them: `schema.write` wrote them.
            found[int(number or 0)] = MachineType(*decoded)  # type: ignore[arg-type]
        return found

    def names(self) -> dict[tuple[str, str], int]:
        """The id of every type by provider and name."""
        return self._names

    @functools.cached_property
    def _names(self) -> dict[tuple[str, str], int]:
        rows = self.rows("SELECT provider, instance_type, id FROM type")
        return {(str(self.words[provider]), str(self.words[name])): int(number or 0) for provider, name, number in rows}

    @functools.cached_property
    def placed(self) -> frozenset[int]:
        """The types of which it is known where they are sold."""
        rows = self.rows("SELECT DISTINCT type FROM price UNION SELECT DISTINCT type FROM offering")
        return frozenset(int(number or 0) for (number,) in rows)

    @functools.cached_property
    def off_spot(self) -> frozenset[int]:
        """The types that no spot market has."""
        return frozenset(int(number or 0) for (number,) in self.rows("SELECT id FROM type WHERE spot = 0"))
