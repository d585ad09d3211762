"""The refreshed catalog: one database below our home, used in place of the packaged snapshot.

It is written beside its place and renamed, so a reader sees the old one or the new one, and one that is cut off
changes nothing. Its header carries a checksum of the whole file, which takes three milliseconds to verify.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from cloudclusters.catalog import reading, schema
from cloudclusters.catalog.catalog import SNAPSHOT, Catalog
from cloudclusters.catalog.rows import Content
from cloudclusters.catalog.source import Source
from cloudclusters.errors import StoreError

NAME = "refreshed.sqlite"
BASE, ORIGIN = "base", "origin"
"""Keys of `meta`: the digest of the snapshot below it, and where the rows are from, in words."""
_USER_VERSION = slice(60, 64)
"""Four bytes of SQLite's header that are the application's own: the checksum of all the others."""


def place(home: Path) -> Path:
    """Where the refreshed catalog of this home is."""
    return home / "catalog" / NAME


def open_best(home: Path) -> tuple[Catalog, str]:
    """The refreshed catalog, else the packaged one; and why a refreshed one that is there is not used, in a sentence.

    Opening takes some milliseconds.
    """
    path = place(home)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Catalog.packaged(), ""
    except OSError as exc:
        return Catalog.packaged(), f"the refreshed catalog {path} cannot be read ({exc.strerror})"
    if not is_sound(data):
        return Catalog.packaged(), f"the refreshed catalog {path} is damaged"
    try:
        catalog = Catalog.open(path)
    except StoreError as exc:
        return Catalog.packaged(), f"the refreshed {exc.message.removeprefix('the ')}"
    packaged = Catalog.packaged()
    if catalog.notes.get(BASE) != packaged.digest:
        catalog.close()
        return packaged, f"the refreshed catalog {path} was made from the snapshot of another release"
    packaged.close()
    return catalog, ""


def content_of(catalog: Catalog) -> Content:
    """All rows of a catalog that is one database; takes some tenths of a second."""
    (source,) = catalog.sources
    return reading.content(source)


def write(home: Path, content: Content, *, origin: str) -> Path:
    """Make this the catalog of this home; `origin` says where its rows are from. May be repeated.

    Raises `StoreError` where the folder cannot be written to.
    """
    path = place(home)
    replaced(path, lambda new: _build(new, content, origin))
    return path


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    """Put a file that `make` writes in the place of this one, whole or not at all. Raises `StoreError`."""
    import tempfile  # takes milliseconds, and who only reads does not need it

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".refresh-") as folder:
            new = Path(folder) / path.name
            make(new)
            with new.open("rb+") as file:
                os.fsync(file.fileno())
            new.replace(path)
    except (OSError, sqlite3.OperationalError) as exc:
        raise StoreError(
            f"the catalog {path} cannot be written ({exc})", hint="free space, or mend its folder"
        ) from exc


def reset(home: Path) -> bool:
    """Go back to the packaged snapshot; whether there was a refreshed one."""
    path = place(home)
    there = path.exists()
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        raise StoreError(f"the catalog {path} cannot be deleted ({exc.strerror})", hint="mend its folder") from exc
    return there


def _build(path: Path, content: Content, origin: str) -> None:
    packaged = Source.open(SNAPSHOT)
    base = packaged.meta["digest"]
    packaged.close()
    connection = sqlite3.connect(path)
    try:
        # Nobody sees the file before it is whole and renamed.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        schema.write(connection, content, {BASE: base, ORIGIN: origin})
    finally:
        connection.close()
    seal(path)


def seal(path: Path) -> None:
    """Write the checksum of a database that nobody reads yet into its header, and the file to the disk."""
    data = bytearray(path.read_bytes())
    data[_USER_VERSION] = _checksum(data)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def is_sound(data: bytes) -> bool:
    """Whether these are the bytes of a whole catalog file that was sealed."""
    return len(data) > _USER_VERSION.stop and data[_USER_VERSION] == _checksum(data)


def _checksum(data: bytes | bytearray) -> bytes:
    """Of all bytes but those that hold it."""
    import zlib

    whole = zlib.crc32(data[: _USER_VERSION.start])
    return zlib.crc32(memoryview(data)[_USER_VERSION.stop :], whole).to_bytes(4, "big")
