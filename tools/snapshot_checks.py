"""What must hold of a snapshot: cells that people know by heart, and rows that must agree with each other.

`complaints` says in a sentence each what does not. The builder writes no snapshot while there are any, and the tests
ask the packaged one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from cloudclusters.catalog.rows import NONE, Content, MachineType, Offering, Price

GIB, GIGA = 2**30, 10**9
ROWS = {"types": 3467, "prices": 57707, "offerings": 35242, "regions": 142, "processors": 79, "accelerators": 44}
"""How many rows the first snapshot had: a later one has no fewer."""
NEAR = 0.1
"""How far the memory of a type's accelerators may be from that of the model: some clouds leave out what is reserved."""
METAL = 0.02
"""How far the price of a whole machine may be from that of a virtual one of its size; a dedicated host's is further."""
DISKS = ("ssd", "nvme-ssd", "hdd")

# Cells that people know by heart: a wrong unit or a shifted column shows here.
KNOWN: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("ec2", "t3.xlarge"): {"vcpus": 4, "memory_bytes": 16 * GIB, "burstable": True, "accelerator_count": 0},
    ("ec2", "g6.48xlarge"): {
        "vcpus": 192,
        "memory_bytes": 768 * GIB,
        "accelerator_count": 8,
        "accelerator_model": "NVIDIA L4",
        "accelerator_memory_bytes": 24 * GIB,
        "accelerator_architecture": "Ada",
        "network_bps": 100 * GIGA,
        "storage_bytes": 7520 * GIGA,
    },
    ("ec2", "p5.48xlarge"): {"accelerator_count": 8, "accelerator_memory_bytes": 80 * GIB, "network_bps": 3200 * GIGA},
    ("ec2", "p4d.24xlarge"): {
        "accelerator_count": 8,
        "accelerator_memory_bytes": 40 * GIB,
        "storage_bytes": 8000 * GIGA,
    },
    ("ec2", "g6f.large"): {"accelerator_count": 0.125, "accelerator_memory_bytes": 3 * GIB},
    ("ec2", "trn1.32xlarge"): {
        "accelerator_count": 16,
        "accelerator_memory_bytes": 32 * GIB,
        "network_bps": 800 * GIGA,
    },
    ("ec2", "m7i.metal-24xl"): {
        "vcpus": 96,
        "cores": 48,
        "threads_per_core": 2,
        "memory_bytes": 384 * GIB,
        "bare_metal": True,
        "processor_microarchitecture": "SapphireRapids",
    },
    ("ec2", "c7g.16xlarge"): {"vcpus": 64, "cores": 64, "threads_per_core": 1, "isa": "arm64"},
    ("ec2", "hpc7a.96xlarge"): {
        "vcpus": 192,
        "threads_per_core": 1,
        "memory_bytes": 768 * GIB,
        "network_bps": 300 * GIGA,
    },
    ("gcp", "a2-megagpu-16g"): {
        "vcpus": 96,
        "memory_bytes": 1360 * GIB,
        "accelerator_count": 16,
        "accelerator_model": "NVIDIA A100 40GB",
        "accelerator_memory_bytes": 40 * GIB,
    },
    ("gcp", "a3-highgpu-8g"): {"vcpus": 208, "memory_bytes": 1872 * GIB, "network_bps": 1000 * GIGA},
    ("gcp", "g4-standard-6"): {"accelerator_count": 0.125, "accelerator_memory_bytes": 12 * GIB},
    ("gcp", "c3-standard-192-metal"): {"vcpus": 192, "memory_bytes": 768 * GIB, "bare_metal": True},
    ("azure", "Standard_NV6ads_A10_v5"): {"accelerator_count": 0.167, "accelerator_memory_bytes": 4 * GIB},
    ("azure", "Standard_E16-4ads_v5"): {"vcpus": 4, "cores": 2, "memory_bytes": 128 * GIB},
    ("azure", "Standard_ND96asr_v4"): {"rdma": "ib", "rdma_bps": 1600 * GIGA, "network_burst_bps": 24 * GIGA},
    ("azure", "Standard_ND96isr_H100_v5"): {
        "vcpus": 96,
        "memory_bytes": 1900 * GIB,
        "accelerator_count": 8,
        "accelerator_architecture": "Hopper",
        "accelerator_memory_bytes": 80 * GIB,
        "rdma_bps": 3200 * GIGA,
    },
    ("azure", "Standard_HB176rs_v4"): {"vcpus": 176, "cores": 176, "memory_bytes": 768 * GIB, "rdma_bps": 400 * GIGA},
}

Check = Callable[[Content], Iterable[str]]


def complaints(content: Content) -> list[str]:
    """Every sentence of every check."""
    return list(chain.from_iterable(check(content) for check in CHECKS))


def counted(content: Content) -> Iterator[str]:
    """Nothing of the first snapshot was lost, and nothing is there twice."""
    for name, count in ROWS.items():
        if len(getattr(content, name)) < count:
            yield f"fewer {name} than the {count} of the first snapshot"
    if len({(t.provider, t.instance_type) for t in content.types}) != len(content.types):
        yield "a machine type is there twice"


def known(content: Content) -> Iterator[str]:
    """Cells that people know by heart."""
    types = {(t.provider, t.instance_type): t for t in content.types}
    for key, cells in KNOWN.items():
        for column, value in cells.items():
            if key not in types:
                yield f"{' '.join(key)} is not there"
            elif (found := getattr(types[key], column)) != value:
                yield f"{' '.join(key)}: {column} is {found}, not {value}"


def computed(content: Content) -> Iterator[str]:
    """Processors, threads and memory of a type agree."""
    for each in content.types:
        if not each.vcpus or each.memory_bytes == 0:
            yield f"{_name(each)} has no vCPUs or no memory"
        if each.cores and each.vcpus and each.cores > each.vcpus:
            yield f"{_name(each)} has more cores than vCPUs"
        if each.cores and each.threads_per_core and each.vcpus != each.cores * each.threads_per_core:
            yield f"{_name(each)}: its vCPUs are not its cores times their threads"
        if each.network_bps and each.network_burst_bps and each.network_burst_bps < each.network_bps:
            yield f"{_name(each)}: its network bursts to less than it sustains"
        if each.rdma_bps and each.rdma in (None, NONE):
            yield f"{_name(each)} has the bandwidth of an RDMA that it has not"
        if each.storage_bytes == 0 and each.storage_type in DISKS:
            yield f"{_name(each)} has disks of no size"
        if each.storage_bytes and each.storage_type not in DISKS:
            yield f"{_name(each)} has disks of no kind"
        if each.bare_metal and each.burstable:
            yield f"{_name(each)} is a whole machine and a share of one"


def processed(content: Content) -> Iterator[str]:
    """Processors of a type are in the side tables, which say the same of them."""
    models = {each.model: each for each in content.processors}
    cores = {each.microarchitecture: each for each in content.microarchitectures}
    for each in content.types:
        names, kinds = _alternatives(each.processor_model), _alternatives(each.processor_microarchitecture)
        if not names <= models.keys() or not kinds <= cores.keys():
            yield f"{_name(each)}: its processor is in no side table"
            continue
        if names and kinds and {models[name].microarchitecture for name in names} != kinds:
            yield f"{_name(each)}: its processors are of another microarchitecture"
        if each.isa and any(cores[kind].isa != each.isa for kind in kinds):
            yield f"{_name(each)}: its processors have another instruction set"
        have = [set(cores[kind].simd) for kind in kinds]
        if have and each.simd and set(each.simd.split(";")) != set.intersection(*have):
            yield f"{_name(each)}: its vector extensions are not those that all its processors have"


def accelerated(content: Content) -> Iterator[str]:
    """Accelerators of a type are in the side table, which says the same of them."""
    models = {each.model: each for each in content.accelerators}
    for each in content.types:
        name = each.accelerator_model
        if name in (None, NONE):
            if each.accelerator_count:
                yield f"{_name(each)} has accelerators of no model"
            continue
        model = models.get(name or "")
        if model is None:
            yield f"{_name(each)}: its accelerator is in no side table"
            continue
        for column, value in (
            ("accelerator_manufacturer", model.manufacturer),
            ("accelerator_architecture", model.architecture),
            ("accelerator_type", model.accelerator_type),
        ):
            if getattr(each, column) != value:
                yield f"{_name(each)}: {column} is not the {value} of its model"
        share, memory = min(each.accelerator_count or 1, 1), each.accelerator_memory_bytes
        if memory and model.memory_bytes and abs(memory / (share * model.memory_bytes) - 1) > NEAR:
            yield f"{_name(each)}: its accelerators have not the memory of their model"
    yield from _lines(content)


def _lines(content: Content) -> Iterator[str]:
    """Every architecture of a model is in the order of its vendor."""
    lines = {each.architecture: each for each in content.accelerator_architectures}
    for each in content.accelerators:
        line = lines.get(each.architecture or "")
        if line is None or line.earlier_generations != each.earlier_architectures:
            yield f"{each.model}: its architecture has another order of generations"


def placed(content: Content) -> Iterator[str]:
    """Prices and offerings are of types and regions that are there."""
    types = {(t.provider, t.instance_type) for t in content.types}
    zones = {(r.provider, r.region): set(r.zones) for r in content.regions}
    for each in (*content.prices, *content.offerings):
        if (each.provider, each.instance_type) not in types:
            yield f"{_name(each)}: sold, but no type"
        if (each.provider, each.region) not in zones:
            yield f"{_name(each)}: no region {each.region}"
    for each in content.offerings:
        if not set(each.zones) <= zones.get((each.provider, each.region), set()):
            yield f"{_name(each)}: no zone of {each.region} is one of {', '.join(each.zones)}"


def priced(content: Content) -> Iterator[str]:
    """Prices are above nothing, dated, and spot is not dearer than on demand."""
    for each in content.prices:
        figures = [figure for figure in (each.usd, each.spot_usd) if figure is not None]
        if not all(0 < figure < 1000 for figure in figures):
            yield f"{_name(each)} in {each.region}: no price"
        if each.date is None or not "2020" < each.date <= content.date or (each.spot_usd and not each.spot_date):
            yield f"{_name(each)} in {each.region}: no date, or one after that of the facts"
        if len(figures) == 2 and figures[1] > figures[0]:
            yield f"{_name(each)} in {each.region}: spot is dearer than on demand"


def whole(content: Content) -> Iterator[str]:
    """A whole machine costs what the virtual one of its family costs that has all of it."""
    siblings = defaultdict(list)
    for each in content.types:
        if not each.bare_metal:
            siblings[_size(each)].append(each.instance_type)
    usd = {(p.provider, p.instance_type, p.region): p.usd for p in content.prices if p.usd}
    for each in (t for t in content.types if t.bare_metal):
        for region in (r.region for r in content.regions if r.provider == each.provider):
            price = usd.get((each.provider, each.instance_type, region))
            for name in siblings[_size(each)] if price else ():
                other = usd.get((each.provider, name, region))
                if price and other and abs(price / other - 1) > METAL:
                    yield f"{_name(each)} in {region} costs {price}, and {name} {other}"


def _size(each: MachineType) -> tuple[object, ...]:
    return each.provider, each.family, each.vcpus, each.memory_bytes, each.storage_bytes, each.accelerator_count


def _alternatives(cell: str | None) -> set[str]:
    return set(cell.split("|")) if cell else set()


def _name(row: MachineType | Price | Offering) -> str:
    return f"{row.provider} {row.instance_type}"


CHECKS: tuple[Check, ...] = (counted, known, computed, processed, accelerated, placed, priced, whole)
"""All of them."""
