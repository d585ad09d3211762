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
from cloudclusters.catalog.schema import settled, write
from cloudclusters.catalog.source import Source

S = TypeVar("S", bound=msgspec.Struct)

OUT = Path(__file__).parents[1] / "src" / "cloudclusters" / "catalog" / "snapshot.sqlite"
GIB, MIB, GIGA = 2**30, 2**20, 10**9
ROWS = {"types": 3467, "prices": 57707, "offerings": 35242, "regions": 142, "processors": 79, "accelerators": 44}

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

# Cells that people know by heart: a wrong unit or a shifted column shows here.
KNOWN: dict[tuple[str, str], dict[str, object]] = {
    ("ec2", "t3.xlarge"): {"vcpus": 4, "memory_bytes": 16 * GIB, "burstable": True, "accelerator_count": 0},
    ("ec2", "g6.48xlarge"): {
        "vcpus": 192,
        "memory_bytes": 768 * GIB,
        "accelerator_count": 8,
        "accelerator_memory_bytes": 24 * GIB,
        "accelerator_architecture": "Ada",
        "network_bps": 100 * GIGA,
        "storage_bytes": 7520 * GIGA,
    },
    ("ec2", "p5.48xlarge"): {"accelerator_count": 8, "accelerator_memory_bytes": 80 * GIB, "network_bps": 3200 * GIGA},
    ("ec2", "g6f.large"): {"accelerator_count": 0.125, "accelerator_memory_bytes": 3 * GIB},
    ("gcp", "g4-standard-6"): {"accelerator_count": 0.125, "accelerator_memory_bytes": 12 * GIB},
    ("azure", "Standard_NV6ads_A10_v5"): {"accelerator_count": 0.167, "accelerator_memory_bytes": 4 * GIB},
    ("azure", "Standard_E16-4ads_v5"): {"vcpus": 4, "cores": 2, "memory_bytes": 128 * GIB},
    ("azure", "Standard_ND96asr_v4"): {"rdma": "ib", "rdma_bps": 1600 * GIGA, "network_burst_bps": 24 * GIGA},
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
    """Stop where the rows cannot be right."""
    for name, count in ROWS.items():
        expect(len(getattr(content, name)) >= count, f"fewer {name} than the {count} of the first snapshot")
    types = {(t.provider, t.instance_type): t for t in content.types}
    expect(len(types) == len(content.types), "a machine type is there twice")
    for key, cells in KNOWN.items():
        for column, value in cells.items():
            expect(getattr(types[key], column) == value, f"{key}: {column} is not {value}")
    regions = {(r.provider, r.region) for r in content.regions}
    for price in content.prices:
        figures = (price.usd, price.spot_usd)
        expect(all(f is None or 0 < f < 1000 for f in figures), f"no price: {price}")
        expect(price.date is not None, f"no date: {price}")
        expect((price.provider, price.region) in regions, f"no region: {price}")
    for machine in content.types:
        expect((machine.vcpus or 0) > 0 and machine.memory_bytes != 0, f"no machine: {machine}")


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
    expect(set(read_back.types) == set(map(settled, content.types)), "types changed in the file")
    for name in Content.__struct_fields__[1:]:
        before, after = getattr(content, name), getattr(read_back, name)
        expect(set(before) == set(after), f"{name} changed in the file")


def expect(holds: bool, otherwise: str) -> None:
    """End the program with a sentence when something does not hold."""
    if not holds:
        sys.exit(f"build_snapshot: {otherwise}")


if __name__ == "__main__":
    sys.exit(main())
