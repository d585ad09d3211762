"""Leases: one verb per cluster at a time, with a number that only rises.

Whoever wakes up late holds an old number, and every write with it is refused.
"""

from __future__ import annotations

import functools
import sqlite3

import msgspec

from cloudclusters.errors import LeaseHeld, LeaseLost
from cloudclusters.store.holder import Holder, is_dead

EXPIRY = 60.0
"""Seconds without a sign of life after which a lease held on another host may be taken over."""
RENEW_AFTER = 5.0
"""A check that comes later than this after the last sign of life is a new one."""


LOOKING = frozenset({"reconnect", "refresh"})
"""Verbs that change nothing but the store, unless something was left half-way."""


class Lease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The right to run `verb` on `cluster`."""

    cluster: str
    verb: str
    number: int
    holder: Holder


@functools.cache
def _decoder() -> msgspec.json.Decoder[Holder]:
    return msgspec.json.Decoder(Holder)


def take(connection: sqlite3.Connection, cluster: str, verb: str, *, me: Holder, now: float) -> Lease:
    """Take the lease, over a dead holder if need be, and to terminate over one who only looks; raises `LeaseHeld`."""
    row: tuple[int, str, bytes | None, float, float] | None = connection.execute(
        "SELECT number, verb, holder, taken, renewed FROM leases WHERE cluster = ?", (cluster,)
    ).fetchone()
    number = 1
    if row is not None:
        before, held_verb, document, taken, renewed = row
        if document is not None:
            holder = _decoder().decode(document)
            gives_way = verb == "terminate" and held_verb in LOOKING
            if not gives_way and not _is_free(holder, me=me, idle=now - renewed):
                raise _held(cluster, held_verb, holder, me=me, age=now - taken)
        number = before + 1
    connection.execute(
        "INSERT OR REPLACE INTO leases (cluster, number, verb, holder, taken, renewed) VALUES (?, ?, ?, ?, ?, ?)",
        (cluster, number, verb, msgspec.json.encode(me), now, now),
    )
    return Lease(cluster=cluster, verb=verb, number=number, holder=me)


def check(connection: sqlite3.Connection, lease: Lease) -> float:
    """When the lease last gave a sign of life; raises `LeaseLost` unless it is still ours."""
    row: tuple[int, bytes | None, str, float] | None = connection.execute(
        "SELECT number, holder, verb, renewed FROM leases WHERE cluster = ?", (lease.cluster,)
    ).fetchone()
    if row is None or row[0] != lease.number or row[1] is None:
        by = "" if row is None or row[1] is None else f" by `{row[2]}` ({_who(_decoder().decode(row[1]))})"
        raise LeaseLost(
            f"the lease of {lease.cluster} for `{lease.verb}` (number {lease.number}) is no longer ours: "
            f"it was {'released' if not by else 'taken over' + by}; nothing more was done",
            hint=f"see `cloudclusters status {lease.cluster}`",
        )
    return row[3]


def renew(connection: sqlite3.Connection, lease: Lease, *, now: float) -> None:
    """Give a sign of life; raises `LeaseLost`."""
    check(connection, lease)
    connection.execute("UPDATE leases SET renewed = ? WHERE cluster = ?", (now, lease.cluster))


def release(connection: sqlite3.Connection, lease: Lease) -> None:
    """Let go; silent when the lease is no longer ours."""
    connection.execute(
        "UPDATE leases SET holder = NULL WHERE cluster = ? AND number = ?", (lease.cluster, lease.number)
    )


def living(connection: sqlite3.Connection, *, me: Holder, now: float) -> dict[str, Lease]:
    """The leases that somebody alive holds, by cluster."""
    rows: list[tuple[str, str, int, bytes, float]] = connection.execute(
        "SELECT cluster, verb, number, holder, renewed FROM leases WHERE holder IS NOT NULL"
    ).fetchall()
    found = {}
    for cluster, verb, number, document, renewed in rows:
        holder = _decoder().decode(document)
        if not _is_free(holder, me=me, idle=now - renewed):
            found[cluster] = Lease(cluster=cluster, verb=verb, number=number, holder=holder)
    return found


def _is_free(holder: Holder, *, me: Holder, idle: float) -> bool:
    dead = is_dead(holder, me=me)
    return idle > EXPIRY if dead is None else dead


def _held(cluster: str, verb: str, holder: Holder, *, me: Holder, age: float) -> LeaseHeld:
    if holder == me:
        return LeaseHeld(
            f"`{verb}` is being run on {cluster} by this very process, for {age:.0f} s",
            hint="wait for it; one verb at a time runs on a cluster",
        )
    return LeaseHeld(
        f"`{verb}` is being run on {cluster} by another process ({_who(holder)}), for {age:.0f} s",
        hint=f"wait for it, or end it (`kill {holder.os_pid}` on {holder.host}) and repeat the command",
    )


def _who(holder: Holder) -> str:
    return f"process {holder.os_pid} on {holder.host}"
