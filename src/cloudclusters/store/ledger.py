"""The ledger: what was paid for which machine from when until when, at the price of its launch.

It is written in the transaction that writes a record, from what the record says then. Entries are only ever added and
ended, never deleted, so they outlive nodes, machines and clusters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec

from cloudclusters.errors import StoreError
from cloudclusters.store.booking import Entry, Kind
from cloudclusters.store.record import Spent

_COLUMNS = "entry, cluster, node, instance, kind, instance_type, market, hourly_usd, least, began, ended"
_Row = tuple[int, str, str, str, str, str, str, float | None, float, float, float | None]


def spent(entries: Iterable[Entry], now: float, *, since: float = 0.0) -> Spent:
    """What these entries come to from `since` until `now`, both in seconds since the epoch."""
    usd = hourly = seconds = 0.0
    unknown: dict[str, None] = {}
    for entry in entries:
        if entry.ended is not None and entry.ended < since:
            continue
        seconds += entry.seconds(now, since=since) if entry.kind is Kind.COMPUTE else 0.0
        if entry.hourly_usd is None:
            unknown[entry.kind.value] = None
            continue
        usd += entry.usd(now, since=since) or 0.0
        hourly += entry.hourly_usd if entry.ended is None else 0.0
    return Spent(usd=usd, hourly_usd=hourly, unknown=tuple(unknown), machine_seconds=seconds, at=now)


def entries(connection: sqlite3.Connection, cluster: str) -> list[Entry]:
    """The entries of a cluster in the order they were written."""
    rows: Iterable[_Row] = connection.execute(
        f"SELECT {_COLUMNS} FROM ledger WHERE cluster = ? ORDER BY entry", (cluster,)
    )
    return [_entry(row) for row in rows]


def write(connection: sqlite3.Connection, changes: Sequence[Entry]) -> None:
    """Add those that have no number yet, and end the others."""
    for change in changes:
        if change.entry:
            connection.execute(
                "UPDATE ledger SET ended = ? WHERE entry = ? AND ended IS NULL", (change.ended, change.entry)
            )
            continue
        values = msgspec.structs.astuple(change)[1:]
        connection.execute(
            f"INSERT INTO ledger ({_COLUMNS.removeprefix('entry, ')}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values
        )


def end_all(connection: sqlite3.Connection, cluster: str, *, now: float) -> None:
    """End what is open of a cluster of which nothing is left."""
    connection.execute("UPDATE ledger SET ended = max(began, ?) WHERE cluster = ? AND ended IS NULL", (now, cluster))


def _entry(row: _Row) -> Entry:
    entry, cluster, node, instance, kind, instance_type, market, hourly_usd, least, began, ended = row
    return Entry(
        entry=entry,
        cluster=cluster,
        node=node,
        instance=instance,
        kind=_kind(kind, entry, cluster),
        instance_type=instance_type,
        market=market,
        hourly_usd=hourly_usd,
        least=least,
        began=began,
        ended=ended,
    )


def _kind(kind: str, entry: int, cluster: str) -> Kind:
    try:
        return Kind(kind)
    except ValueError as exc:
        raise StoreError(
            f"entry {entry} of the ledger, of cluster {cluster}, is of the kind {kind!r}, which nobody writes",
            hint=f"it was damaged; the kinds are {', '.join(Kind)}: mend it with `sqlite3`, in the table `ledger`",
        ) from exc
