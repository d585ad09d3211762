"""What resolution looks at: a catalog, the configuration and the providers; and what a role asks of them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.catalog import Candidate, Catalog, Demand, Judged
from cloudclusters.contract.disk import SIZE, stands_in
from cloudclusters.contract.document import NODES, Contract
from cloudclusters.contract.place import LOCALE, Places, names_zones, places, zones_in
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.sizing import Sizing, sizing_of
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings import Settings
from cloudclusters.settings.keys import DEFAULTS
from cloudclusters.vocabulary import (
    FEATURES,
    Constraint,
    Feature,
    Range,
    Terms,
    Use,
    contains,
    format_constraint,
    is_anything,
    taxonomy,
)

PROVIDER = "node_provider"
PRICE = "node_hourly_price"
CAP = "cluster_hourly_price"
CLOUD = "CloudProvider"
ANY_MARKET = "any"
"""The setting `market` for all of them: whatever is cheaper."""

Providers = Mapping[str, ProviderFacts]
Assumptions = dict[str, Constraint]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """The catalog, the settings with those of the contract on top, and what is known of the providers."""

    catalog: Catalog
    settings: Settings
    providers: Providers
    at: float = 0.0
    """The time now, in seconds since the epoch; 0: nobody asks how old prices are."""

    @property
    def policy(self) -> str:
        """What makes one offer better than another."""
        return self.settings.text(DEFAULTS, "policy")

    def deployable(self, provider: str) -> bool:
        """Whether a cluster can be deployed at this provider from here."""
        facts = self.providers.get(provider)
        return facts is not None and facts.installed

    def over(self, values: Mapping[str, str]) -> World:
        """The world where these settings hold, whatever was set."""
        return msgspec.structs.replace(self, settings=self.settings.over(values, "contract"))


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What one role asks for: its number of nodes and its assumptions, those common to all roles included."""

    name: str
    count: int
    """Its number of nodes; the least, where the contract leaves it open."""
    sizing: Sizing
    cap: Constraint | None = None
    """What the whole cluster may cost per hour."""
    assumptions: Assumptions
    stated: frozenset[str]
    """The assumptions that the user made; the others are defaults."""
    possible: bool = False

    @property
    def demands(self) -> list[Demand]:
        """The assumptions that a row of the catalog answers; place and price are an offer's."""
        return [(FEATURES[name], each) for name, each in self.assumptions.items() if FEATURES[name].column]

    @property
    def nodes(self) -> str:
        """The number of nodes as text: `node_count=2..16`."""
        return format_constraint(FEATURES[NODES], Range(self.sizing.least, self.sizing.most))

    def ceiling(self, market: Market) -> float | None:
        """The most that a node on this market may cost, by its limit and by that of the whole cluster; None: no limit.

        Of a spot cluster some nodes are bought on demand: what all may cost says nothing of the price of a spot one.
        """
        cap = self.cap if market is Market.ON_DEMAND else None
        limits = [(self.assumptions.get(PRICE), 1), (cap, self.sizing.least)]
        ends = [limit.high / many for limit, many in limits if isinstance(limit, Range) and limit.high is not None]
        return min(ends, default=None)

    def within_cap(self, cluster_usd: float | None) -> bool:
        """Whether the whole cluster may cost so much per hour; an unknown price satisfies no limit."""
        return self.cap is None or (cluster_usd is not None and contains(self.cap, cluster_usd))

    def text(self, name: str) -> str:
        """An assumption as text."""
        said = format_constraint(FEATURES[name], self.assumptions[name])
        return said if name in self.stated else f"{said} (the default)"


class _Asked(msgspec.Struct, frozen=True):
    """What is the same for all providers of one question; `anywhere`: no list of regions."""

    market: Market
    anywhere: bool
    unplaced: bool
    sizes_disk: bool


class Only(msgspec.Struct, frozen=True):
    """Types that are known to fit, on one market, and what a node may cost; None: no limit."""

    market: Market
    names: Collection[tuple[str, str]]
    ceiling: float | None


def roles_of(contract: Contract, world: World) -> list[Role]:
    """What each role of the contract asks for; what a role says itself wins over what is common, key by key."""
    return [role_of(name, contract, world) for name in contract.cluster_type.roles]


def role_of(name: str, contract: Contract, world: World) -> Role:
    """One role, with the default provider where none is named; the one access node is left out of all totals."""
    own = contract.assumptions | contract.roles.get(name, {})
    asked = own if PROVIDER in own else {PROVIDER: any_cloud(world.providers), **own}
    sizing = Sizing(least=1, most=1) if name == "manager" else sizing_of(contract.node_count, contract.sizing)
    return Role(
        name=name,
        count=sizing.least,
        sizing=sizing,
        cap=contract.sizing.get(CAP),
        assumptions=asked,
        stated=frozenset(own),
        possible=contract.possible,
    )


def loosened(role: Role, feature: Feature, asked: Constraint) -> Role:
    """The role with another constraint on a feature of its machines, or on all its nodes together."""
    if feature.use is Use.INSTANCE:
        return msgspec.structs.replace(role, assumptions={**role.assumptions, feature.name: asked})
    assert isinstance(asked, Range)
    if feature.name == NODES:
        most = None if asked.high is None else int(asked.high)
        sizing = msgspec.structs.replace(role.sizing, least=int(asked.low or 1), most=most)
    elif is_anything(asked):
        sizing = role.sizing.without([feature.name])
    else:
        sizing = msgspec.structs.replace(role.sizing, totals={**role.sizing.totals, feature.name: asked})
    return msgspec.structs.replace(role, count=sizing.least, sizing=sizing)


def any_cloud(providers: Providers) -> Terms:
    """The default of `node_provider`: every cloud, those of plugins included."""
    words = taxonomy("provider")
    more = (name for name, facts in providers.items() if facts.cloud and not words.is_a(name, CLOUD))
    return Terms((CLOUD, *sorted(more)))


def sellers(role: Role, world: World) -> list[str]:
    """The providers of the catalog that the role allows."""
    words, wanted = taxonomy("provider"), role.assumptions[PROVIDER]
    return [name for name in world.catalog.providers() if contains(wanted, name, words)]


def places_of(role: Role, world: World) -> dict[str, Places]:
    """Where the role's machines may stand, by provider."""
    return places(sellers(role, world), role.assumptions.get(LOCALE), world.catalog, world.settings, world.providers)


def places_of_others(role: Role, world: World) -> dict[str, Places]:
    """Where machines of all providers may stand that are asked when nobody names a provider, but for the role's own.

    Those whose configured region is wrong are left out: who does not ask for them need not correct it.
    """
    own, default, found = sellers(role, world), any_cloud(world.providers), dict[str, Places]()
    for name in world.catalog.providers():
        if name not in own and contains(default, name, taxonomy("provider")):
            with contextlib.suppress(InvalidSetting):
                found |= places([name], role.assumptions.get(LOCALE), world.catalog, world.settings, world.providers)
    return found


def anywhere(names: Iterable[str], world: World) -> dict[str, Places]:
    """All regions of these providers; where a zone is set, those that hold it."""
    return places(names, Terms(), world.catalog, world.settings, world.providers)


def offered(
    role: Role, world: World, at: Mapping[str, Places], *, best: bool = False, only: Only | None = None
) -> list[Candidate]:
    """All offers of fitting types in allowed places at an allowed price; with `best` one of each type. In no order.

    With `only`, those of types that are known to fit.
    """
    found: list[Candidate] = []
    for asked, names in _groups(role, world, at).items():
        if only is not None and only.market is not asked.market:
            continue
        demands = [
            (f, Terms(tuple(names)) if f.name == PROVIDER else c)
            for f, c in role.demands
            if not (asked.sizes_disk and f.name == SIZE)
        ]
        ends = (role.ceiling(asked.market), None if only is None else only.ceiling)
        found += world.catalog.offers(
            demands if only is None else (),
            _regions(asked, names, at),
            possible=role.possible,
            market=asked.market,
            best=best,
            ceiling=min((end for end in ends if end is not None), default=None),
            unplaced=asked.unplaced,
            among=None if only is None else [name for name in only.names if name[0] in names],
        )
    here = [each for each in found if _is_allowed(each, role, at[each.offer.provider])]
    return _in_set_zones(_zoned(here, role, world) if names_zones(role.assumptions.get(LOCALE)) else here, world)


def unplaced(role: Role, world: World, provider: str) -> bool:
    """Whether types will do of which nobody knows where they are sold: not where a place or a zone is asked for."""
    return is_anything(role.assumptions.get(LOCALE, Terms())) and not set_zones(world, [provider])


def divides(role: Role, world: World, at: Iterable[str]) -> bool:
    """Whether zones of one region are told apart: by the contract's place, or by the setting `zone` of a provider."""
    return names_zones(role.assumptions.get(LOCALE)) or bool(set_zones(world, at))


def divided(role: Role, world: World, at: Mapping[str, Places]) -> tuple[dict[str, Places], dict[str, Places]]:
    """Of these places, the regions whose zones are told apart, and all others."""
    locale, zones = role.assumptions.get(LOCALE), set_zones(world, at)
    if not zones and not names_zones(locale):
        return {}, {**at}
    known = {(each.provider, each.region): each.zones for each in world.catalog.regions()}
    apart, whole = dict[str, Places](), dict[str, Places]()
    for name, where in at.items():
        every = {region for provider, region in known if provider == name} if where.regions is None else where.regions
        has = {region: known.get((name, region), ()) for region in every}
        some = {each for each in every if zones.get(name) in has[each] or zones_in(locale, each, has[each]) is not None}
        for part, regions in ((apart, some), (whole, every - some)):
            if regions:
                part[name] = msgspec.structs.replace(where, regions=frozenset(regions))
        if not some:
            whole[name] = where
    return apart, whole


def set_zones(world: World, providers: Iterable[str]) -> dict[str, str]:
    """The setting `zone` of those of the providers that have one."""
    return {name: zone for name in providers if (zone := world.settings.text(name, "zone").strip())}


def zoneless(world: World) -> World:
    """The world where no zone is set."""
    return world.over({"zone": ""})


def sold(role: Role, world: World, at: Mapping[str, Places]) -> dict[tuple[str, str], float | None]:
    """All types that are sold in these places, whatever they are like, with the lowest price that is known."""
    found: dict[tuple[str, str], float | None] = {}
    for asked, names in _groups(role, world, at).items():
        regions = _regions(asked, names, at)
        for name, price in world.catalog.sold(regions, market=asked.market, unplaced=asked.unplaced).items():
            if name[0] in names:
                before = found.get(name)
                found[name] = price if before is None or (price is not None and price < before) else before
    return found


def affordable(role: Role, price: float | None) -> bool:
    """Whether a node may cost so much per hour; an unknown price satisfies no limit."""
    limit = role.assumptions.get(PRICE)
    if limit is None or limit == Range():
        return True
    return price is not None and contains(limit, price)


def _regions(asked: _Asked, names: Collection[str], at: Mapping[str, Places]) -> set[str] | None:
    return None if asked.anywhere else {region for name in names for region in at[name].regions or ()}


def judged(role: Role, world: World) -> Sequence[Judged]:
    """How every type of the catalog fares with the role's demands, in their order; place and price left aside."""
    rows = world.catalog.judge(role.demands, possible=role.possible)
    sizing = {name for name in world.catalog.providers() if stands_in(role.assumptions, world.providers.get(name))}
    if not sizing:
        return rows
    bit = 1 << [feature.name for feature, _ in role.demands].index(SIZE)
    return [
        Judged(r.provider, r.instance_type, r.met | bit, r.unknown & ~bit) if r.provider in sizing else r for r in rows
    ]


def _groups(role: Role, world: World, at: Mapping[str, Places]) -> dict[_Asked, list[str]]:
    """Providers that can be asked for in one question, and what is asked of all of them."""
    groups: dict[_Asked, list[str]] = {}
    for name, where in at.items():
        sizes_disk = stands_in(role.assumptions, world.providers.get(name))
        for market in markets(world.settings.text(name, "market")):
            asked = _Asked(market, where.regions is None, unplaced(role, world, name), sizes_disk)
            groups.setdefault(asked, []).append(name)
    return groups


def markets(said: str) -> Sequence[Market]:
    """The markets that the setting `market` means."""
    return tuple(Market) if said == ANY_MARKET else (Market(said or Market.ON_DEMAND),)


def _is_allowed(candidate: Candidate, role: Role, at: Places) -> bool:
    """Whether its region and its price are allowed."""
    offer = candidate.offer
    region = offer.place.region
    if not offer.available or not affordable(role, offer.hourly_usd):
        return False
    return at.regions is None or not region or region in at.regions


def _zoned(found: Sequence[Candidate], role: Role, world: World) -> list[Candidate]:
    """The candidates once for each zone that the contract allows, where the catalog does not say that none is there."""
    locale, zoned = role.assumptions.get(LOCALE), list[Candidate]()
    known = {region.region: region.zones for region in world.catalog.regions()}
    regions = {each.offer.place.region for each in found}  # of thousands of offers a few
    allowed = {each: zones for each in regions if (zones := zones_in(locale, each, known.get(each, ()))) is not None}
    sold_in = world.catalog.zones_of(allowed)
    for each in found:
        region = each.offer.place.region
        zones = allowed.get(region)
        if zones is None:
            zoned.append(each)
            continue
        there = sold_in.get((each.offer.provider, each.offer.instance_type, region)) or zones
        zoned += [_in_zone(each, zone) for zone in zones if zone in there]
    return zoned


def _in_set_zones(found: list[Candidate], world: World) -> list[Candidate]:
    """Those that may be sold in the zone that is set for their provider, where their region has that zone.

    A zone that the contract's place names goes before it.
    """
    zones = set_zones(world, {each.offer.provider for each in found})
    if not zones:
        return found
    having = {(r.provider, r.region) for r in world.catalog.regions() if zones.get(r.provider) in r.zones}
    sold_in = world.catalog.zones_of({region for _, region in having})

    def may_be(offer: Offer) -> bool:
        zone, region = zones.get(offer.provider, ""), offer.place.region
        if not region:
            return not zone
        if offer.place.zone or (offer.provider, region) not in having:
            return True
        return zone in sold_in.get((offer.provider, offer.instance_type, region), (zone,))

    return [each for each in found if may_be(each.offer)]


def _in_zone(candidate: Candidate, zone: str) -> Candidate:
    offer = candidate.offer
    there = msgspec.structs.replace(offer, place=Place(offer.place.region, zone))
    return msgspec.structs.replace(candidate, offer=there)
