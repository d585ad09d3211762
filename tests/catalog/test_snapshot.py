"""The packaged snapshot holds the facts that it was made from, and says where they come from."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloudclusters.catalog import (
    NONE,
    Accelerator,
    AcceleratorArchitecture,
    Catalog,
    MachineType,
    Microarchitecture,
    Processor,
    cell_of,
)
from cloudclusters.catalog.catalog import SNAPSHOT
from cloudclusters.catalog.schema import digest_of
from cloudclusters.vocabulary import FEATURES, Feature, Kind, taxonomy
from cloudclusters.vocabulary.taxonomy import Shape

GIB, MIB, GIGA = 2**30, 2**20, 10**9

KNOWN = [
    ("ec2", "t3.xlarge", {"vcpus": 4, "cores": 2, "memory_bytes": 16 * GIB, "family": "t3", "category": "general"}),
    ("ec2", "t3.xlarge", {"network_bps": 1_024_000_000, "network_burst_bps": 5 * GIGA, "clock_hz": 2_500_000_000}),
    ("ec2", "t3.xlarge", {"accelerator_count": 0, "accelerator_model": NONE, "accelerator_memory_bytes": 0}),
    ("ec2", "g6.48xlarge", {"vcpus": 192, "memory_bytes": 768 * GIB, "network_bps": 100 * GIGA}),
    ("ec2", "g6.48xlarge", {"accelerator_count": 8, "accelerator_model": "NVIDIA L4"}),
    ("ec2", "g6.48xlarge", {"accelerator_architecture": "Ada", "accelerator_memory_bytes": 24 * GIB}),
    ("ec2", "g6.48xlarge", {"accelerator_memory_reported_bytes": 22888 * MIB, "storage_bytes": 7520 * GIGA}),
    ("ec2", "p5.48xlarge", {"accelerator_count": 8, "accelerator_architecture": "Hopper", "vcpus": 192}),
    ("ec2", "p5.48xlarge", {"accelerator_memory_bytes": 80 * GIB, "network_bps": 3200 * GIGA, "rdma": "efa"}),
    ("ec2", "g6f.large", {"accelerator_count": 0.125, "accelerator_memory_bytes": 3 * GIB}),
    ("gcp", "g4-standard-6", {"accelerator_count": 0.125, "accelerator_memory_bytes": 12 * GIB}),
    ("azure", "Standard_NV6ads_A10_v5", {"accelerator_count": 0.167, "accelerator_memory_bytes": 4 * GIB}),
    ("azure", "Standard_E16-4ads_v5", {"vcpus": 4, "memory_bytes": 128 * GIB}),
    ("azure", "Standard_E16-4ads_v5", {"processor_microarchitecture": "Zen3|Zen4", "clock_hz": None}),
    ("azure", "Standard_ND96asr_v4", {"rdma": "ib", "rdma_bps": 1600 * GIGA, "network_burst_bps": 24 * GIGA}),
    ("azure", "Standard_ND96is_MI300X_v5", {"accelerator_count": None, "accelerator_memory_bytes": 192 * GIB}),
    ("azure", "Standard_B1ls", {"memory_bytes": None}),
]


@pytest.mark.parametrize(("provider", "name", "cells"), KNOWN)
def test_cells_that_people_know_by_heart(packaged: Catalog, provider: str, name: str, cells: dict[str, object]) -> None:
    """Units, nominal memory, shares of devices, usable vCPUs and unknown cells are as the pitfalls ask."""
    machine = packaged.machine_type(provider, name)

    assert machine is not None
    assert {column: getattr(machine, column) for column in cells} == cells


def test_all_types_and_prices_are_there(packaged: Catalog) -> None:
    """Nothing of the input is lost."""
    with closing(sqlite3.connect(f"{SNAPSHOT.as_uri()}?mode=ro", uri=True)) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("type", "price", "offering")
        }

    assert counts == {"type": 3467, "price": 57707, "offering": 35242}
    assert len(packaged.machine_types()) == len(packaged.names()) == 3467
    assert len(packaged.regions()) == 142
    tables = Processor, Accelerator, Microarchitecture, AcceleratorArchitecture
    assert [len(packaged.table(kind)) for kind in tables] == [79, 44, 35, 27]


def test_digest_is_that_of_the_rows(packaged: Catalog) -> None:
    """A digest in a resolution can be checked against the file."""
    with closing(sqlite3.connect(f"{SNAPSHOT.as_uri()}?mode=ro", uri=True)) as connection:
        assert digest_of(connection) == packaged.digest


def test_a_price_keeps_its_date_and_its_spot_figures(packaged: Catalog) -> None:
    """Prices are exact, dated, and an average saving is not made a price."""
    prices = {price.region: price for price in packaged.prices_of("ec2", "g6.48xlarge")}

    virginia = prices["us-east-1"]
    assert (virginia.usd, virginia.date, virginia.spot_usd) == (13.3504, "2026-07-20", None)
    assert (virginia.spot_savings_percent, virginia.spot_interruption_percent) == (69, 100)


def test_a_google_price_has_spot(packaged: Catalog) -> None:
    """Spot prices are there where the provider publishes them."""
    prices = {price.region: price for price in packaged.prices_of("gcp", "c4-standard-8")}

    africa = prices["africa-south1"]
    assert (africa.usd, africa.spot_usd, africa.spot_date) == (0.435309, 0.23881, "2026-08-03")


def test_zones_have_their_full_names(packaged: Catalog) -> None:
    """What the catalog calls a zone can be sent to the provider."""
    offerings = {o.region: o for o in packaged.offerings_of("ec2", "t3.xlarge")}

    assert offerings["af-south-1"].zones == ("af-south-1a", "af-south-1b", "af-south-1c")
    assert set(offerings["us-east-1"].zones) <= set(packaged.zones("us-east-1"))


@pytest.mark.parametrize("feature", [f for f in FEATURES.values() if f.column], ids=lambda f: f.name)
def test_every_feature_has_a_column_of_its_kind(packaged: Catalog, feature: Feature) -> None:
    """A feature that names a column finds it, numbers for quantifiers and names for qualifiers."""
    cells = {cell_of(machine, feature) for machine in packaged.machine_types()}

    kinds = (int, float) if feature.kind is Kind.QUANTIFIER else (str,)
    assert cells - {None}
    assert all(isinstance(cell, kinds) for cell in cells if cell is not None)


def test_closed_taxonomies_know_every_name_of_the_snapshot(packaged: Catalog) -> None:
    """No cell is unknown only because the vocabulary lags behind the catalog."""
    strange = set()
    for feature in FEATURES.values():
        if feature.kind is Kind.QUALIFIER and feature.column and taxonomy(feature.taxonomy).shape is Shape.CLOSED:
            names = taxonomy(feature.taxonomy)
            cells = {cell_of(machine, feature) for machine in packaged.machine_types()} - {None}
            alternatives = {name for cell in cells for name in str(cell).split("|")}
            strange |= {(feature.name, name) for name in alternatives if not names.knows(name)}

    assert strange == set()


def test_every_source_is_attributed(packaged: Catalog) -> None:
    """The attribution that ships with the snapshot has a row for each source that a type names."""
    text = (SNAPSHOT.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| ([\w-]+) \|", text, flags=re.MULTILINE))
    used = {code for machine in packaged.machine_types() for code in (machine.source or "").split(";")}

    assert used <= rows
    assert "Contains facts from: moto (Apache-2.0)" in text
    assert packaged.date in text


def test_snapshot_is_small() -> None:
    """The snapshot does not make the package heavy."""
    assert SNAPSHOT.stat().st_size <= 4 * 10**6


def test_snapshot_can_be_read_from_a_folder_without_write_access(tmp_path: Path) -> None:
    """An installed package may be read-only, and reading leaves nothing beside the file."""
    copy = tmp_path / "a folder?" / "snapshot#1.sqlite"
    copy.parent.mkdir()
    copy.write_bytes(SNAPSHOT.read_bytes())
    copy.parent.chmod(0o500)
    try:
        with Catalog.open(copy) as catalog:
            assert isinstance(catalog.machine_type("ec2", "t3.xlarge"), MachineType)
        assert list(copy.parent.iterdir()) == [copy]
    finally:
        copy.parent.chmod(0o700)
