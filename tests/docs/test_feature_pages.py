"""What the page of a feature shows: its examples find something, and its figures are those of the catalog."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from cloudclusters.api.contracts import contract_from_texts, resolve, select_texts
from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.catalog.values import Named, Numbers, is_told, names, numbers, told
from cloudclusters.cli.command.knowing import features
from cloudclusters.vocabulary import FEATURES, Use, feature

EXAMPLES = [(each.name, text) for each in FEATURES.values() for text in each.examples]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[text for _, text in EXAMPLES])
def test_an_example_finds_something(name: str, text: str) -> None:
    """As `select` answers it, or `resolve` where it is about the cluster; what no catalog tells chooses nothing."""
    if FEATURES[name].use is Use.CLUSTER:
        assert resolve(contract_from_texts([text, "cluster_locale=any"])).roles[0].choices
        return
    found = select_texts([text])
    assert len(found) > 0
    assert bool(found.warnings) is FEATURES[name].measured


def test_every_feature_has_an_example_and_a_meaning() -> None:
    """No page is empty."""
    assert [each.name for each in FEATURES.values() if not (each.examples and each.meaning)] == []


@pytest.fixture
def small() -> Iterator[Catalog]:
    """Three types of two providers, with an unknown number and alternatives."""
    rows = [
        MachineType("ec2", "a.x", family="a", vcpus=2, processor_model="Intel Xeon|AMD EPYC", simd="avx;avx2"),
        MachineType("ec2", "a.y", family="a", vcpus=8, simd="avx"),
        MachineType("gcp", "b-1", family="b"),
    ]
    with Catalog.build(rows, [Price("ec2", "a.x", "us-east-1", 0.5), Price("ec2", "a.y", "us-east-1")]) as catalog:
        yield catalog


def test_numbers_of_a_catalog(small: Catalog) -> None:
    """By provider, with how many are known."""
    assert numbers(small, feature("node_vcpus_count")) == [
        Numbers(provider="ec2", types=2, known=2, least=2, median=2, most=8),
        Numbers(provider="gcp", types=1, known=0),
    ]
    (price,) = numbers(small, feature("node_hourly_price"))
    assert (price.types, price.known, price.least) == (2, 1, 0.5)
    assert told(small, feature("node_vcpus_count")) == [
        "ec2: 2 to 8, half up to 2 (known of 2 of 2)",
        "gcp: known of 0 of 1",
    ]


def test_names_of_a_catalog(small: Catalog) -> None:
    """Alternatives and parts count each; what is unknown counts, too; beyond the most, the rest is counted."""
    assert names(small, feature("processor_simd")) == [Named("avx", 2), Named("", 1), Named("avx2", 1)]
    assert names(small, feature("processor")) == [Named("", 2), Named("AMD EPYC", 1), Named("Intel Xeon", 1)]
    assert names(small, feature("node_machinetype")) == [Named("a", 2), Named("b", 1)]
    assert names(small, feature("node_provider")) == [Named("ec2", 2), Named("gcp", 1)]
    assert names(small, feature("cluster_locale")) == [Named("us-east-1", 2)]
    assert told(small, feature("processor_simd"), most=1) == ["avx (2)", "2 more"]


def test_figures_are_those_of_the_packaged_rows() -> None:
    """Counted once more, from the rows themselves."""
    with Catalog.packaged() as catalog:
        rows = [m.memory_bytes for m in catalog.machine_types() if m.provider == "ec2" and m.memory_bytes is not None]
        found = next(each for each in numbers(catalog, feature("node_memory_size")) if each.provider == "ec2")
    assert (found.least, found.median, found.most) == (min(rows), statistics.median_low(rows), max(rows))
    assert found.known == len(rows)


def test_the_command_tells_the_same() -> None:
    """In the terminal, and as JSON."""
    shown = CliRunner().invoke(features, ["accelerator_type", "node_count", "node_dedicated"])
    rows = json.loads(CliRunner().invoke(features, ["accelerator_type", "--json"]).stdout)

    assert "GPU (" in shown.stdout
    assert "it is about the cluster" in shown.stdout
    assert "only a running machine" in shown.stdout
    assert any(line.startswith("GPU (") for line in rows[0]["in_catalog"])
    assert not is_told(feature("node_count"))
