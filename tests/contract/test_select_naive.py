"""`select` and `resolve` against whoever looks at every offer: the same machines, in the same order.

The naive side shares nothing with the package but `vocabulary.judge`, which says whether a cell satisfies a constraint:
no SQL, no groups, no columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_machines import INSTANCE, machines, names_of

from cloudclusters.catalog import Catalog, Demand, MachineType, Offering, Price, Region, cell_of
from cloudclusters.catalog.settling import settled
from cloudclusters.contract.build import make_contract
from cloudclusters.contract.resolution import KEPT
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.select import select
from cloudclusters.errors import InvalidContract, NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Range, Terms, Verdict, constrain, feature, judge

PLACES = {"ec2": ("us-east-1", "eu-west-1"), "gcp": ("us-central1", "europe-west1"), "azure": ("eastus", "westeurope")}
REFERENCE = {"ec2": "us-east-1", "gcp": "us-central1", "azure": "eastus"}
LOCALE, PRICE, PROVIDER = "cluster_locale", "node_hourly_price", "node_provider"
CHOSEN = [each for each in INSTANCE if each.name not in (LOCALE, PRICE) and not each.measured]

WHERE = ["us-east-1", "eu-west-1", "us-central1", "Europe", "America", "westeurope"]

usd = st.sampled_from([None, 0.5, 1.0, 2.5])
days = st.sampled_from([None, "2026-01-05", "2026-07-20"])


class Row(msgspec.Struct, frozen=True):
    """Where a type is sold, at what price; market `spot` too, and what the same costs on demand."""

    machine: MachineType
    region: str
    market: str
    usd: float | None
    day: str
    on_demand: float | None
    cluster: float | None = None


class World(msgspec.Struct, frozen=True):
    """What a catalog is made of."""

    types: tuple[MachineType, ...]
    prices: tuple[Price, ...]
    offerings: tuple[Offering, ...]

    def catalog(self) -> Catalog:
        """The catalog of it."""
        regions = [Region(provider, region) for provider, names in PLACES.items() for region in names]
        return Catalog.build(self.types, self.prices, offerings=self.offerings, regions=regions)


Asked = dict[str, Range | Terms]


@st.composite
def worlds(draw: st.DrawFn, of: Sequence[Feature]) -> World:
    """Some types, with any prices, some of them only known to be sold, some known nowhere."""
    one = machines(of=of, most=5)
    found = draw(st.lists(one, min_size=1, max_size=4, unique_by=lambda m: (m.provider, m.instance_type)))
    types = tuple(msgspec.structs.replace(each, spot=draw(st.sampled_from([None, True, False]))) for each in found)
    prices, offerings = [], []
    for each in types:
        for region in ("", *PLACES.get(each.provider, ())):
            known = draw(st.sampled_from(["price", "offering", "both", "nothing"]))
            if known in ("price", "both"):
                figures = {"usd": draw(usd), "spot_usd": draw(usd), "date": draw(days), "spot_date": draw(days)}
                prices.append(Price(each.provider, each.instance_type, region, **figures))  # type: ignore[arg-type]
            if known in ("offering", "both") and region:
                offerings.append(Offering(each.provider, each.instance_type, region))
    return World(types, tuple(prices), tuple(offerings))


@st.composite
def constraints_on(draw: st.DrawFn, each: Feature) -> Range | Terms:
    """A constraint of the feature's kind; often one that something satisfies."""
    if each.kind is Kind.QUANTIFIER:
        ends = [(None, 8), (2, None), (4, 4), (1, 20), (0.5, None), (None, None), (2**40, None)]
        return Range(*draw(st.sampled_from(ends)))
    names = st.lists(st.sampled_from(names_of(each, 5)), max_size=2, unique=True).map(tuple)
    newer = draw(st.sampled_from(["", "", *names_of(each, 5)]))
    return Terms(draw(names), draw(names), newer)


@st.composite
def cases(draw: st.DrawFn) -> tuple[World, Asked]:
    """A world, and constraints on a few features that its machines have; often on provider, place and price."""
    chosen = draw(st.lists(st.sampled_from(CHOSEN), max_size=3, unique_by=lambda f: f.name))
    asked: Asked = {each.name: draw(constraints_on(each)) for each in chosen}
    if draw(st.booleans()):
        asked[PROVIDER] = Terms(tuple(draw(st.lists(st.sampled_from([*PLACES, "local"]), min_size=1, unique=True))))
    if draw(st.booleans()):
        asked[PRICE] = draw(st.sampled_from([Range(None, 1.0), Range(0.75, None), Range(0.5, 0.5), Range()]))
    if draw(st.booleans()):
        some = st.lists(st.sampled_from(WHERE), max_size=2, unique=True).map(tuple)
        asked[LOCALE] = Terms(draw(some), draw(st.one_of(st.just(()), some)))
    return draw(worlds(chosen)), asked


def readable(asked: Asked, catalog: Catalog) -> Asked:
    """The constraints as a contract has them; gives the example up where one is refused."""
    try:
        make_contract(asked, handle="A" * 15, catalog=catalog)
        return {name: constrain(feature(name), each) for name, each in asked.items()}
    except InvalidContract:
        assume(False)
        raise


def _allowed(machine: MachineType, asked: Asked, *, reference: bool) -> set[str] | None:
    """The regions at the machine's provider that the contract allows; None is any."""
    if LOCALE in asked:
        locale = asked[LOCALE]
        if locale == Terms():
            return None
        return {r for r in PLACES.get(machine.provider, ()) if judge(feature(LOCALE), locale, r) is Verdict.MET}
    if reference and machine.provider in REFERENCE:
        return {REFERENCE[machine.provider]}
    return None


def _is_like(machine: MachineType, asked: Asked, *, possible: bool) -> bool:
    """Whether every cell satisfies what is asked of it, and its provider is a cloud where none is named."""
    demands: list[Demand] = [(FEATURES[name], each) for name, each in asked.items() if name not in (LOCALE, PRICE)]
    if PROVIDER not in asked:
        demands.append((feature(PROVIDER), Terms(("CloudProvider",))))
    return all(
        f.measured or judge(f, each, cell_of(machine, f), possible=possible) is Verdict.MET  # type: ignore[arg-type]
        for f, each in demands
    )


def _rows(world: World, machine: MachineType, regions: set[str] | None, market: str, *, stated: bool) -> list[Row]:
    """Everywhere that the machine is sold within these regions; of no known place only where no place is `stated`."""
    if market == "spot" and machine.spot is False:
        return []
    mine = (machine.provider, machine.instance_type)
    prices = {p.region: p for p in world.prices if (p.provider, p.instance_type) == mine}
    sold = {*prices, *(o.region for o in world.offerings if (o.provider, o.instance_type) == mine)}
    rows = []
    for region in sold:
        if region and regions is not None and region not in regions:
            continue
        price = prices.get(region)
        on_demand = None if price is None else price.usd
        figure, day = on_demand, "" if price is None else price.date
        if market == "spot":
            figure, day = (None, "") if price is None else (price.spot_usd, price.spot_date)
        rows.append(Row(machine, region, market, figure, (figure is not None and day) or "", on_demand))
    if not rows and (regions is None or not (sold or stated)):
        return [Row(machine, "", market, None, "", None)]
    return rows


def _surplus(machine: MachineType, asked: Asked) -> float:
    """Doublings beyond what is asked for, summed."""
    doublings = []
    for name, each in asked.items():
        cell = cell_of(machine, FEATURES[name])
        if isinstance(each, Range) and each.low and isinstance(cell, int | float) and cell > 0:
            doublings.append(math.log2(cell / each.low))
    return math.fsum(doublings)


def _price(row: Row, nodes: int) -> float | None:
    """What all nodes cost: of spot machines, the first is bought on demand."""
    if row.market == "on-demand":
        return None if row.usd is None else nodes * row.usd
    parts = [(1, row.on_demand), (nodes - 1, row.usd)]
    return None if any(n and p is None for n, p in parts) else sum(n * p for n, p in parts if p is not None)


def naive(
    world: World,
    asked: Asked,
    *,
    markets: Sequence[str] = ("on-demand",),
    nodes: int = 1,
    cap: float | None = None,
    reference: bool = False,
    possible: bool = False,
) -> list[Row]:
    """Every offer that fits, the best first."""
    found = []
    for machine in (settled(each, {}) for each in world.types):
        if not _is_like(machine, asked, possible=possible):
            continue
        for market in markets if machine.provider in PLACES else ["on-demand"]:  # only clouds have a spot market
            regions = _allowed(machine, asked, reference=reference)
            for row in _rows(world, machine, regions, market, stated=LOCALE in asked):
                cluster = _price(row, nodes)
                limit = asked.get(PRICE, Range())
                dear = limit != Range() and judge(feature(PRICE), limit, row.usd) is not Verdict.MET
                if not dear and (cap is None or (cluster is not None and cluster <= cap)):
                    found.append(msgspec.structs.replace(row, cluster=cluster))

    def order(row: Row) -> tuple[object, ...]:
        day = -int(row.day.replace("-", "") or 0)
        names = (row.region != "", row.region, row.machine.instance_type, row.machine.provider)
        return (row.cluster is None, row.cluster or 0.0, _surplus(row.machine, asked), day, *names)

    return sorted(found, key=order)


NAIVE = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])


@NAIVE
@given(case=cases(), possible=st.booleans())
def test_select_is_what_everybody_finds_who_looks_at_all(case: tuple[World, Asked], *, possible: bool) -> None:
    """Each fitting type once, with the best of its offers; by that offer's rank."""
    world, asked = case
    with world.catalog() as catalog:
        constraints = readable(asked, catalog)
        found = select({**asked, "possible": possible}, catalog, providers={})

    best: dict[tuple[str, str], Row] = {}
    for row in naive(world, constraints, possible=possible):
        best.setdefault((row.machine.provider, row.machine.instance_type), row)
    assert [
        (c.offer.provider, c.offer.instance_type, c.offer.place.region, c.offer.hourly_usd, c.offer.price_date)
        for c in found.choices
    ] == [(*name, row.region, row.usd, row.day) for name, row in best.items()]
    assert found.names == [name for _, name in best]
    assert found.considered == len(world.types)
    assert bool(found.reason) is not bool(best)


@NAIVE
@given(
    case=cases(),
    market=st.sampled_from(["on-demand", "spot", "any"]),
    nodes=st.integers(1, 3),
    cap=st.sampled_from([None, None, 2.0, 4.0]),
    possible=st.booleans(),
)
def test_resolve_is_what_everybody_finds_who_looks_at_all(
    case: tuple[World, Asked], market: str, nodes: int, cap: float | None, *, possible: bool
) -> None:
    """Every fitting offer, in order, with the price of the whole cluster; else no match."""
    world, asked = case
    markets = ["on-demand", "spot"] if market == "any" else [market]
    with world.catalog() as catalog:
        constraints = readable(asked, catalog)
        capped = {} if cap is None else {"cluster_hourly_price": Range(None, cap)}
        more = {"market": market, "node_count": nodes, "possible": possible}
        contract = make_contract({**asked, **more, **capped}, handle="A" * 15, catalog=catalog)
        try:
            role = resolve(contract, catalog, Settings(), providers={}).roles[0]
            found, total = role.choices, role.total
        except NoMatch:
            found, total = (), 0

    expected = naive(world, constraints, markets=markets, nodes=nodes, cap=cap, reference=True, possible=possible)
    assert total == len(expected)
    assert [
        (
            c.offer.provider,
            c.offer.instance_type,
            c.offer.place.region,
            str(c.offer.market),
            c.offer.hourly_usd,
            c.cluster_usd,
        )
        for c in found
    ] == [(r.machine.provider, r.machine.instance_type, r.region, r.market, r.usd, r.cluster) for r in expected[:KEPT]]
