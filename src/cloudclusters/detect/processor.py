"""The processor of this machine: its model, maker, microarchitecture and vector extensions."""

from __future__ import annotations

import platform
import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from cloudclusters.vocabulary import taxonomy

_NOISE = re.compile(r"\((?:R|TM|C)\)|\bCPU\b|@.*|\b\d+-Core\b|\bProcessor\b", re.IGNORECASE)
_CPUINFO = Path("/proc/cpuinfo")


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """A processor in the words of the taxonomies; None is unknown. A model they do not know keeps its own name."""

    model: str | None = None
    manufacturer: str | None = None
    microarchitecture: str | None = None
    isa: str | None = None
    simd: str | None = None
    """The vector extensions, as `avx;avx2`."""


def processor() -> Processor:
    """Look at the processor; imports archspec, which takes some tens of milliseconds."""
    import archspec.cpu

    host = archspec.cpu.host()
    isa = taxonomy("isa")
    machine = platform.machine()
    read = read_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace")) if _CPUINFO.exists() else {}
    return describe(
        brand=read.get("model name", "") or (platform.processor() if not read else ""),
        vendor=read.get("vendor_id", "") or host.vendor,
        archspec_name=host.name,
        isa=isa.canonical(machine) if isa.has(machine) else machine,
        flags=(read.get("flags") or read.get("Features") or " ".join(host.features)).split(),
    )


def read_cpuinfo(text: str) -> dict[str, str]:
    """The fields of the first processor of a `/proc/cpuinfo`."""
    first = text.split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def describe(*, brand: str, vendor: str, archspec_name: str, isa: str, flags: Collection[str]) -> Processor:
    """The processor that the system's own words describe.

    A known model says its microarchitecture; otherwise archspec does, unless it only found a generic level.
    """
    models, makers = taxonomy("processor"), taxonomy("manufacturer")
    cleaned = " ".join(_NOISE.sub(" ", brand).split())
    model = models.canonical(cleaned) if cleaned and models.has(cleaned) else cleaned
    facts = models.facts(model)
    maker = facts.get("manufacturer") or (makers.canonical(vendor) if makers.has(vendor) else "")
    extensions = taxonomy("simd")
    had = {extensions.canonical(flag) for flag in flags if extensions.has(flag)}
    return Processor(
        model=model or None,
        manufacturer=maker or None,
        microarchitecture=facts.get("microarchitecture") or _by_archspec(archspec_name),
        isa=isa or None,
        simd=";".join(name for name in extensions.values() if name in had) or None,
    )


def _by_archspec(name: str) -> str | None:
    cores = taxonomy("microarchitecture")
    generic = ("x86_64", "aarch64")
    named = (core for core in cores.values() if core not in generic and cores.facts(core).get("archspec") == name)
    return next(named, None)
