"""When a cluster lets go of itself, by what its head's agent says of its use as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cloudclusters.base.limits import duration
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import Outlook, deadline_of, outlook_of
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
    if _are_others(record, said.get("limits"), now):  # another home has changed them
        found = outlook_of(await refresh(ctx, record.handle), now)
    return _with_use(found, said, now)


def _are_others(record: ClusterRecord, told: object, now: float) -> bool:
    """Whether an agent goes by other limits than the record says."""
    if not isinstance(told, Mapping):
        return False
    deadline, planned = told.get("deadline"), deadline_of(record, now)
    if told.get("idle_timeout") != record.limits.idle_timeout or told.get("at_limit") != record.limits.at_limit:
        return True
    if planned is None or not isinstance(deadline, int | float):
        return planned is not deadline
    return abs(planned - deadline) > SAME


def _with_use(found: Outlook, said: Mapping[str, object], now: float) -> Outlook:
    idle_for, busy = said.get("idle_for"), said.get("busy")
    idle_for = float(idle_for) if isinstance(idle_for, int | float) else None
    found = replace(found, idle_for=idle_for, busy=tuple(map(str, busy)) if isinstance(busy, list) else ())
    idle = found.limits.idle_timeout
    if idle is None or idle_for is None or found.busy:
        return found
    at = now + idle - idle_for
    if found.strikes_at is not None and found.strikes_at <= at:
        return found
    return replace(found, strikes_at=at, strikes_why=f"it was not used for {duration(idle)}")
