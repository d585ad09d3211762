"""What a cluster costs and has cost so far: the ledger as its record was written, and what ran on since."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudclusters.store.record import ClusterRecord

_MACHINES = "compute"


def spent(record: ClusterRecord, now: float) -> float | None:
    """USD until `now`, without what has no known price; None when that is so of a machine."""
    return None if hourly(record) is None else known_spent(record, now)


def known_spent(record: ClusterRecord, now: float) -> float:
    """USD until `now`, of all that has a known price."""
    return record.spent.usd + record.spent.hourly_usd * max(now - record.spent.at, 0.0) / 3600


def hourly(record: ClusterRecord) -> float | None:
    """USD per hour now, with disks and addresses of a known price; None when that of a machine is not known."""
    return None if _MACHINES in record.spent.unknown else record.spent.hourly_usd
