"""One SQLite connection per process: opened late, shared by threads under a lock, never carried over a fork.

SQLite's locks belong to the process, but its book of them is copied by a fork; a child that opened the file
again would believe it holds locks that it does not. So the connection is closed before every fork, and parent
and child both open it again at their next use.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from cloudclusters.errors import StoreError
from cloudclusters.store import schema
from cloudclusters.store.faults import translated
from cloudclusters.store.place import is_network, make_folder

PATIENCE = 15.0
"""Seconds to wait for another process that is writing."""


class Database:
    """The store's file and this process's connection to it."""

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        self.path = path
        self._patience = patience
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._durable: bool | None = None
        _remember(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that only read; raises `StoreError`."""
        with self._lock, translated(self.path):
            yield self._ready()

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """The connection inside a write transaction, which is undone if the block raises.

        With `durable` it has reached the disk when the block is left, and a power cut does not take it back.
        """
        with self._lock, translated(self.path):
            connection = self._ready()
            self._set_durable(connection, durable)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            connection, self._connection, self._durable = self._connection, None, None
            if connection is not None:
                connection.close()

    def __del__(self) -> None:
        # a store that nobody closed is no reason for a warning: all it had to write is written
        if self._connection is not None:
            self._connection.close()

    def _ready(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self.path.exists():
                _make(self.path)
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        if self.path.stat().st_size == 0:
            raise StoreError(
                f"the store {self.path} is empty: something cut it off, it never was so; nothing was changed",
                hint="restore it from a backup, or move it away and run `cloudclusters sweep`",
            )
        connection = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None, check_same_thread=False)
        try:
            if is_network(self.path.parent):
                # the store may have been moved there from a disk of this machine
                connection.execute("PRAGMA journal_mode = DELETE")
            if not schema.is_current(connection, str(self.path)):
                connection.execute("BEGIN IMMEDIATE")
                schema.migrate(connection)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        if self._durable is not durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    def before_fork(self) -> None:
        """Wait for the transaction of another thread, close, and keep others out."""
        self._lock.acquire()
        self.close()

    def after_fork(self) -> None:
        """Let others in again, in the parent and in the child."""
        self._lock.release()


def _make(path: Path) -> None:
    """Make a whole new store beside `path`, then put it there in one step.

    So a store that is empty or half-made was damaged, and is never taken for a new one.
    """
    make_folder(path.parent)
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection = sqlite3.connect(part, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            schema.migrate(connection)
            connection.execute("COMMIT")
            # the mode is kept in the file; write-ahead needs shared memory, which network file systems lack
            connection.execute(f"PRAGMA journal_mode = {'DELETE' if is_network(path.parent) else 'WAL'}")
        finally:
            connection.close()
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


_open_ones: weakref.WeakSet[Database] = weakref.WeakSet()
_locked: list[Database] = []
_watching = False
_remembering = threading.Lock()


def _remember(database: Database) -> None:
    global _watching
    with _remembering:
        _open_ones.add(database)
        if not _watching:
            os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
            _watching = True


def _before() -> None:
    _remembering.acquire()
    _locked.extend(_open_ones)
    for database in _locked:
        database.before_fork()


def _after() -> None:
    while _locked:
        _locked.pop().after_fork()
    _remembering.release()
