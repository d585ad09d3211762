"""Builders for resolution: the catalog of CloudClusters' README, by hand, and contracts in text form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.document import Contract
from cloudclusters.contract.resolution import ProviderFacts, Resolution
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.settings import Settings

GiB = 2**30
HANDLE = "FXqElAnSeTEpQAm"
GPU = {"L4": ("Ada", 24), "H100 80GB": ("Hopper", 80)}

T3 = (("nano", 2, 0.5), ("micro", 2, 1), ("small", 2, 2), ("medium", 2, 4), ("large", 2, 8), ("xlarge", 4, 16))
G6 = (("", 4, 16, 1), ("2", 8, 32, 1), ("4", 16, 64, 1), ("8", 32, 128, 1), ("12", 48, 192, 4), ("16", 64, 256, 1))
G6_LARGE = (("24", 96, 384, 4), ("48", 192, 768, 8))
G2 = ((4, 16, 1), (8, 32, 1), (12, 48, 1), (16, 64, 1), (24, 96, 2), (32, 128, 1), (48, 192, 4), (96, 384, 8))
PRICES = {
    "t3.xlarge": 0.1664,
    "t3.large": 0.0832,
    "g6.24xlarge": 6.6752,
    "g6.48xlarge": 13.3504,
    "g2-standard-96": 8.00333,
    "p5.48xlarge": 55.04,
}


def machine(provider: str, name: str, vcpus: int, memory: float, count: int = 0, model: str = "") -> MachineType:
    """A row of the README's catalog."""
    cells: dict[str, str | int | float | None] = {"vcpus": vcpus, "memory_bytes": int(memory * GiB)}
    cells |= {"accelerator_count": count}
    if model:
        architecture, size = GPU[model]
        cells |= {"accelerator_model": f"NVIDIA {model}", "accelerator_manufacturer": "NVIDIA"}
        cells |= {"accelerator_architecture": architecture, "accelerator_type": "GPU"}
        cells |= {"accelerator_memory_bytes": size * GiB}
    return MachineType(provider, name, **cells)  # type: ignore[arg-type]  # each cell has its column's type


@pytest.fixture(scope="session")
def readme() -> Catalog:
    """The rows of the README's examples, with today's prices where it matters."""
    types = [machine("ec2", f"t3.{size}", cpus, memory) for size, cpus, memory in T3]
    types += [machine("ec2", f"g6.{n}xlarge", cpus, memory, gpus, "L4") for n, cpus, memory, gpus in (*G6, *G6_LARGE)]
    types += [machine("gcp", f"g2-standard-{n}", n, memory, gpus, "L4") for n, memory, gpus in G2]
    types += [machine("ec2", "p5.48xlarge", 192, 2048, 8, "H100 80GB")]
    region = {"ec2": "us-east-1", "gcp": "us-central1"}
    prices = [
        Price(t.provider, t.instance_type, region[t.provider], PRICES.get(t.instance_type, 1.0), date="2026-07-20")
        for t in types
    ]
    return Catalog.build(types, prices)


@pytest.fixture(scope="session")
def full() -> Catalog:
    """The packaged snapshot."""
    return Catalog.packaged()


@pytest.fixture
def facts() -> Mapping[str, ProviderFacts]:
    """Providers as on a fresh installation: this machine can be deployed, clouds cannot."""
    return {
        "local": ProviderFacts(name="local", cloud=False, shared=True),
        "gcp": ProviderFacts(name="gcp", installed=False, install="pip install 'cloudclusters[gcp]'"),
    }


Contracts = Callable[..., Contract]
Solve = Callable[..., Resolution]


@pytest.fixture
def contract() -> Contracts:
    """Make a contract of text forms."""

    def make(*texts: str, catalog: Catalog | None = None) -> Contract:
        return from_texts(texts, handle=HANDLE, created=1.0, catalog=catalog)

    return make


@pytest.fixture
def solve(contract: Contracts, facts: Mapping[str, ProviderFacts]) -> Solve:
    """Resolve text forms in a catalog."""

    def run(catalog: Catalog, *texts: str, settings: Settings | None = None) -> Resolution:
        return resolve(contract(*texts), catalog, settings or Settings(), providers=facts, at=1.8e9)

    return run
