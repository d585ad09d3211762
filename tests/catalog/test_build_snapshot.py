"""The tool that makes the snapshot: units, corrections, and a file that says what it was made from."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from cloudclusters.catalog import Catalog, Content, MachineType, reading
from cloudclusters.catalog.catalog import SNAPSHOT
from cloudclusters.catalog.settling import by_model, settled
from cloudclusters.catalog.source import Source

TOOL = Path(__file__).parents[2] / "tools" / "build_snapshot.py"

FILES = {
    "instance_types": (
        "provider,instance_type,family,vcpus,memory_gib,clock_ghz,accelerator_count,accelerator_memory_gib,"
        "accelerator_memory_reported_mib,storage_gb,network_gbps_baseline,rdma_gbps,bare_metal,simd\n"
        "ec2,g9.large,g9,2,0.613,2.5,0.125,3,2861,118,1.024,,false,avx;avx2\n"
    ),
    "prices": (
        "provider,region,instance_type,usd_per_hour,usd_per_hour_spot,spot_savings_pct,spot_interruption_pct_max,date\n"
        "ec2,us-east-1,g9.large,0.435309,,60,5,2026-07-20\n"
    ),
    "offerings": "provider,region,instance_type,zones,source\nec2,us-east-1,g9.large,a;c,moto\n",
    "regions": "provider,region,zones,latitude\nec2,us-east-1,us-east-1a;us-east-1b;us-east-1c,-37.5\n",
    "processors": "model,aliases,in_catalog\nAMD EPYC 7R13,7R13;Milan,true\n",
    "accelerators": "model,memory_gib,compute_capability\nNVIDIA L4,24,9.0\n",
    "microarchitectures": "microarchitecture,earlier_generations,year\nZen3,Zen2;Zen,2020\n",
    "accelerator_architectures": "architecture,earlier_generations\nAda,Ampere;Turing\n",
}


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    """The tool as a module."""
    sys.path.insert(0, str(TOOL.parent))
    spec = importlib.util.spec_from_file_location("build_snapshot", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
    sys.path.remove(str(TOOL.parent))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The documented CSV files with one row each."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def test_cells_become_base_units(tool: ModuleType, folder: Path) -> None:
    """Memory is in GiB, storage in GB, rates and clocks decimal; empty is unknown."""
    (machine,) = tool.read(folder).types

    assert machine == MachineType(
        "ec2",
        "g9.large",
        family="g9",
        vcpus=2,
        memory_bytes=658203738,
        clock_hz=2_500_000_000,
        accelerator_count=0.125,
        accelerator_memory_bytes=3 * 2**30,
        accelerator_memory_reported_bytes=2861 * 2**20,
        storage_bytes=118 * 10**9,
        network_bps=1_024_000_000,
        bare_metal=False,
        simd="avx;avx2",
    )


def test_every_file_survives_the_way_through_the_database(tool: ModuleType, folder: Path, tmp_path: Path) -> None:
    """What is read back is what was read, and the same input gives the same bytes."""
    content = tool.read(folder)
    one, two = tmp_path / "one.sqlite", tmp_path / "two.sqlite"
    tool.build(content, one)
    tool.build(content, two)

    source = Source.open(one)
    with closing(source):
        settled_types = tuple(settled(t, by_model(content.accelerators)) for t in content.types)
        assert reading.content(source) == msgspec.structs.replace(content, types=settled_types)
    assert one.read_bytes() == two.read_bytes()
    assert content.date == "2026-07-20"
    assert content.offerings[0].zones == ("us-east-1a", "us-east-1c")
    assert content.accelerators[0].compute_capability == "9.0"


def test_an_unknown_column_stops_the_build(tool: ModuleType, folder: Path) -> None:
    """A column that nobody reads is not dropped silently."""
    path = folder / "accelerators.csv"
    path.write_text("model,colour\nNVIDIA L4,green\n", encoding="utf-8")

    with pytest.raises(ValueError, match="colour"):
        tool.read(folder)


def test_rows_that_cannot_be_right_stop_the_build(tool: ModuleType, folder: Path) -> None:
    """A handful of rows is no snapshot; the first things that are wrong are said, and how many more there are."""
    with pytest.raises(SystemExit, match=r"fewer types .*; and \d+ more"):
        tool.check(tool.read(folder))


def test_contradictions_become_unknown(tool: ModuleType) -> None:
    """No memory at all, and no devices of a known model, are mistakes of the source."""
    odd = MachineType("azure", "odd", memory_bytes=0, accelerator_count=0, accelerator_model="AMD Instinct MI300X")

    mended = tool.corrected(odd)

    assert (mended.memory_bytes, mended.accelerator_count) == (None, None)


def test_a_known_absence_is_no_unknown_cell() -> None:
    """A machine without accelerators is known to have none of any make; one with some is left as it is."""
    without = settled(MachineType("ec2", "t3.micro", accelerator_count=0), {})
    unknown = MachineType("azure", "Standard_PB6s")

    assert (without.accelerator_architecture, without.accelerator_memory_bytes) == ("none", 0)
    assert settled(unknown, {}) == unknown


@pytest.mark.slow
def test_rows_of_the_snapshot_give_its_digest_again(packaged: Catalog) -> None:
    """The digest is that of the facts, whoever writes them."""
    source = Source.open(SNAPSHOT)
    with closing(source):
        content = reading.content(source)

    with Catalog.build_from(content) as again:
        assert again.digest == packaged.digest


@pytest.fixture(scope="module")
def checks(tool: ModuleType) -> ModuleType:
    """The checks that the tool makes."""
    return importlib.import_module("snapshot_checks")


@pytest.fixture(scope="module")
def content() -> Content:
    """All rows of the packaged snapshot."""
    with closing(Source.open(SNAPSHOT)) as source:
        return reading.content(source)


def test_the_packaged_snapshot_passes_every_check(checks: ModuleType, content: Content) -> None:
    """Cells that people know by heart, and rows that must agree."""
    assert checks.complaints(content) == []


HARM = [
    ("counted", "types", "ec2 t3.xlarge", None, "fewer types than the 3467"),
    ("known", "types", "ec2 g6.48xlarge", {"accelerator_count": 4}, "accelerator_count is 4, not 8"),
    ("known", "types", "ec2 g6.48xlarge", None, "ec2 g6.48xlarge is not there"),
    ("computed", "types", "ec2 t3.xlarge", {"vcpus": 0}, "has no vCPUs"),
    ("computed", "types", "ec2 t3.xlarge", {"cores": 8}, "more cores than vCPUs"),
    ("computed", "types", "ec2 t3.xlarge", {"threads_per_core": 1}, "not its cores times their threads"),
    ("computed", "types", "ec2 t3.xlarge", {"network_burst_bps": 1}, "bursts to less"),
    ("computed", "types", "ec2 t3.xlarge", {"rdma_bps": 1}, "an RDMA that it has not"),
    ("computed", "types", "ec2 t3.xlarge", {"storage_type": "ssd"}, "disks of no size"),
    ("computed", "types", "ec2 t3.xlarge", {"storage_bytes": 1}, "disks of no kind"),
    ("computed", "types", "ec2 t3.xlarge", {"bare_metal": True}, "a whole machine and a share"),
    ("processed", "types", "ec2 t3.xlarge", {"processor_model": "Z80"}, "its processor is in no side table"),
    ("processed", "types", "ec2 t3.xlarge", {"processor_microarchitecture": "Zen3"}, "another microarchitecture"),
    ("processed", "types", "ec2 t3.xlarge", {"isa": "arm64"}, "another instruction set"),
    ("processed", "types", "ec2 t3.xlarge", {"simd": "avx"}, "vector extensions"),
    ("accelerated", "types", "ec2 g6.48xlarge", {"accelerator_model": None}, "accelerators of no model"),
    ("accelerated", "types", "ec2 g6.48xlarge", {"accelerator_model": "L5"}, "its accelerator is in no side table"),
    ("accelerated", "types", "ec2 g6.48xlarge", {"accelerator_architecture": "Hopper"}, "not the Ada of its model"),
    ("accelerated", "types", "ec2 g6.48xlarge", {"accelerator_memory_bytes": 2**30}, "not the memory of their model"),
    ("accelerated", "accelerators", "NVIDIA L4", {"architecture": "Hopper"}, "another order of generations"),
    ("placed", "types", "ec2 t3.xlarge", None, "ec2 t3.xlarge: sold, but no type"),
    ("placed", "regions", "ec2 us-east-1", None, "no region us-east-1"),
    ("placed", "regions", "ec2 us-east-1", {"zones": ()}, "no zone of us-east-1 is one of"),
    ("priced", "prices", "ec2 t3.xlarge", {"usd": 0.0}, "no price"),
    ("priced", "prices", "ec2 t3.xlarge", {"date": None}, "no date"),
    ("priced", "prices", "ec2 t3.xlarge", {"date": "2099-01-01"}, "no date"),
    ("priced", "prices", "gcp c4-standard-8", {"spot_usd": 99.0}, "spot is dearer"),
    ("whole", "prices", "ec2 c7g.metal", {"usd": 99.0}, "costs 99.0, and c7g.16xlarge"),
]


@pytest.mark.parametrize(("check", "table", "name", "cells", "said"), HARM, ids=[harm[-1] for harm in HARM])
def test_every_check_sees_a_row_that_is_wrong(
    checks: ModuleType, content: Content, check: str, table: str, name: str, cells: dict[str, object] | None, said: str
) -> None:
    """With the row's first two cells, and what is wrong with it; a row without cells is lost."""
    rows = []
    for row in getattr(content, table):
        if name not in (" ".join(map(str, msgspec.structs.astuple(row)[:2])), msgspec.structs.astuple(row)[0]):
            rows.append(row)
        elif cells is not None:
            rows.append(msgspec.structs.replace(row, **cells))
    harmed = msgspec.structs.replace(content, **{table: tuple(rows)})

    assert list(getattr(checks, check)(content)) == []
    assert any(said in each for each in getattr(checks, check)(harmed))
