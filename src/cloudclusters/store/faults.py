"""What SQLite and the file system say, in our words; in one place."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cloudclusters.errors import StoreError

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REFUSED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_ROOM = 128 << 10


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise `StoreError` for what SQLite raises about the file, saying what is safe and what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, not of the file
    except sqlite3.Error as exc:
        raise _explained(path, exc) from exc
    except msgspec.MsgspecError as exc:
        raise StoreError(
            f"an entry of the store {path} cannot be read: {exc}; nothing was deleted",
            hint="update cloudclusters if a newer version wrote it; "
            "`cloudclusters sweep` finds the machines by tag in any case",
        ) from exc
    except OSError as exc:
        raise StoreError(
            f"the store {path} cannot be used: {exc.strerror or exc}",
            hint="see that the folder can be written to and the disk is not full, then repeat the command",
        ) from exc


def _explained(path: Path, exc: sqlite3.Error) -> StoreError:
    # extended codes keep the kind in their low byte
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        return StoreError(
            f"the store {path} is damaged ({exc}); nothing was deleted, and no machine was touched",
            hint=f"restore it from a backup, or `mv {path} {path}.damaged` and then `cloudclusters sweep` and "
            "`cloudclusters reconnect`, which find your clusters by their tags",
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
        return StoreError(
            f"the disk is full: the store {path} could not be written, and is as it was before",
            hint="free some space, then repeat the command: it goes on from what was written",
        )
    if code in _REFUSED:
        return StoreError(
            f"the store {path} cannot be opened for writing ({exc})",
            hint="check the owner and the permissions of the folder, or set CLOUDCLUSTERS_HOME to another one",
        )
    if code in _BUSY:
        return StoreError(
            f"the store {path} stayed locked by another process ({exc})",
            hint="repeat the command; `fuser` on that file names the process",
        )
    return StoreError(
        f"the store {path} failed: {exc}",
        hint="see that the disk is sound and not full, then repeat the command",
    )


def _is_full(folder: Path) -> bool:
    """Whether not even SQLite's own small files fit; then it tells of no full disk, but of a failed one."""
    import shutil

    try:
        return shutil.disk_usage(folder).free < _ROOM
    except OSError:
        return False
