"""What this machine is, by real means."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudclusters.base.size import GiB, MiB
from cloudclusters.detect import machine
from cloudclusters.detect.limits import usable_memory, usable_vcpus
from cloudclusters.detect.processor import Processor, describe, read_cpuinfo
from cloudclusters.vocabulary import taxonomy

CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz
flags\t\t: fpu mmx sse sse2 pni avx avx2 fma avx512f

processor\t: 1
vendor_id\t: Other
"""


def test_this_machine_is_described(tmp_path: Path) -> None:
    """Whatever it is, it has processors, memory and an instruction set that we know."""
    found = machine(tmp_path / "not" / "there")
    assert found.vcpus >= 1
    assert found.cores is None or 1 <= found.cores <= found.vcpus
    assert found.memory_bytes > 64 * MiB
    assert found.storage_bytes > 0
    assert taxonomy("isa").knows(found.processor.isa or "")


def test_only_the_first_processor_is_read() -> None:
    """They are all alike, but for clocks."""
    assert read_cpuinfo(CPUINFO)["vendor_id"] == "GenuineIntel"


def test_a_known_model_says_its_parts() -> None:
    """The model's own microarchitecture is surer than a guess from its flags."""
    read = read_cpuinfo(CPUINFO)
    found = describe(
        brand=read["model name"],
        vendor=read["vendor_id"],
        archspec_name="skylake_avx512",
        isa="x86_64",
        flags=read["flags"].split(),
    )
    assert found == Processor(
        model="Intel Xeon Platinum 8375C",
        manufacturer="Intel",
        microarchitecture="IceLake",
        isa="x86_64",
        simd="mmx;sse;sse2;avx;fma;avx2;avx512f",
    )


@pytest.mark.parametrize(
    ("brand", "model"),
    [
        ("AMD EPYC 7R13 Processor", "AMD EPYC 7R13"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763v"),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "Intel Xeon E5-2686 v4"),
        ("Intel(R) Core(TM) i7-1185G7 @ 3.00GHz", "Intel Core i7-1185G7"),
        ("", None),
    ],
)
def test_brands_become_models(brand: str, model: str | None) -> None:
    """Without the noise, a known model has its canonical name and an unknown one its own."""
    found = describe(brand=brand, vendor="", archspec_name="x86_64_v3", isa="x86_64", flags=())
    assert found.model == model


@pytest.mark.parametrize(
    ("archspec_name", "core"),
    [
        ("zen4", "Zen4"),
        ("skylake", "SkylakeClient"),
        ("skylake_avx512", "Skylake"),
        ("x86_64_v4", None),
        ("zen6", None),
    ],
)
def test_archspec_names_a_core_or_a_level(archspec_name: str, core: str | None) -> None:
    """A generic level names no microarchitecture, so it stays unknown."""
    found = describe(brand="", vendor="AuthenticAMD", archspec_name=archspec_name, isa="x86_64", flags=())
    assert (found.manufacturer, found.microarchitecture) == ("AMD", core)


def _files(root: Path, **files: str) -> Path:
    for name, text in files.items():
        place = root / name.replace("__", "/").replace("_DOT_", ".")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def test_a_container_limits_memory(tmp_path: Path) -> None:
    """The tightest of our cgroup and those around it counts."""
    root = _files(
        tmp_path,
        proc__self__cgroup="0::/outer/inner\n",
        sys__fs__cgroup__outer__memory_DOT_max=f"{4 * GiB}\n",
        sys__fs__cgroup__outer__inner__memory_DOT_max="max\n",
    )
    assert usable_memory(64 * GiB, root=root) == 4 * GiB


def test_an_old_container_limits_memory(tmp_path: Path) -> None:
    """Version 1 keeps a folder per controller, and says no limit by a huge number."""
    root = _files(
        tmp_path,
        proc__self__cgroup="4:memory:/job\n",
        sys__fs__cgroup__memory__memory_DOT_limit_in_bytes="9223372036854771712\n",
        sys__fs__cgroup__memory__job__memory_DOT_limit_in_bytes=f"{2 * GiB}\n",
    )
    assert usable_memory(64 * GiB, root=root) == 2 * GiB


def test_no_container_no_limit(tmp_path: Path) -> None:
    """Without cgroups all memory is ours."""
    assert usable_memory(GiB, root=tmp_path) == GiB


def test_a_quota_below_one_processor_is_one(tmp_path: Path) -> None:
    """Half a processor still runs a worker."""
    root = _files(tmp_path, proc__self__cgroup="0::/\n", sys__fs__cgroup__cpu_DOT_max="50000 100000\n")
    assert usable_vcpus(root=root) == 1
