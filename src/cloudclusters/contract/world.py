"""What resolution looks at: a catalog, the configuration and the providers; and what a role asks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.catalog import Candidate, Catalog, Demand, Judged
from cloudclusters.contract.disk import SIZE, stands_in
from cloudclusters.contract.document import Contract
from cloudclusters.contract.place import LOCALE, Places, places, zone_in
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Constraint, Range, Terms, contains, format_constraint, taxonomy

PROVIDER = "node_provider"
PRICE = "node_hourly_price"
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

    def deployable(self, provider: str) -> bool:
        """Whether a cluster can be deployed at this provider from here."""
        facts = self.providers.get(provider)
        return facts is not None and facts.installed


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What one role asks for: its number of nodes and its assumptions, those common to all roles included."""

    name: str
    count: int
    assumptions: Assumptions
    stated: frozenset[str]
    """The assumptions that the user made; the others are defaults."""
    possible: bool = False

    @property
    def demands(self) -> list[Demand]:
        """The assumptions that a row of the catalog answers; place and price are an offer's."""
        return [(FEATURES[name], each) for name, each in self.assumptions.items() if FEATURES[name].column]

    def text(self, name: str) -> str:
        """An assumption as text."""
        said = format_constraint(FEATURES[name], self.assumptions[name])
        return said if name in self.stated else f"{said} (the default)"


class _Asked(msgspec.Struct, frozen=True):
    """What is the same for all providers of one question; `anywhere`: no list of regions."""

    market: Market
    anywhere: bool
    sizes_disk: bool


def roles_of(contract: Contract, world: World) -> list[Role]:
    """What each role of the contract asks for; what a role says itself wins over what is common, key by key."""
    counts = {"manager": 1}
    return [
        role_of(name, counts.get(name, contract.node_count), contract, world) for name in contract.cluster_type.roles
    ]


def role_of(name: str, count: int, contract: Contract, world: World) -> Role:
    """One role, with the default provider where none is named."""
    own = contract.assumptions | contract.roles.get(name, {})
    asked = own if PROVIDER in own else {PROVIDER: any_cloud(world.providers), **own}
    return Role(name=name, count=count, assumptions=asked, stated=frozenset(own), possible=contract.possible)


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


def offered(role: Role, world: World, at: Mapping[str, Places], *, best: bool = False) -> list[Candidate]:
    """All offers of fitting types in allowed places at an allowed price; with `best` one of each type. In no order."""
    found: list[Candidate] = []
    for asked, names in _groups(role, world, at).items():
        demands = [
            (f, Terms(tuple(names)) if f.name == PROVIDER else c)
            for f, c in role.demands
            if not (asked.sizes_disk and f.name == SIZE)
        ]
        regions = None if asked.anywhere else {r for name in names for r in at[name].regions or ()}
        found += world.catalog.offers(demands, regions, possible=role.possible, market=asked.market, best=best)
    return [placed for each in found if (placed := _placed(each, role, at[each.offer.provider])) is not None]


def affordable(role: Role, candidate: Candidate) -> bool:
    """Whether the offer's price is allowed; an unknown price satisfies no limit."""
    limit, price = role.assumptions.get(PRICE), candidate.offer.hourly_usd
    if limit is None or limit == Range():
        return True
    return price is not None and contains(limit, price)


def judged(role: Role, world: World) -> list[Judged]:
    """How every type of the catalog fares with the role's demands, in their order; place and price left aside."""
    rows = world.catalog.judge(role.demands, possible=role.possible)
    sizing = {name for name in sellers(role, world) if stands_in(role.assumptions, world.providers.get(name))}
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
            groups.setdefault(_Asked(market, where.regions is None, sizes_disk), []).append(name)
    return groups


def markets(said: str) -> Sequence[Market]:
    """The markets that the setting `market` means."""
    return tuple(Market) if said == ANY_MARKET else (Market(said or Market.ON_DEMAND),)


def _placed(candidate: Candidate, role: Role, at: Places) -> Candidate | None:
    """The candidate if its place and price are allowed, in the zone that the contract names."""
    offer = candidate.offer
    region = offer.place.region
    if not offer.available or not affordable(role, candidate):
        return None
    if at.regions is not None and region and region not in at.regions:
        return None
    zone = zone_in(role.assumptions.get(LOCALE), region)
    if not zone:
        return candidate
    return Candidate(candidate.machine, _in_zone(offer, zone))


def _in_zone(offer: Offer, zone: str) -> Offer:
    return Offer(
        provider=offer.provider,
        instance_type=offer.instance_type,
        place=Place(offer.place.region, zone),
        market=offer.market,
        hourly_usd=offer.hourly_usd,
        price_date=offer.price_date,
    )
