"""The catalog's SQL has the answers of the naive definition, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_machines import demands, machines

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Catalog, Demand, Judged, MachineType, Price, cell_of
from cloudclusters.catalog.settling import settled
from cloudclusters.vocabulary import Verdict, constrain, feature, judge


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

    expected = [naive(settled(m, {}), asked, possible=possible) for m in rows]
    assert answer == sorted(expected, key=lambda row: (row.provider, row.instance_type))
    everything = (1 << len(asked)) - 1
    assert fits == {(row.provider, row.instance_type) for row in expected if row.met == everything}


PRICED = st.tuples(st.sampled_from(["us-east-1", "eu-west-1", ""]), st.sampled_from([0.5, 1.0, None]))


@given(
    rows=st.lists(machines(), max_size=5, unique_by=lambda m: (m.provider, m.instance_type)),
    prices=st.lists(st.lists(PRICED, max_size=3, unique_by=lambda price: price[0]), min_size=5, max_size=5),
    regions=st.sampled_from([None, {"us-east-1"}, {"us-east-1", "eu-west-1"}, {"elsewhere"}]),
    market=st.sampled_from(Market),
)
@settings(deadline=None)
def test_what_is_sold_is_what_is_offered(
    rows: list[MachineType],
    prices: list[list[tuple[str, float | None]]],
    regions: set[str] | None,
    market: Market,
) -> None:
    """The types and their lowest prices, as all offers in these regions tell; a price without a place is everywhere."""
    known = [
        Price(machine.provider, machine.instance_type, region, usd, spot_usd=usd)
        for machine, sold in zip(rows, prices, strict=False)
        for region, usd in sold
    ]
    with Catalog.build(rows, known) as catalog:
        lowest: dict[tuple[str, str], float | None] = {}
        for each in catalog.offers([], regions, market=market):
            if each.offer.available:
                lowest.setdefault((each.offer.provider, each.offer.instance_type), each.offer.hourly_usd)
        assert catalog.sold(regions, market=market) == lowest


WRITTEN = [
    {"node_memory_size": ">=512G", "accelerator_count": 8, "accelerator_architecture": "Ada"},
    {"accelerator_count": ">=1", "accelerator_architecture": ">=Ada", "accelerator_memory_size": "16G..24G"},
    {"processor_microarchitecture": ">=Zen3", "node_vcpus_count": "8..16"},
    {"processor_simd": "avx512f", "node_provider": "azure"},
    {"node_machinetype": "t3|Dsv3", "node_hourly_price": "<=1"},
    {"accelerator_count": "0.1..0.9", "accelerator_manufacturer": "!=NVIDIA"},
    {"accelerator_memory_type": "HBM", "accelerator_processor": "GH100|GA100"},
    {"accelerator_api": "CUDA 8.0+OpenCL", "node_virtual": "No"},
    {"accelerator_memory_type": "none", "accelerator_api": "none", "node_virtual": "Yes"},
]


@pytest.mark.parametrize("written", WRITTEN, ids=str)
@pytest.mark.parametrize("possible", [False, True])
def test_sql_agrees_on_the_packaged_snapshot(packaged: Catalog, written: dict[str, object], possible: bool) -> None:
    """The same on every real row."""
    asked: list[Demand] = [(feature(name), constrain(feature(name), value)) for name, value in written.items()]

    assert packaged.judge(asked, possible=possible) == [
        naive(machine, asked, possible=possible) for machine in packaged.machine_types()
    ]
