"""Whether a cluster's limits of time and money leave machines that are about to start the time to boot: pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.cloud import InstanceState, Offer, Slot
from cloudclusters.base.limits import duration
from cloudclusters.base.size import GiB
from cloudclusters.base.table import counted
from cloudclusters.errors import IllegalState
from cloudclusters.lifecycle.deadline import Strike, strike_of
from cloudclusters.lifecycle.spending import known_spent
from cloudclusters.lifecycle.state import describe_name
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord, Spent

BOOT = 60.0
"""Seconds that a boot takes where the record does not tell."""


def strike_with(record: ClusterRecord, offers: Sequence[Offer], now: float, *, stopped: bool = False) -> Strike | None:
    """The limit that strikes first once machines at these offers run beside those that are paid.

    Of each, what the provider takes at least for a start is spent then, and its address is paid, too, and its disk
    unless it was only `stopped`.
    """
    beside = (record.rates.address_usd or 0.0) + (0.0 if stopped else _disk_usd(record))
    hourly = sum((offer.hourly_usd or 0.0) + beside for offer in offers)
    spent = Spent(
        usd=known_spent(record, now) + hourly * record.rates.least / 3600,
        hourly_usd=record.spent.hourly_usd + hourly,
        at=now,
    )
    more = (NodeRecord(slot=Slot("", n), offer=offer, token="", unsettled=True) for n, offer in enumerate(offers))
    return strike_of(msgspec.structs.replace(record, nodes=(*record.nodes, *more), spent=spent), now)


def check_time_left(record: ClusterRecord, offers: Sequence[Offer], now: float) -> None:
    """Raise `IllegalState` when a limit strikes before machines that are bought at these offers have booted.

    All machines of the cluster would go then, those at work too.
    """
    strike = strike_with(record, offers, now)
    if strike is not None and strike.at - now <= max(boot_seconds(record), record.rates.least):
        raise _beyond(record, strike, now, f"with {counted(len(offers), 'more machine')}")


def check_not_struck(record: ClusterRecord, now: float) -> None:
    """Raise `IllegalState` when a limit has struck, or does before the least that a start of all machines costs is
    over: they would let go of themselves at once.
    """
    off = (InstanceState.STOPPING, InstanceState.STOPPED)
    offers = [node.offer for node in record.nodes if node.instance is not None and node.instance.state in off]
    strike = strike_with(record, offers, now, stopped=True)
    if strike is not None and strike.at - now <= record.rates.least:
        raise _beyond(record, strike, now, "started again")


def _beyond(record: ClusterRecord, strike: Strike, now: float, step: str) -> IllegalState:
    """That a cluster is beyond a limit, or would be with this step."""
    struck, left, limit = strike_of(record, now), strike.at - now, f"beyond its limit {strike.limit}"
    when = f"in {duration(left)}, before the machines have booted" if left > 0 else "at once"
    said = f"{step}, cluster {describe_name(record)} would be {limit} {when}"
    if struck is not None and struck.at <= now:
        said = f"cluster {describe_name(record)} is {limit}"
    return IllegalState(
        f"{said}: {strike.why}",
        hint=f"raise it first: `cloudclusters limits {record.name or record.handle} "
        f"--{strike.limit.replace('_', '-')} off`, or what it may be now",
    )


def boot_seconds(record: ClusterRecord) -> float:
    """How long the cluster's nodes took from the wish to the work, by its history; at least a second."""
    began = next((change.at for change in record.history if change.state is ClusterState.DEPLOYING), None)
    ended = next((change.at for change in record.history if change.state is ClusterState.RUNNING), None)
    return BOOT if began is None or ended is None else max(1.0, ended - began)


def _disk_usd(record: ClusterRecord) -> float:
    """USD per hour of one more root disk, as large as those of the cluster; 0 where that is not known."""
    sizes = (node.instance.disk_bytes for node in record.nodes if node.instance is not None)
    return (record.rates.disk_usd or 0.0) * max(sizes, default=0) / GiB
