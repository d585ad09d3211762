"""`python -m benchmarks [NAME…] [--json]`: one budget table."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence

from benchmarks.budget import Row, as_json, table

NAMES = (
    "starting",
    "resolving",
    "random_contracts",
    "broad_contracts",
    "deploying",
    "computing",
    "ssh_speed",
    "ec2_deploying",
)
"""The modules of this package that measure; each has `rows()`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns 0, or with `--check` 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What it costs, against the budgets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all when none is given")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    parser.add_argument("--check", action="store_true", help="end with 1 when a budget is missed")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; there are {', '.join(NAMES)}")
    rows: list[Row] = []
    for name in options.names or NAMES:
        begun = time.monotonic()
        rows += importlib.import_module(f"benchmarks.{name}").rows()
        print(f"{name}: measured in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    if options.json:
        print(as_json(rows).decode())
    else:
        print(f"\n{table(rows)}\n\n{verdict(rows)}")
    return int(options.check and any(row.is_met is False for row in rows))


def verdict(rows: Sequence[Row]) -> str:
    """How many budgets are met, and how disturbed the machine was."""
    judged = [row for row in rows if row.is_met is not None]
    met = sum(row.is_met is True for row in judged)
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    noisy = " Other work runs here: read the ratios, and repeat." if load > 2 * cores else ""
    return f"{met} of {len(judged)} budgets met, on {cores} cores at a load of {load:.1f}.{noisy}"


if __name__ == "__main__":
    raise SystemExit(main())
