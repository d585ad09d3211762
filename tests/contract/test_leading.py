"""The first options, of the types that can have any, are those of whoever ranks all."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Candidate, Catalog, MachineType, Offering, Price, Purchase, Region, Tally, tallying
from cloudclusters.catalog import offers as catalog_offers
from cloudclusters.catalog.frontier import undercut
from cloudclusters.contract import leading, rank, world
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.elsewhere import best_at, best_in
from cloudclusters.contract.place import zones_in
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import first_options, resolve, world_of
from cloudclusters.contract.world import offered, places_of, roles_of
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import POLICIES
from cloudclusters.vocabulary import Constraint

REGIONS = {"ec2": ("us-east-1", "eu-west-1"), "gcp": ("us-central1", "europe-west1")}
SOME, FEW = 3, 1
"""As many options are kept here, so that a few types are more than enough."""

usd = st.sampled_from([None, 0.1, 0.3, 1.0, 2.5])
days = st.sampled_from([None, "2026-01-05", "2026-07-20"])


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """Some types at two providers, each sold here and there, at prices that are known or not."""
    types, prices, offerings = [], list[Price](), list[Offering]()
    for number in range(draw(st.integers(1, 8))):
        provider, name = draw(st.sampled_from([*REGIONS])), f"m{number}"
        size = draw(st.sampled_from([2, 4, 16]))
        spot = draw(st.sampled_from([None, True, False]))
        clock = draw(st.sampled_from([None, 2 * 10**9, 3 * 10**9]))
        types.append(MachineType(provider, name, vcpus=size, cores=size // 2, clock_hz=clock, spot=spot))
        for region in ("", *REGIONS[provider]):
            known = draw(st.sampled_from(["price", "offering", "both", "nothing"]))
            if known in ("price", "both"):
                prices.append(
                    Price(provider, name, region, draw(usd), draw(usd), date=draw(days), spot_date=draw(days))
                )
            if known in ("offering", "both") and region:
                offerings.append(Offering(provider, name, region))
    regions = [Region(provider, region) for provider, names in REGIONS.items() for region in names]
    return Catalog.build(types, prices, offerings=offerings, regions=regions)


wishes = st.fixed_dictionaries(
    {"market": st.sampled_from(["on-demand", "spot", "any"]), "policy": st.sampled_from(POLICIES)},
    optional={
        "node_count": st.sampled_from(["3", "2..6", "1.."]),
        "total_vcpus": st.sampled_from([">=8", ">=30", "=16"]),
        "node_vcpus_count": st.sampled_from([">=2", "<=4"]),
        "cluster_locale": st.sampled_from(["any", "Europe", "us-east-1"]),
        "node_hourly_price": st.sampled_from(["<=1", ">=0.3", ">=0"]),
        "cluster_hourly_price": st.sampled_from(["<=0.9", "<=3", ">=1", "0.3..2.4"]),
        "max_price": st.sampled_from(["0.2", "1"]),
        "on_demand_base": st.sampled_from([0, 2]),
        "on_demand_percent": st.sampled_from([0, 50]),
    },
)


def written(wish: dict[str, object]) -> dict[str, object]:
    """The wish with a number of nodes that it can have."""
    open_number = "total_vcpus" not in wish and not str(wish.get("node_count", "1")).isdecimal()
    return {**wish, "node_count": "2"} if open_number else wish


@settings(deadline=None, max_examples=150)
@given(catalog=catalogs(), wish=wishes, installed=st.sets(st.sampled_from([*REGIONS])))
def test_first_options_are_those_of_whoever_ranks_all(
    catalog: Catalog, wish: dict[str, object], installed: set[str]
) -> None:
    """The same choices with the same ranks, and as many options of the same types; nothing where there is none."""
    facts = {name: ProviderFacts(name=name, installed=name in installed) for name in REGIONS}
    kept = {"KEPT": SOME, "KEPT_DEPLOYABLE": FEW}
    with catalog, patch.multiple(leading, **kept), patch.multiple(rank, **kept):
        contract = make_contract(written(wish), handle="A" * 15, catalog=catalog)
        world = world_of(contract, catalog, Settings(), facts)
        (role,) = roles_of(contract, world)
        at = places_of(role, world)
        order = leading.whole(rank.ranked([role], [offered(role, world, at)], at, world)[0])
        try:
            _, (found,) = first_options([role], world)
        except NoMatch:
            found = leading.whole([])
        choices = [rank.choices(each.first, world, partners=False) for each in (order, found)]
        counts = [(each.total, each.types) for each in (order, found)]

    assert choices[0] == choices[1]
    assert counts[0] == counts[1]


@settings(deadline=None, max_examples=100)
@given(catalog=catalogs(), wish=wishes, managed=st.booleans())
def test_all_regions_at_once_are_each_of_them_alone(
    catalog: Catalog, wish: dict[str, object], *, managed: bool
) -> None:
    """The best option in each region where the contract does not look, and none where nothing fits."""
    more = {"cluster_type": "ManagerWorkers"} if managed and "total_vcpus" not in wish else {}
    with catalog:
        contract = make_contract({**written(wish), **more}, handle="A" * 15, catalog=catalog)
        world = world_of(contract, catalog, Settings(), {})
        roles = roles_of(contract, world)
        groups = [(provider, region) for provider, names in REGIONS.items() for region in names]
        alone = {group: best_at(roles, world, *group)[0] for group in groups}
        together = best_in(roles, world, groups)

    for place in range(len(roles)):
        assert together[place] == {group: best[place] for group, best in alone.items() if best}


@settings(deadline=None, max_examples=150)
@given(
    catalog=catalogs(),
    regions=st.sampled_from([None, frozenset({"us-east-1"}), frozenset({"eu-west-1", "europe-west1"})]),
    market=st.sampled_from(Market),
    most=st.sampled_from([None, 0.2, 1.0]),
    unplaced=st.booleans(),
    counts=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any), min_size=1, max_size=3),
    many=st.sampled_from([0, 1000]),
    few=st.sampled_from([0, 1000]),
)
def test_tallies_are_what_counting_offers_gives(
    catalog: Catalog,
    regions: frozenset[str] | None,
    market: Market,
    most: float | None,
    *,
    unplaced: bool,
    counts: list[tuple[int, int]],
    many: int,
    few: int,
) -> None:
    """As many offers of each type as there are to read, those of an unknown price among them; and the lowest price of
    so many machines, which may differ from type to type. However many types and regions are asked for.
    """
    spot = market is Market.SPOT
    with catalog, patch.object(tallying, "_MANY", many), patch.object(catalog_offers, "_FEW", few):
        names = [(each.provider, each.instance_type) for each in catalog.machine_types()]
        wishes = {name: counts[at % len(counts)] if spot else (at % 3 + 1, 0) for at, name in enumerate(names)}
        purchase = Purchase(regions=regions, market=market, most=most, unplaced=unplaced)
        found = catalog.tallies(wishes, purchase)
        double = catalog.tallies({name: (2 * steady, 2 * rest) for name, (steady, rest) in wishes.items()}, purchase)
        offers = [each.offer for each in catalog.offers([], regions, market=market, unplaced=unplaced)]

    counted: dict[tuple[str, str], list[float | None]] = {}
    for offer in offers:
        dear = spot and most is not None and offer.hourly_usd is not None and offer.hourly_usd > most
        if offer.available and not dear:
            steady, rest = wishes[offer.provider, offer.instance_type]
            figures = (offer.on_demand_usd if spot else offer.hourly_usd, offer.hourly_usd)
            parts = [(many, usd) for many, usd in zip((steady, rest), figures, strict=True) if many]
            known = None not in [usd for _, usd in parts]
            cost = round(sum(many * (usd or 0.0) for many, usd in parts), 6) if known else None
            counted.setdefault((offer.provider, offer.instance_type), []).append(cost)
    assert found == {
        name: Tally(len(prices), min((usd for usd in prices if usd is not None), default=None))
        for name, prices in counted.items()
    }
    twice = {name: None if each.lowest is None else round(2 * each.lowest, 6) for name, each in found.items()}
    assert {name: each.lowest for name, each in double.items()} == twice


@settings(deadline=None, max_examples=150)
@given(
    catalog=catalogs(),
    regions=st.sampled_from([None, frozenset({"us-east-1"}), frozenset({"eu-west-1", "europe-west1"})]),
)
def test_the_frontier_is_what_no_figure_undercuts(catalog: Catalog, regions: frozenset[str] | None) -> None:
    """Of every type, whether one offer is the cheapest on both markets, or there are several, or a price is unknown."""
    with catalog:
        for provider in catalog.providers():
            figures = catalog.figures(provider, regions)
            expected = {name: list(undercut(pairs)) for name, pairs in figures.items()}
            for _ in range(2):  # asked again, it is what was kept
                found = catalog.frontier(provider, regions)
                assert {name: list(pairs) for name, pairs in found.items()} == expected


def test_regions_whose_zones_are_not_told_apart_are_counted_where_nothing_fits(full: Catalog) -> None:
    """One zone is excluded: only the offers of its region are read, and each region is asked for its zones once."""
    texts = {"total_vcpus": ">=448", "cluster_hourly_price": "<=0.5", "cluster_locale": "!=us-east-1a"}
    read, asked, every = list[int](), list[str](), Catalog.offers

    def offers(self: Catalog, *args: object, **options: object) -> list[Candidate]:
        found = every(self, *args, **options)  # type: ignore[arg-type]  # as they came
        read.append(len(found))
        return found

    def zones(locale: Constraint | None, region: str, known: Sequence[str]) -> tuple[str, ...] | None:
        asked.append(region)
        return zones_in(locale, region, known)

    with (
        patch.object(Catalog, "offers", offers),
        patch.object(world, "zones_in", zones),
        pytest.raises(NoMatch) as caught,
    ):
        resolve(make_contract(texts, handle="A" * 15), full, Settings(), providers={})
    assert caught.value.relaxations
    assert sum(read) < len(full.prices()) / 4
    assert len(asked) < 10 * len(full.regions())
