"""What the demo computes on its workers: a file of prices in, its cheapest offers out. Needs nothing of ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

COLUMNS = ("provider", "region", "instance_type", "vcpus", "gpus", "gpu_model", "hourly_usd")
"""The columns of a file of prices: one row per instance type that is sold in that region at a known price."""
RESULT = (
    "provider",
    "region",
    "offers",
    "vcpu_hour_usd",
    "vcpu_hour_instance_type",
    "gpu_hour_usd",
    "gpu_hour_instance_type",
)
"""The columns of the result, one row per region; without GPUs for sale the last two are empty."""

Result = dict[str, str | int | float]


def cheapest(path: str) -> Result:
    """The lowest price per vCPU-hour and per GPU-hour in one file; ties go to the first name."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    per_vcpu, per_gpu = min(_shares(rows, "vcpus")), min(_shares(rows, "gpus"), default=("", ""))
    result = (rows[0]["provider"], rows[0]["region"], len(rows), *per_vcpu, *per_gpu)
    return dict(zip(RESULT, result, strict=True))


def _shares(rows: Sequence[dict[str, str]], part: str) -> Iterator[tuple[float, str]]:
    """Price of one part, and the type, for every row that has a whole one: a share of a GPU is not a GPU."""
    for row in rows:
        count = float(row[part] or 0)
        if count >= 1:
            yield float(row["hourly_usd"]) / count, row["instance_type"]
