"""A catalog with an overlay answers as one whole catalog of the same rows would."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Catalog, Content, Demand, MachineType, Price, Region
from cloudclusters.catalog.overlay import overlaid
from cloudclusters.catalog.overlay_files import Entry, Written
from cloudclusters.vocabulary import constrain, feature

NAMES, REGIONS = ("a.large", "b.large", "c.large"), ("us-east-1", "eu-west-1")
CPUS = st.integers(1, 8)
USD = st.sampled_from([0.5, 1.0, 2.0])
SOLD = st.tuples(st.sampled_from(NAMES), st.sampled_from(REGIONS))
PLACES = [Region("ec2", region) for region in REGIONS]


def _entry(kind: str, **cells: object) -> Entry:
    told = {"provider": "ec2", **cells}
    return Entry(kind=kind, where="f:1", cells={key: Written(cell, f"f:1: {key}") for key, cell in told.items()})


@st.composite
def overlays(draw: st.DrawFn) -> tuple[Content, list[Entry], Content]:
    """Rows below, rows over them, and what both are together, worked out by hand."""
    below = {name: draw(CPUS) for name in draw(st.sets(st.sampled_from(NAMES)))}
    prices = {key: usd for key, usd in draw(st.dictionaries(SOLD, USD)).items() if key[0] in below}
    cpus = draw(st.dictionaries(st.sampled_from(NAMES), CPUS))
    figures = {k: usd for k, usd in draw(st.dictionaries(SOLD, USD)).items() if k[0] in below or k[0] in cpus}
    entries = [_entry("type", instance_type=n, vcpus=count, memory_bytes=2**30) for n, count in cpus.items()]
    entries += [_entry("price", instance_type=n, region=region, usd=usd) for (n, region), usd in figures.items()]
    return _content(below, prices), draw(st.permutations(entries)), _content(below | cpus, prices | figures)


def _content(cpus: dict[str, int], prices: dict[tuple[str, str], float]) -> Content:
    return Content(
        types=tuple(MachineType("ec2", name, vcpus=count) for name, count in cpus.items()),
        prices=tuple(Price("ec2", name, region, usd) for (name, region), usd in prices.items()),
        regions=tuple(PLACES),
    )


def _offers(catalog: Catalog, asked: Sequence[Demand], regions: set[str] | None, *, best: bool) -> list[object]:
    return [each.offer for each in catalog.offers(asked, regions, best=best)]


@given(rows=overlays(), least=CPUS, regions=st.sampled_from([None, {"us-east-1"}, set(REGIONS)]), best=st.booleans())
@settings(deadline=None)
def test_an_overlay_answers_as_one_catalog_would(
    rows: tuple[Content, list[Entry], Content], least: int, regions: set[str] | None, *, best: bool
) -> None:
    """Types, what fits, offers in their order, and what is sold."""
    below, entries, together = rows
    asked: list[Demand] = [(feature("node_vcpus_count"), constrain(feature("node_vcpus_count"), f">={least}"))]
    with Catalog.build_from(below) as base, Catalog.build_from(together) as whole:
        both = base.joined(Catalog.build_from(overlaid(base, entries)))

        assert sorted(both.judge(asked), key=str) == sorted(whole.judge(asked), key=str)
        assert _offers(both, asked, regions, best=best) == _offers(whole, asked, regions, best=best)
        assert both.sold(regions, market=Market.ON_DEMAND) == whole.sold(regions, market=Market.ON_DEMAND)
        assert both.names() == whole.names()
        plain = [msgspec.structs.replace(p, source=None) for p in both.prices()]
        assert sorted(plain, key=str) == sorted(whole.prices(), key=str)
        assert both.regions() == whole.regions()
        both.close()
