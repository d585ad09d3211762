"""What EC2 says of an instance type, in the catalog's words and base units: pure.

For a type that the catalog knows, only what EC2 measures is told; model names and generations are the catalog's.
For a new one they are derived where EC2's words say them, by the catalog's tables of processors and accelerators.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from cloudclusters.catalog import Accelerator, MachineType, Processor

SOURCE = "ec2-api"
MIB, GIGA = 2**20, 10**9
_NEAR = 0.1
"""EC2 tells a little less accelerator memory than the nominal one."""
_GENERATION = re.compile(r"[a-z]+(\d+)")
_STEADY = re.compile(r"(\d+(?:\.\d+)?) Gigabit")
"""The bandwidth of all cards together, where it can be sustained; cards that share it tell more in sum."""
_CATEGORIES = {
    "General purpose": "general",
    "Compute optimized": "compute",
    "Memory optimized": "memory",
    "Storage optimized": "storage",
    "GPU instance": "accelerated",
    "FPGA Instances": "accelerated",
    "Machine Learning ASIC Instances": "accelerated",
    "Media Accelerator Instances": "accelerated",
}
"""The price list's families."""
_MAKERS = {"Amazon Web Services": "AWS", "AWS": "AWS", "Xilinx": "AMD", "Habana": "Intel"}
_DEVICES = (
    ("GpuInfo", "Gpus", "GPU"),
    ("NeuronInfo", "NeuronDevices", "NPU"),
    ("InferenceAcceleratorInfo", "Accelerators", "NPU"),
    ("FpgaInfo", "Fpgas", "FPGA"),
    ("MediaAcceleratorInfo", "Accelerators", "MediaAccelerator"),
)
"""Where accelerators stand in EC2's answer; Neuron devices stand there twice, so the first that is there counts."""

Facts = Mapping[str, object]
"""An answer's structure, as the SDK gives it."""


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """What names stand for: the catalog's processors and accelerators."""

    processors: Sequence[Processor] = ()
    accelerators: Sequence[Accelerator] = ()


def measured(facts: Facts) -> MachineType:
    """The type with what EC2 measures; all else is None."""
    cpu, chip, network = (_part(facts, name) for name in ("VCpuInfo", "ProcessorInfo", "NetworkInfo"))
    cards = _parts(network, "NetworkCards")
    steady = _STEADY.fullmatch(str(network.get("NetworkPerformance", "")))
    whole = _scaled(steady[1], GIGA) if steady else None
    architectures = [str(word) for word in _list(chip, "SupportedArchitectures")]
    return MachineType(
        provider="ec2",
        instance_type=str(facts["InstanceType"]),
        current_generation=_truth(facts, "CurrentGeneration"),
        vcpus=_whole(cpu, "DefaultVCpus"),
        cores=_whole(cpu, "DefaultCores"),
        threads_per_core=_whole(cpu, "DefaultThreadsPerCore"),
        memory_bytes=_scaled(_part(facts, "MemoryInfo").get("SizeInMiB"), MIB),
        isa=next((each.removesuffix("_mac") for each in architectures if each != "i386"), None),
        clock_hz=_scaled(chip.get("SustainedClockSpeedInGhz"), GIGA),
        network_bps=whole or _sum(cards, "BaselineBandwidthInGbps"),
        network_burst_bps=whole or _sum(cards, "PeakBandwidthInGbps"),
        rdma="efa" if network.get("EfaSupported") else "none",
        bare_metal=_truth(facts, "BareMetal"),
        burstable=_truth(facts, "BurstablePerformanceSupported"),
        spot="spot" in _list(facts, "SupportedUsageClasses"),
        source=SOURCE,
        **_disks(facts),  # type: ignore[arg-type]  # each cell has its column's type
    )


def derived(facts: Facts, product: Mapping[str, str], tables: Tables) -> MachineType:
    """A type that the catalog does not know; `product` are its attributes in the price list, empty where unknown."""
    machine = measured(facts)
    family = machine.instance_type.partition(".")[0]
    number = _GENERATION.match(family)
    category = "hpc" if family.startswith("hpc") else _CATEGORIES.get(product.get("instanceFamily", ""))
    cells: dict[str, object] = {
        "family": family,
        "generation": int(number[1]) if number else None,
        "category": category,
        "ecu": float(text) if re.fullmatch(r"\d+(\.\d+)?", text := product.get("ecu", "")) else None,
        **_processor(facts, product.get("physicalProcessor", ""), tables.processors),
        **_accelerators(facts, tables.accelerators),
    }
    return msgspec.structs.replace(machine, **cells)


def _disks(facts: Facts) -> dict[str, object]:
    """The type's own disks."""
    own = _part(facts, "InstanceStorageInfo")
    disks = _parts(own, "Disks")
    if not disks:
        return {"storage_type": "remote-only", "storage_bytes": 0, "storage_disks": 0}
    kind = str(disks[0].get("Type"))
    if kind == "ssd" and own.get("NvmeSupport") in ("required", "supported"):
        kind = "nvme-ssd"
    return {
        "storage_type": kind,
        "storage_bytes": _scaled(own.get("TotalSizeInGB"), GIGA),
        "storage_disks": sum(_whole(disk, "Count") or 0 for disk in disks),
    }


def _processor(facts: Facts, said: str, known: Iterable[Processor]) -> dict[str, object]:
    """The processor by the price list's words; without them the maker alone."""
    said = said.strip()
    for each in known:
        if said and said in (each.model, *each.aliases):
            return {
                "processor_model": each.model,
                "processor_manufacturer": each.manufacturer,
                "processor_microarchitecture": each.microarchitecture,
                "simd": ";".join(each.simd) or None,
            }
    maker = _part(facts, "ProcessorInfo").get("Manufacturer")
    return {"processor_manufacturer": None if maker is None else _MAKERS.get(str(maker), str(maker))}


def _accelerators(facts: Facts, known: Sequence[Accelerator]) -> dict[str, object]:
    """The accelerators; a name that the catalog does not know leaves model and architecture unknown."""
    for part, listed, kind in _DEVICES:
        devices = _parts(_part(facts, part), listed)
        if devices:
            return _devices(devices[0], kind, known)
    return {"accelerator_count": 0}


def _devices(device: Facts, kind: str, known: Sequence[Accelerator]) -> dict[str, object]:
    share = device.get("GpuPartitionSize")
    count = _whole(device, "Count") or 0
    memory = _scaled(_part(device, "MemoryInfo").get("SizeInMiB"), MIB)
    cells: dict[str, object] = {
        "accelerator_count": count or (float(str(share)) if share else None),
        "accelerator_type": kind,
        "accelerator_memory_reported_bytes": memory,
    }
    maker = device.get("Manufacturer")
    model = _model(str(device.get("Name", "")), memory if count else None, known)
    if model is None:
        return {**cells, "accelerator_manufacturer": None if maker is None else _MAKERS.get(str(maker), str(maker))}
    return {
        **cells,
        "accelerator_model": model.model,
        "accelerator_manufacturer": model.manufacturer,
        "accelerator_architecture": model.architecture,
        "accelerator_type": model.accelerator_type,
        "accelerator_memory_bytes": model.memory_bytes if count else None,
    }


def _model(name: str, memory: int | None, known: Sequence[Accelerator]) -> Accelerator | None:
    """The accelerator of this name; where there are several by it, that with this memory."""
    named = [a for a in known if name in (a.model, *a.aliases) or re.search(rf"\b{re.escape(name)}\b", a.model)]
    if name and memory is not None:
        fit = [a for a in named if a.memory_bytes and abs(a.memory_bytes - memory) <= _NEAR * a.memory_bytes]
        if fit or len(named) > 1:
            named = fit
    exact = [a for a in named if name in (a.model, *a.aliases)]
    return next(iter([*exact, *named]), None) if name else None


def _part(facts: Facts, name: str) -> Facts:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(facts: Facts, name: str) -> Sequence[object]:
    found = facts.get(name)
    return found if isinstance(found, list) else ()


def _parts(facts: Facts, name: str) -> Sequence[Facts]:
    return [each for each in _list(facts, name) if isinstance(each, Mapping)]


def _whole(facts: Facts, name: str) -> int | None:
    found = facts.get(name)
    return found if isinstance(found, int) else None


def _truth(facts: Facts, name: str) -> bool | None:
    found = facts.get(name)
    return found if isinstance(found, bool) else None


def _scaled(number: object, factor: int) -> int | None:
    """A decimal figure in base units, exactly; None for none and for nothing."""
    return round(Decimal(str(number)) * factor) if number else None


def _sum(parts: Iterable[Facts], name: str) -> int | None:
    """A figure of all parts together, in Gbit/s; None where one of them does not tell."""
    figures = [_scaled(part.get(name), GIGA) for part in parts]
    return sum(f for f in figures if f is not None) if figures and None not in figures else None
