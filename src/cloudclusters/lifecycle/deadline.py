"""When a cluster's limits of time and money strike: pure."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cloudclusters.base.cloud import InstanceState
from cloudclusters.base.limits import Limits, duration
from cloudclusters.lifecycle.claims import Said
from cloudclusters.lifecycle.spending import known_spent
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

_PAID = (InstanceState.PENDING, InstanceState.RUNNING)
_MOVING = (InstanceState.PENDING, InstanceState.STOPPING, InstanceState.TERMINATING)
_BUYING = (ClusterState.DEPLOYING, ClusterState.RESUMING, ClusterState.SCALING)


@dataclass(frozen=True, slots=True)
class Strike:
    """A limit that strikes at a moment that is known: which, when (seconds since the epoch), why in a few words."""

    limit: str
    at: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The limits of a cluster, and when the first of them strikes, as far as is known."""

    limits: Limits
    strikes_at: float | None = None
    """Seconds since the epoch; in the past once it has struck. None where no limit strikes at a known moment."""
    strikes_why: str = ""
    """What will have happened then, in a few words."""
    idle_for: float | None = None
    """Seconds without use, as the head's agent says; None where it was not asked."""
    busy: tuple[str, ...] = ()
    """What counts as use right now, as the head's agent says."""
    unheard: str = ""
    """Why the head's agent could not be asked."""
    untold: str = ""
    """That the limits here are those that the head's agent goes by, and others were set; empty when it knows them."""


def deadline_of(record: ClusterRecord, now: float) -> float | None:
    """When the first limit of time or money strikes, in seconds since the epoch; None when none ever does."""
    strike = strike_of(record, now)
    return strike.at if strike else None


def strike_of(record: ClusterRecord, now: float) -> Strike | None:
    """The limit of time or money that strikes first, as things stand `now`; one that has struck is in the past."""
    strikes = [strike for strike in (_of_lifetime(record), _of_cost(record, now)) if strike]
    return min(strikes, key=lambda strike: strike.at, default=None)


def outlook_of(record: ClusterRecord, now: float) -> Outlook:
    """The outlook by the record alone, which does not know of use; asks nobody."""
    strike = strike_of(record, now) if record.state is not ClusterState.TERMINATED else None
    if strike is None:
        return Outlook(limits=record.limits)
    return Outlook(limits=record.limits, strikes_at=strike.at, strikes_why=strike.why)


def may_have_struck(record: ClusterRecord, now: float) -> str:
    """Why a cluster may have let go of its machines since somebody looked; empty while no limit can have struck."""
    strike, idle = strike_of(record, now), record.limits.idle_timeout
    if strike is not None and strike.at <= now:
        return strike.why
    return f"it was not used for {duration(idle)}" if idle is not None and now - record.seen >= idle else ""


def is_due(record: ClusterRecord, now: float) -> bool:
    """Whether it is time for a look: a cluster that ran may have let go of its machines since, or nobody has looked at
    one since a verb on it failed or was stopped.
    """
    if record.state is ClusterState.BROKEN and record.history and record.seen < record.history[-1].at:
        return True
    ran = record.state in (ClusterState.RUNNING, ClusterState.BROKEN)
    return ran and record.seen > 0 and (_moves(record) or may_have_struck(record, now) != "")


def _moves(record: ClusterRecord) -> bool:
    """Whether machines were on their way when they were last seen."""
    return any(node.instance is not None and node.instance.state in _MOVING for node in record.nodes)


def end_of(record: ClusterRecord) -> float | None:
    """When a cluster has lived as long as it may, in seconds since the epoch; None without such a limit."""
    longest = record.limits.max_lifetime
    return None if longest is None or not record.history else record.history[0].at + longest


def limits_by(record: ClusterRecord, said: Said | None, now: float, *, same: float) -> Limits:
    """The limits that hold at the machines: the record's, unless these say that they were changed since.

    What was spent elsewhere is not known here, so a limit of money goes on as the moment at which it was to strike; but
    not while machines are stopped: then that moment moves on. Moments less than `same` seconds apart are of the same
    limit. An end in the past says nothing of machines that run: they were told another one, and do not say so yet.
    """
    planned = deadline_of(record, now)
    if said is None:
        return record.limits
    limits = msgspec.structs.replace(record.limits, idle_timeout=said.idle_timeout, at_limit=said.at_limit)
    if said.deadline is None:
        return msgspec.structs.replace(limits, max_lifetime=None, max_cost=None)
    told = _as_told(record, said, same)
    if told is not None and not any(_is_paid(record, node) for node in record.nodes):
        lifetime, cost = told
        return msgspec.structs.replace(limits, max_lifetime=lifetime, max_cost=cost)
    if said.deadline <= now or (planned is not None and abs(planned - said.deadline) < same):
        return limits
    return msgspec.structs.replace(limits, max_lifetime=said.deadline - record.history[0].at, max_cost=None)


def _as_told(record: ClusterRecord, said: Said, same: float) -> tuple[float | None, float | None] | None:
    """How long it may live and what it may cost, as the machines say; None where they say neither."""
    if said.ends is None:
        return None if said.max_cost is None else (None, said.max_cost)
    ends = end_of(record)
    if ends is not None and abs(ends - said.ends) < same:
        return record.limits.max_lifetime, said.max_cost
    return said.ends - record.history[0].at, said.max_cost


def _of_lifetime(record: ClusterRecord) -> Strike | None:
    longest, ends = record.limits.max_lifetime, end_of(record)
    return (
        None
        if longest is None or ends is None
        else Strike("max_lifetime", ends, f"it has lived for {duration(longest)}")
    )


def _of_cost(record: ClusterRecord, now: float) -> Strike | None:
    """At the price of the machines that are paid now, and of those that are being bought; None when it is not known.

    What it cost before of an unknown price is not counted.
    """
    most, price = record.limits.max_cost, _hourly(record)
    if most is None or price is None:
        return None
    why, so_far = f"it has cost ${most:g}", known_spent(record, now)
    price = max(price, record.spent.hourly_usd)  # with disks and addresses, once the ledger has them
    if price == 0:
        return Strike("max_cost", now, why) if so_far >= most else None
    return Strike("max_cost", now + (most - so_far) / price * 3600, why)


def _hourly(record: ClusterRecord) -> float | None:
    prices = [node.offer.hourly_usd for node in record.nodes if _is_paid(record, node)]
    return None if None in prices else sum(price for price in prices if price is not None)


def _is_paid(record: ClusterRecord, node: NodeRecord) -> bool:
    if node.instance is None:
        return record.state in _BUYING or node.unsettled
    return node.instance.state in _PAID
