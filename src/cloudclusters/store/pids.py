"""Pids: one number for each life of a process, from one counter per store, never used twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import msgspec


class Life(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One life of a process of a cluster: `life` is the random word its agent made at that start."""

    node: str
    process: str
    life: str


def give(connection: sqlite3.Connection, cluster: str, lives: Sequence[Life]) -> dict[Life, int]:
    """The pid of each life; those never seen get new ones, in the given order."""
    found = known(connection, cluster, lives)
    for life in lives:
        if life not in found:
            cursor = connection.execute(
                "INSERT INTO lives (cluster, node, process, life) VALUES (?, ?, ?, ?)",
                (cluster, life.node, life.process, life.life),
            )
            assert cursor.lastrowid is not None
            found[life] = cursor.lastrowid
    return {life: found[life] for life in lives}


def known(connection: sqlite3.Connection, cluster: str, lives: Sequence[Life]) -> dict[Life, int]:
    """The pids of those lives that have one, in the given order."""
    found = {}
    for life in lives:
        row: tuple[int] | None = connection.execute(
            "SELECT pid FROM lives WHERE cluster = ? AND node = ? AND process = ? AND life = ?",
            (cluster, life.node, life.process, life.life),
        ).fetchone()
        if row is not None:
            found[life] = row[0]
    return found


def lives(connection: sqlite3.Connection, pids: Collection[int]) -> dict[int, tuple[str, Life]]:
    """Cluster and life of each pid that was ever given."""
    found = {}
    for pid in pids:
        if not 0 < pid < 1 << 63:
            continue  # SQLite knows no such numbers
        row: tuple[str, str, str, str] | None = connection.execute(
            "SELECT cluster, node, process, life FROM lives WHERE pid = ?", (pid,)
        ).fetchone()
        if row is not None:
            found[pid] = (row[0], Life(*row[1:]))
    return found
