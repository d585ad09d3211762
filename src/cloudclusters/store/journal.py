"""The journal: what a verb is about to do, written before it does it.

A step that was begun and never done is what the next command finishes or undoes.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An act on a cluster under the lease `number`: what was meant, and what came of it once it is `done`."""

    entry: int
    cluster: str
    number: int
    step: str
    intent: dict[str, str]
    begun: float
    done: float | None = None
    outcome: str = ""


_COLUMNS = "entry, cluster, number, step, intent, begun, done, outcome"
_Row = tuple[int, str, int, str, bytes, float, float | None, str]


@functools.cache
def _decoder() -> msgspec.json.Decoder[dict[str, str]]:
    return msgspec.json.Decoder(dict[str, str])


def intend(
    connection: sqlite3.Connection, cluster: str, number: int, step: str, intent: Mapping[str, str], *, now: float
) -> int:
    """Write what is about to be done; the entry's number."""
    cursor = connection.execute(
        "INSERT INTO journal (cluster, number, step, intent, begun) VALUES (?, ?, ?, ?, ?)",
        (cluster, number, step, msgspec.json.encode(dict(intent)), now),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def done(connection: sqlite3.Connection, entry: int, cluster: str, outcome: str, *, now: float) -> None:
    """Write that it is done; a repetition keeps the first outcome."""
    connection.execute(
        "UPDATE journal SET done = ?, outcome = ? WHERE entry = ? AND cluster = ? AND done IS NULL",
        (now, outcome, entry, cluster),
    )


def steps(connection: sqlite3.Connection, cluster: str, *, only_open: bool) -> list[Step]:
    """The steps of a cluster in the order they were begun."""
    rows: Iterable[_Row] = connection.execute(
        f"SELECT {_COLUMNS} FROM journal WHERE cluster = ? {'AND done IS NULL' if only_open else ''} ORDER BY entry",
        (cluster,),
    )
    return [_step(row) for row in rows]


def clusters_with_open_steps(connection: sqlite3.Connection) -> list[str]:
    """Handles of clusters on which something was begun and not done."""
    return [row[0] for row in connection.execute("SELECT DISTINCT cluster FROM journal WHERE done IS NULL")]


def _step(row: _Row) -> Step:
    entry, cluster, number, step, intent, begun, ended, outcome = row
    return Step(
        entry=entry,
        cluster=cluster,
        number=number,
        step=step,
        intent=_decoder().decode(intent),
        begun=begun,
        done=ended,
        outcome=outcome,
    )
