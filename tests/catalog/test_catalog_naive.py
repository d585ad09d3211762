"""The catalog's SQL has the answers of the naive definition, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.catalog import Catalog, Demand, Judged, MachineType, cell_of
from cloudclusters.catalog.schema import NUMBER_COLUMNS, settled
from cloudclusters.vocabulary import (
    FEATURES,
    Feature,
    Kind,
    Range,
    Terms,
    Use,
    Verdict,
    constrain,
    feature,
    judge,
    taxonomy,
)

INSTANCE = [f for f in FEATURES.values() if f.use is Use.INSTANCE]
NUMBERS = st.one_of(st.none(), st.integers(0, 20), st.sampled_from([0.125, 0.5, 2.5, 2**40, 2**63 - 1]))
ENDS = st.one_of(NUMBERS, st.sampled_from([2**63, 2**70, -(2**63), 1e300, 1e-300]))
TYPE_NAMES = ["t3.xlarge", "t3.micro", "g6.48xlarge", "n2-standard-4", "Standard_D2s_v3", "Standard_E16-4ads_v5"]


def _names_of(each: Feature) -> list[str]:
    if each.taxonomy == "machine_type":
        return [*TYPE_NAMES, "t3", "g6", "n2", "Dsv3"]
    return [*taxonomy(each.taxonomy).terms()[:40], "something new"]


def _cells(each: Feature) -> st.SearchStrategy[object]:
    if each.column in NUMBER_COLUMNS:
        return NUMBERS
    joint = ";" if each.taxonomy == "simd" else "|"
    return st.one_of(st.none(), st.lists(st.sampled_from(_names_of(each)), min_size=1, max_size=3).map(joint.join))


@st.composite
def machines(draw: st.DrawFn) -> MachineType:
    """A machine type with any cells in the columns that features name."""
    columns = {f.column: f for f in INSTANCE if f.column and f.column not in ("provider", "instance_type")}
    cells = {column: draw(_cells(each)) for column, each in columns.items()}
    provider, name = draw(st.sampled_from(["ec2", "gcp", "azure", "local"])), draw(st.sampled_from(TYPE_NAMES))
    return MachineType(provider, name, **cells)  # type: ignore[arg-type]


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    """A feature with any constraint of its kind."""
    each = draw(st.sampled_from(INSTANCE))
    if each.kind is Kind.QUANTIFIER:
        return each, Range(draw(ENDS), draw(ENDS))
    names = st.sampled_from(_names_of(each))
    some = st.lists(names, max_size=2, unique=True).map(tuple)
    return each, Terms(draw(some), draw(some), draw(st.one_of(st.just(""), names)))


def naive(machine: MachineType, asked: list[Demand], *, possible: bool) -> Judged:
    """What `judge` says of each cell, as masks."""
    verdicts = [judge(f, constraint, cell_of(machine, f), possible=possible) for f, constraint in asked]  # type: ignore[arg-type]
    met, unknown = (
        sum(1 << bit for bit, verdict in enumerate(verdicts) if verdict is wanted)
        for wanted in (Verdict.MET, Verdict.UNKNOWN)
    )
    return Judged(machine.provider, machine.instance_type, met, unknown)


@given(
    rows=st.lists(machines(), max_size=5, unique_by=lambda m: (m.provider, m.instance_type)),
    asked=st.lists(demands(), max_size=4),
    possible=st.booleans(),
)
@settings(deadline=None)
def test_sql_agrees_with_the_definition(rows: list[MachineType], asked: list[Demand], *, possible: bool) -> None:
    """Whatever the rows and the constraints, met and unknown are what the vocabulary says of each cell."""
    with Catalog.build(rows) as catalog:
        answer = catalog.judge(asked, possible=possible)
        fits = {(c.offer.provider, c.offer.instance_type) for c in catalog.offers(asked, possible=possible)}

    expected = [naive(settled(m), asked, possible=possible) for m in rows]
    assert answer == sorted(expected, key=lambda row: (row.provider, row.instance_type))
    everything = (1 << len(asked)) - 1
    assert fits == {(row.provider, row.instance_type) for row in expected if row.met == everything}


WRITTEN = [
    {"node_memory_size": ">=512G", "accelerator_count": 8, "accelerator_architecture": "Ada"},
    {"accelerator_count": ">=1", "accelerator_architecture": ">=Ada", "accelerator_memory_size": "16G..24G"},
    {"processor_microarchitecture": ">=Zen3", "node_vcpus_count": "8..16"},
    {"processor_simd": "avx512f", "node_provider": "azure"},
    {"node_machinetype": "t3|Dsv3", "node_hourly_price": "<=1"},
    {"accelerator_count": "0.1..0.9", "accelerator_manufacturer": "!=NVIDIA"},
]


@pytest.mark.parametrize("written", WRITTEN, ids=str)
@pytest.mark.parametrize("possible", [False, True])
def test_sql_agrees_on_the_packaged_snapshot(packaged: Catalog, written: dict[str, object], possible: bool) -> None:
    """The same on every real row."""
    asked: list[Demand] = [(feature(name), constrain(feature(name), value)) for name, value in written.items()]

    assert packaged.judge(asked, possible=possible) == [
        naive(machine, asked, possible=possible) for machine in packaged.machine_types()
    ]
