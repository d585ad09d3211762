"""When a cluster lets go of itself, by what its head's agent says of its use as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from cloudclusters.base.limits import AtLimit, duration
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.claims import Said
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import Outlook, deadline_of, limits_by, outlook_of
from cloudclusters.lifecycle.links import ask, open_one
from cloudclusters.lifecycle.machines import SAME
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.store.record import ClusterRecord, ClusterState

_RUNS = (ClusterState.RUNNING, ClusterState.BROKEN)


async def look_out(ctx: Context, record: ClusterRecord) -> Outlook:
    """The outlook with the use of a cluster that runs, as its head's agent says; one that does not answer is told."""
    now = ctx.clock.now()
    found = outlook_of(record, now)
    if record.state not in _RUNS:
        return found
    try:
        said = await ask(await open_one(ctx, record, record.nodes[0], patience=0), "limits")
    except NodeError as exc:
        return replace(found, unheard=exc.message)
    told = said.get("limits")
    if isinstance(told, Mapping) and _are_others(record, told, now):  # by another home, or it could not be told
        found = _as_there(await refresh(ctx, record.handle), told, now)
    return _with_use(found, said, now)


def _as_there(record: ClusterRecord, told: Mapping[str, object], now: float) -> Outlook:
    """The outlook by the limits that hold at the head, which are others than the record's when it could not be told."""
    if record.state not in _RUNS or not _are_others(record, told, now):
        return outlook_of(record, now)
    idle, deadline = (_seconds(told.get(word)) for word in ("idle_timeout", "deadline"))
    at_limit = next((each for each in AtLimit if each == told.get("at_limit")), record.limits.at_limit)
    said = Said(idle, deadline, at_limit)
    there = msgspec.structs.replace(record, limits=limits_by(record, said, now, same=SAME))
    untold = f"{record.nodes[0].name} goes by other limits than were set here last; they hold until it is told"
    return replace(outlook_of(there, now), untold=untold)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _are_others(record: ClusterRecord, told: Mapping[str, object], now: float) -> bool:
    """Whether an agent goes by other limits than the record says."""
    deadline, planned = told.get("deadline"), deadline_of(record, now)
    if told.get("idle_timeout") != record.limits.idle_timeout or told.get("at_limit") != record.limits.at_limit:
        return True
    if planned is None or not isinstance(deadline, int | float):
        return planned is not deadline
    return abs(planned - deadline) > SAME


def _with_use(found: Outlook, said: Mapping[str, object], now: float) -> Outlook:
    idle_for, busy = _seconds(said.get("idle_for")), said.get("busy")
    found = replace(found, idle_for=idle_for, busy=tuple(map(str, busy)) if isinstance(busy, list) else ())
    idle = found.limits.idle_timeout
    if idle is None or idle_for is None or found.busy:
        return found
    at = now + idle - idle_for
    if found.strikes_at is not None and found.strikes_at <= at:
        return found
    return replace(found, strikes_at=at, strikes_why=f"it was not used for {duration(idle)}")
