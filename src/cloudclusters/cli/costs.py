"""What a cluster has cost so far, from the history in its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudclusters.store.record import ClusterRecord


def spent(record: ClusterRecord, now: float) -> float | None:
    """USD from the first change of state until `now`; None when a price is unknown while machines were paid."""
    total = 0.0
    ends = [change.at for change in record.history[1:]] + [now]
    for change, end in zip(record.history, ends, strict=True):
        if change.machines == 0:
            continue
        if change.hourly_usd is None:
            return None
        total += change.hourly_usd * max(end - change.at, 0.0) / 3600
    return total


def hourly(record: ClusterRecord) -> float | None:
    """USD per hour now; None when it is not known."""
    if not record.history:
        return 0.0
    last = record.history[-1]
    return 0.0 if last.machines == 0 else last.hourly_usd
