"""Build the packaged catalog snapshot from CSV files: `build_snapshot.py FOLDER [OUT] [--date YYYY-MM-DD]`.

FOLDER holds, with a header line each (an empty cell is unknown):

- `instance_types.csv`: one row per provider and instance type. Memory in GiB, storage in GB (10^9), network in Gbit/s,
  clock in GHz; `a|b` lists alternatives, `a;b` what holds together; vcpus are the usable ones; accelerator memory is
  the nominal one of a device, or of the share where the count is below 1.
- `prices.csv`: Linux, on demand, USD per hour, per type and region, with the date of each figure; spot where known.
- `offerings.csv`: the regions, and short or full names of zones, where a type is sold.
- `regions.csv`, `processors.csv`, `accelerators.csv`, `microarchitectures.csv`, `accelerator_architectures.csv`.

The same input gives the same digest (and, from one SQLite version, the same bytes). Nothing is written unless the
checks hold. The date is the day of the facts; by default that of the newest price.
"""

from __future__ import annotations

import argparse
import csv
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from cloudclusters.catalog import reading
from cloudclusters.catalog.rows import (
    Accelerator,
    AcceleratorArchitecture,
    Content,
    MachineType,
    Microarchitecture,
    Offering,
    Price,
    Processor,
    Region,
)
from cloudclusters.catalog.schema import write
from cloudclusters.catalog.settling import by_model, settled
from cloudclusters.catalog.source import Source
from snapshot_checks import complaints

S = TypeVar("S", bound=msgspec.Struct)

OUT = Path(__file__).parents[1] / "src" / "cloudclusters" / "catalog" / "snapshot.sqlite"
GIB, MIB, GIGA = 2**30, 2**20, 10**9
SAID = 10
"""How many things that are wrong are said."""

# column of the CSV -> (field of ours, factor to the base unit)
QUANTITIES = {
    "memory_gib": ("memory_bytes", GIB),
    "clock_ghz": ("clock_hz", GIGA),
    "accelerator_memory_gib": ("accelerator_memory_bytes", GIB),
    "accelerator_memory_reported_mib": ("accelerator_memory_reported_bytes", MIB),
    "storage_gb": ("storage_bytes", GIGA),
    "network_gbps_baseline": ("network_bps", GIGA),
    "network_gbps_burst": ("network_burst_bps", GIGA),
    "rdma_gbps": ("rdma_bps", GIGA),
    "tdp_w": ("tdp_watts", 1),
}
NAMES = {
    "usd_per_hour": "usd",
    "usd_per_hour_spot": "spot_usd",
    "spot_savings_pct": "spot_savings_percent",
    "spot_interruption_pct_max": "spot_interruption_percent",
    "partition_or_geography": "partition",
}


def main() -> int:
    """Read, check, write; print what was written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=OUT)
    parser.add_argument("--date", default="", help="the day of the facts")
    arguments = parser.parse_args()

    content = read(arguments.folder, date=arguments.date)
    check(content)
    build(content, arguments.out)
    source = Source.open(arguments.out)
    check_written(source, content)
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, {source.meta['date']}, {source.meta['digest']}")
    return 0


def read(folder: Path, *, date: str = "") -> Content:
    """All rows of the CSV files in `folder`, in base units."""
    regions = rows_of(folder / "regions.csv", Region)
    zones = {(r.provider, r.region): r.zones for r in regions}
    prices = rows_of(folder / "prices.csv", Price)
    return Content(
        types=tuple(map(corrected, rows_of(folder / "instance_types.csv", MachineType))),
        prices=prices,
        offerings=tuple(
            msgspec.structs.replace(o, zones=full_zones(o.zones, zones[o.provider, o.region]))
            for o in rows_of(folder / "offerings.csv", Offering)
        ),
        regions=regions,
        processors=rows_of(folder / "processors.csv", Processor),
        accelerators=rows_of(folder / "accelerators.csv", Accelerator),
        microarchitectures=rows_of(folder / "microarchitectures.csv", Microarchitecture),
        accelerator_architectures=rows_of(folder / "accelerator_architectures.csv", AcceleratorArchitecture),
        date=date or max(p.date or "" for p in prices),
    )


def rows_of(path: Path, kind: type[S]) -> tuple[S, ...]:
    """The rows of one file; an unknown column or a cell of the wrong kind is an error."""
    lists = {f.name for f in msgspec.structs.fields(kind) if f.type == tuple[str, ...]}
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(msgspec.convert(dict(cells_of(row, lists)), kind, strict=False) for row in csv.DictReader(file))


def cells_of(row: Mapping[str, str], lists: set[str]) -> Iterator[tuple[str, object]]:
    """The known cells of a CSV row under our names, in our units."""
    for column, text in row.items():
        if text == "":
            continue
        if column in QUANTITIES:
            name, factor = QUANTITIES[column]
            yield name, round(Decimal(text) * factor)
        elif column in lists:
            yield column, tuple(text.split(";"))
        else:
            yield NAMES.get(column, column), text


def full_zones(short: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Zones by their full names: a short one is the end of exactly one zone of the region."""
    return tuple(next(zone for zone in known if zone.endswith(ending)) for ending in short)


def corrected(machine: MachineType) -> MachineType:
    """The row without cells that contradict themselves; what cannot be is unknown.

    Azure's API says 0 GiB of sizes with less than one, and 0 GPUs of some sizes whose model is known.
    """
    if machine.memory_bytes == 0:
        machine = msgspec.structs.replace(machine, memory_bytes=None)
    if machine.accelerator_count == 0 and machine.accelerator_model is not None:
        machine = msgspec.structs.replace(machine, accelerator_count=None)
    return machine


def check(content: Content) -> None:
    """Stop where the rows cannot be right, saying the first things that are wrong."""
    found = complaints(content)
    expect(not found, "; ".join([*found[:SAID], *([f"and {len(found) - SAID} more"] if len(found) > SAID else [])]))


def build(content: Content, out: Path) -> None:
    """Write the database beside `out` and swap it in."""
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        compact = Path(folder) / "compact.sqlite"
        connection = sqlite3.connect(Path(folder) / "new.sqlite")
        try:
            write(connection, content)
            connection.execute("VACUUM INTO ?", (str(compact),))
        finally:
            connection.close()
        compact.replace(out)
    out.chmod(0o644)


def check_written(source: Source, content: Content) -> None:
    """Read everything back: nothing may be lost on the way into the file."""
    read_back = reading.content(source)
    models = by_model(content.accelerators)
    expect(set(read_back.types) == {settled(t, models) for t in content.types}, "types changed in the file")
    for name in Content.__struct_fields__[1:]:
        before, after = getattr(content, name), getattr(read_back, name)
        expect(set(before) == set(after), f"{name} changed in the file")


def expect(holds: bool, otherwise: str) -> None:
    """End the program with a sentence when something does not hold."""
    if not holds:
        sys.exit(f"build_snapshot: {otherwise}")


if __name__ == "__main__":
    sys.exit(main())
