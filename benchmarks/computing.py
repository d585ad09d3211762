"""Tasks per second, and many short items: rows of what `compute_speed` measures."""

from __future__ import annotations

from benchmarks import compute_speed
from benchmarks.budget import Row


def rows() -> list[Row]:
    """Our engine on loopback addresses with TLS, against a `LocalCluster` of as many processes without and with it."""
    found = compute_speed.measure()
    rates = [
        Row(
            what=f"{compute_speed.TASKS:,} empty tasks by client.map",
            measured=found["ours_rate"],
            unit="tasks/s",
            against=against,
            baseline=found[name],
            least=compute_speed.BUDGET_TASKS,
        )
        for against, name in (("LocalCluster, no TLS", "bare_rate"), ("LocalCluster, TLS", "tls_rate"))
    ]
    return [
        Row(
            what=f"start of the engine's 1 + {compute_speed.WORKERS} processes",
            measured=found["start"],
            unit="s",
            against="bare Dask processes, no TLS",
            baseline=found["bare_start"],
            most=compute_speed.BUDGET_START,
        ),
        *rates,
        Row(
            what="one task and its answer",
            measured=found["ours_answer"],
            unit="s",
            against="LocalCluster",
            baseline=found["bare_answer"],
        ),
        Row(
            what=f"{compute_speed.ITEMS:,} short items by pmap",
            measured=found["pmap"],
            unit="s",
            against="client.map",
            baseline=found["client_map"],
            faster=True,
            least=compute_speed.BUDGET_ITEMS,
        ),
        Row(
            what="80 items of 50 ms on 4 workers by pmap",
            measured=found["naps"],
            unit="s",
            against="no overhead",
            baseline=1.0,
        ),
    ]
