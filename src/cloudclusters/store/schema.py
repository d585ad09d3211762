"""The tables of the store and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3

from cloudclusters.errors import StoreError

APPLICATION = 0x43434C53
"""Marks the file as ours (`CCLS`)."""

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE contracts (
    handle TEXT PRIMARY KEY, created REAL NOT NULL, document BLOB NOT NULL
);
CREATE TABLE resolutions (
    handle TEXT PRIMARY KEY, catalog_digest TEXT NOT NULL, settings_digest TEXT NOT NULL,
    at REAL NOT NULL, document BLOB NOT NULL
);
CREATE TABLE clusters (
    handle TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, cluster_type TEXT NOT NULL,
    provider TEXT NOT NULL, contract TEXT NOT NULL, created REAL NOT NULL, changed REAL NOT NULL,
    changes INTEGER NOT NULL, document BLOB NOT NULL
);
CREATE UNIQUE INDEX living_names ON clusters (name) WHERE name <> '' AND state <> 'terminated';
CREATE INDEX clusters_by_age ON clusters (created);
CREATE TABLE leases (
    cluster TEXT PRIMARY KEY, number INTEGER NOT NULL, verb TEXT NOT NULL, holder BLOB,
    taken REAL NOT NULL, renewed REAL NOT NULL
);
CREATE TABLE journal (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, number INTEGER NOT NULL,
    step TEXT NOT NULL, intent BLOB NOT NULL, begun REAL NOT NULL, done REAL, outcome TEXT NOT NULL DEFAULT ''
);
CREATE INDEX open_steps ON journal (cluster) WHERE done IS NULL;
CREATE INDEX steps_of_cluster ON journal (cluster, entry);
CREATE TABLE lives (
    pid INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, node TEXT NOT NULL,
    process TEXT NOT NULL, life TEXT NOT NULL, UNIQUE (cluster, node, process, life)
);
INSERT INTO sqlite_sequence (name, seq) VALUES ('lives', 1);
CREATE TABLE notes (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL
);
CREATE INDEX notes_of_cluster ON notes (cluster, entry);
"""

_LEDGER = """
CREATE TABLE ledger (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, node TEXT NOT NULL, instance TEXT NOT NULL,
    kind TEXT NOT NULL, instance_type TEXT NOT NULL, market TEXT NOT NULL, hourly_usd REAL, least REAL NOT NULL,
    began REAL NOT NULL, ended REAL
);
CREATE INDEX ledger_of_cluster ON ledger (cluster, entry);
INSERT INTO ledger (cluster, node, instance, kind, instance_type, market, hourly_usd, least, began, ended)
    SELECT handle, '', '', 'compute', '', '', NULL, 0, created, created FROM clusters;
"""
# The inserted entries say of every cluster from before the ledger that a part of its cost is unknown.

MIGRATIONS: tuple[str, ...] = (_FIRST, _LEDGER)
"""Scripts in order; the file's `user_version` says how many of them it has seen. Append only."""


def is_current(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file needs no migration; raises `StoreError` when it is newer than we are, or not ours."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} was written by a newer cloudclusters "
            f"(format {version}; this version knows formats up to {len(MIGRATIONS)}); nothing was changed",
            hint="update with `pip install --upgrade cloudclusters`, or set CLOUDCLUSTERS_HOME to another folder",
        )
    if application != APPLICATION:
        raise StoreError(
            f"{path} is a database, but not a store of cloudclusters; nothing was changed",
            hint="set CLOUDCLUSTERS_HOME to another folder, or move that file away",
        )
    return bool(version == len(MIGRATIONS))


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to this version's format, inside the transaction that is open."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for script in MIGRATIONS[version:]:
        # not `executescript`: it commits first, and a half-made migration must roll back
        for statement in script.split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
