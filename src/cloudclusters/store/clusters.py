"""The records of clusters: a document each, with what a list shows in columns beside it."""

from __future__ import annotations

import enum
import functools
import re
import sqlite3
from typing import TypeVar

import msgspec

from cloudclusters.base.handle import is_handle
from cloudclusters.contract.document import ClusterType
from cloudclusters.errors import InternalError, InvalidContract, NameTaken, UnreadableRecord
from cloudclusters.store.record import Change, ClusterRecord, ClusterState, Summary

E = TypeVar("E", bound=enum.Enum)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


@functools.cache
def _decoder() -> msgspec.json.Decoder[ClusterRecord]:
    return msgspec.json.Decoder(ClusterRecord)


def create(connection: sqlite3.Connection, record: ClusterRecord, *, now: float) -> ClusterRecord:
    """Write the first record of a cluster; raises `NameTaken`, `InvalidContract` for an impossible name."""
    _check_name(connection, record.name)
    if not record.history:
        record = msgspec.structs.replace(record, history=(Change(record.state, now),))
    try:
        connection.execute(
            "INSERT INTO clusters (handle, name, state, cluster_type, provider, contract, created, changed, changes, "
            "document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record.handle,
                record.name,
                record.state,
                record.plan.cluster_type,
                record.holding.provider,
                record.plan.contract,
                record.history[0].at,
                record.history[-1].at,
                len(record.history),
                msgspec.json.encode(record),
            ),
        )
    except sqlite3.IntegrityError as exc:
        raise InternalError(f"cluster {record.handle} was created twice") from exc
    return record


def write(connection: sqlite3.Connection, record: ClusterRecord, *, now: float) -> ClusterRecord | None:
    """Replace a record and return it as written; None when there is none.

    The history only grows: a change of state that the record does not tell is added, and one that it has
    forgotten is kept.
    """
    row: tuple[str, int] | None = connection.execute(
        "SELECT state, changes FROM clusters WHERE handle = ?", (record.handle,)
    ).fetchone()
    if row is None:
        return None
    state, changes = row
    history = record.history
    if len(history) < changes:
        before = get(connection, record.handle)
        history = before.history if before is not None else history
    if record.state != state and len(history) == changes:
        history = (*history, Change(record.state, now))
    if history is not record.history:
        record = msgspec.structs.replace(record, history=history)
    connection.execute(
        "UPDATE clusters SET name = ?, state = ?, changed = ?, changes = ?, document = ? WHERE handle = ?",
        (record.name, record.state, history[-1].at, len(history), msgspec.json.encode(record), record.handle),
    )
    return record


def get(connection: sqlite3.Connection, handle: str) -> ClusterRecord | None:
    """The record of this handle."""
    row: tuple[bytes] | None = connection.execute(
        "SELECT document FROM clusters WHERE handle = ?", (handle,)
    ).fetchone()
    return None if row is None else _read(handle, row[0])


def _read(handle: str, document: bytes) -> ClusterRecord:
    try:
        return _decoder().decode(document)
    except msgspec.MsgspecError as exc:
        raise _unreadable(handle, exc) from exc


def _unreadable(handle: str, why: Exception) -> UnreadableRecord:
    return UnreadableRecord(
        f"the record of cluster {handle} in the store cannot be read: {why}; nothing was deleted",
        hint="update cloudclusters if a newer version wrote it; if it is damaged, `cloudclusters sweep --all` "
        "finds its machines by their tags and lets go of them",
    )


def bury(connection: sqlite3.Connection, handle: str) -> None:
    """List a cluster as terminated whose record cannot be read; what stands in it stays."""
    connection.execute("UPDATE clusters SET state = ? WHERE handle = ?", (ClusterState.TERMINATED, handle))


def records(
    connection: sqlite3.Connection,
    *,
    terminated: bool,
    since: float | None,
    cluster_type: ClusterType | None,
    unread: list[UnreadableRecord] | None,
) -> list[ClusterRecord]:
    """Records in the order their clusters were created; with `unread` those that cannot be read are added there."""
    rows = _rows(connection, "handle, document", terminated=terminated, since=since, cluster_type=cluster_type)
    found = []
    for handle, document in rows:
        try:
            found.append(_read(handle, document))
        except UnreadableRecord as exc:
            if unread is None:
                raise
            unread.append(exc)
    return found


def summaries(
    connection: sqlite3.Connection, *, terminated: bool, since: float | None, cluster_type: ClusterType | None
) -> list[Summary]:
    """What stands in the columns, in the order the clusters were created."""
    columns = "handle, name, state, cluster_type, provider, contract, created, changed"
    rows = _rows(connection, columns, terminated=terminated, since=since, cluster_type=cluster_type)
    return [
        Summary(
            handle=handle,
            name=name,
            state=_one_of(ClusterState, state, handle),
            cluster_type=_one_of(ClusterType, kind, handle),
            provider=provider,
            contract=contract,
            created=created,
            changed=changed,
        )
        for handle, name, state, kind, provider, contract, created, changed in rows
    ]


def _one_of(kind: type[E], value: str, handle: str) -> E:
    try:
        return kind(value)
    except ValueError as exc:
        raise _unreadable(handle, exc) from exc


def find(connection: sqlite3.Connection, word: str) -> str | None:
    """The handle of the cluster with this handle or name; a living one goes before the latest terminated one."""
    row: tuple[str] | None = connection.execute(
        "SELECT handle FROM clusters WHERE handle = :word OR (name = :word AND name <> '') "
        "ORDER BY handle = :word DESC, state = 'terminated', created DESC, rowid DESC LIMIT 1",
        {"word": word},
    ).fetchone()
    return None if row is None else row[0]


def words(connection: sqlite3.Connection) -> list[str]:
    """Names and handles of all clusters, those that live first."""
    rows: list[tuple[str, str]] = connection.execute(
        "SELECT handle, name FROM clusters ORDER BY state = 'terminated', created DESC"
    ).fetchall()
    return [word for row in rows for word in reversed(row) if word]


def _rows(
    connection: sqlite3.Connection,
    columns: str,
    *,
    terminated: bool,
    since: float | None,
    cluster_type: ClusterType | None,
) -> sqlite3.Cursor:
    return connection.execute(
        f"SELECT {columns} FROM clusters WHERE (:terminated OR state <> 'terminated') "
        "AND (:since IS NULL OR created >= :since) AND (:kind IS NULL OR cluster_type = :kind) "
        "ORDER BY created, rowid",
        {"terminated": terminated, "since": since, "kind": cluster_type},
    )


def _check_name(connection: sqlite3.Connection, name: object) -> None:
    if name == "":
        return
    if not isinstance(name, str) or not _NAME.match(name) or is_handle(name):
        raise InvalidContract(
            f"a cluster cannot be called {name!r}",
            hint="a name has letters, digits, '.', '_' and '-', at most 63, and does not look like a handle",
        )
    row: tuple[str, str] | None = connection.execute(
        "SELECT handle, state FROM clusters WHERE name = ? AND state <> 'terminated'", (name,)
    ).fetchone()
    if row is not None:
        raise NameTaken(
            f"the name {name!r} belongs to cluster {row[0]}, which is {row[1]}",
            hint=f"choose another name, or `cloudclusters terminate {name}` first",
        )
