"""What is sold where, of all types whatever they are like: in the places asked for, around them, and anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from cloudclusters.base.cloud import Market, Offer
from cloudclusters.catalog import Prices, undercut
from cloudclusters.contract.mix import Mix, mix_of
from cloudclusters.contract.place import LOCALE, Places, names_zones
from cloudclusters.contract.world import PRICE, PROVIDER, Role, World, anywhere, divided, markets, offered, sold
from cloudclusters.vocabulary import Constraint, Range, Terms, taxonomy

Name = tuple[str, str]
"""A provider and its type."""


class Shop(msgspec.Struct, frozen=True):
    """Places, and the offers in them that count, by type; their regions are not told."""

    places: Mapping[str, Places]
    offers: Mapping[Name, Sequence[Offer]]


class Shops:
    """Where a role's machines could be bought; each shop is looked through when it is needed."""

    def __init__(self, role: Role, world: World, at: Mapping[str, Places], others: Mapping[str, Places]) -> None:
        """`at` is where machines may stand at each provider of the role, `others` at those that it does not allow."""
        self._role, self._world, self._own, self._at = role, world, at, {**at, **others}
        self._every = Mix()
        self._mixes = {name: mix_of(world.settings.section(name)) for name in self._at}
        self.everywhere = all(where.regions is None for where in self._at.values())
        """Whether all regions are asked for."""

    @cached_property
    def asked(self) -> Shop:
        """The places that were asked for."""
        return self._shop(self._at, self._role.assumptions.get(LOCALE, Terms()))

    @cached_property
    def around(self) -> Shop:
        """The regions in the same countries and continents, of the role's own providers: nobody changes these."""
        return self._shop(_around(self._role, self._world, self._own))

    @cached_property
    def anywhere(self) -> Shop:
        """All regions."""
        if self.everywhere:
            return self.asked
        at = anywhere(self._at, self._world)
        same = all(where.regions == self._at[name].regions for name, where in at.items())
        return self.asked if same and not names_zones(self._role.assumptions.get(LOCALE)) else self._shop(at)

    def cost(self, offer: Offer, count: int) -> float | None:
        """USD per hour for so many nodes of this offer; None where a price is unknown."""
        return self._mixes.get(offer.provider, self._every).cost(self._role.name, count, offer)

    def _shop(self, at: Mapping[str, Places], locale: Constraint = Terms()) -> Shop:
        """What is sold in these places; of those that the locale names, in its zones."""
        bare = msgspec.structs.replace(self._role, assumptions={PROVIDER: Terms(), LOCALE: locale}, cap=None)
        apart, whole = divided(bare, self._world, at)
        found = _offers(self._role, self._world, whole)
        zoned = _zoned(self._role, bare, self._world, apart) if apart else {}
        return Shop(at, {**found, **{name: [*found.get(name, ()), *zoned[name]] for name in zoned}})


def _zoned(role: Role, bare: Role, world: World, at: Mapping[str, Places]) -> Mapping[Name, Sequence[Offer]]:
    """The offers by type where zones are told apart: as `_offers`."""
    found: dict[tuple[Name, Market], dict[Prices, Offer]] = {}
    for offer in (each.offer for each in offered(bare, world, at)):
        prices = (
            (offer.hourly_usd, None) if offer.market is Market.ON_DEMAND else (offer.on_demand_usd, offer.hourly_usd)
        )
        found.setdefault(((offer.provider, offer.instance_type), offer.market), {})[prices] = offer
    kept: dict[Name, list[Offer]] = {}
    for (name, _), priced in found.items():
        pairs = [*priced] if _either(role) else undercut([*priced])
        kept.setdefault(name, []).extend(priced[pair] for pair in pairs)
    return kept


def _either(role: Role) -> bool:
    """Whether what costs more may do where what costs less does not."""
    return any(isinstance(each, Range) and each.low for each in (role.cap, role.assumptions.get(PRICE)))


def _offers(role: Role, world: World, at: Mapping[str, Places]) -> Mapping[Name, Sequence[Offer]]:
    """The offers by type: of those that cost more in every way than another one, only that other one."""
    cheapest = sold(role, world, at)
    found = {name: [Offer(provider=name[0], instance_type=name[1], hourly_usd=usd)] for name, usd in cheapest.items()}
    either = _either(role)
    spot = any(Market.SPOT in markets(world.settings.text(name, "market")) for name in at)
    if not either and (role.cap is None or not spot):
        return found
    priced: dict[Name, list[Offer]] = {}
    for provider, where in at.items():
        pairs = (world.catalog.figures if either else world.catalog.frontier)(provider, where.regions)
        for market in markets(world.settings.text(provider, "market")):
            ends = market is Market.ON_DEMAND and not either and PRICE not in role.assumptions  # the others lie between
            names = {*pairs}  # what has a price is sold, on the spot market where that has it at all
            if market is Market.SPOT:
                names &= world.catalog.sold(market=market).keys()
            for name in names:
                some = pairs[name] if not ends else [*pairs[name][:1], *pairs[name][1:][-1:]]
                priced.setdefault(name, []).extend(_offer(name, market, *each) for each in some)
    return found | priced


def _offer(name: Name, market: Market, on_demand: float | None, spot: float | None) -> Offer:
    if market is Market.ON_DEMAND:
        return Offer(provider=name[0], instance_type=name[1], hourly_usd=on_demand)
    return Offer(provider=name[0], instance_type=name[1], market=market, hourly_usd=spot, on_demand_usd=on_demand)


def _around(role: Role, world: World, at: Mapping[str, Places]) -> dict[str, Places]:
    """The regions in the same countries and continents as the places that were asked for."""
    asked, words = role.assumptions.get(LOCALE), taxonomy("locale")
    wide = {each for term in asked.any_of for each in words.ancestors(term)} if isinstance(asked, Terms) else set()
    near = [each for each in world.catalog.regions() if words.ancestors(each.region) & wide]
    return {name: Places(regions=frozenset(r.region for r in near if r.provider == name)) for name in at}
