"""Tasks per second, and many short items: rows of what `compute_speed` measures."""

from __future__ import annotations

from benchmarks import compute_speed
from benchmarks.budget import Row


def rows() -> list[Row]:
    """Our engine on loopback addresses with TLS, against a plain `LocalCluster` of as many processes without it."""
    found = compute_speed.measure()
    return [
        Row(
            what=f"{compute_speed.TASKS:,} empty tasks by client.map",
            measured=found["ours_rate"],
            unit="tasks/s",
            against="LocalCluster",
            baseline=found["bare_rate"],
            least=compute_speed.BUDGET_TASKS,
        ),
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
