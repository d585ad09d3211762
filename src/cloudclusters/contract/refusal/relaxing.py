"""What would fit if a contract that nothing satisfies asked for a little less: the nearest relaxations.

Of each type it is known which constraints it fails. Where types fail a single one, that one is loosened to the nearest
value that buys something, once for each such constraint, or left out where no value is near; where every type fails
several, the fewest together. What is bought is what the contract gets when it is asked again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Offer
from cloudclusters.contract.document import NODES
from cloudclusters.contract.mix import mix_of
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.rank import Ranked
from cloudclusters.contract.refusal.failing import Failing
from cloudclusters.contract.refusal.instead import Kind, Values, distance, kinds, nearest_value, tried
from cloudclusters.contract.refusal.selling import Name, Shops
from cloudclusters.contract.world import CAP, PRICE, PROVIDER, Role, World, offered
from cloudclusters.errors import Relaxation
from cloudclusters.vocabulary import FEATURES, Range, Terms, format_constraint, taxonomy

Again = Callable[[Mapping[str, str]], Ranked | None]
"""What the contract gets with these constraints, in text by feature, instead of its own; None: nothing."""
MOST = 8
"""Relaxations at most."""
_LOOKED_AT = 8
"""Types whose offers are looked at for one relaxation, at most: the first nearly always does."""


def relaxations(role: Role, world: World, shops: Shops, failing: Failing, again: Again) -> tuple[Relaxation, ...]:
    """The nearest relaxations, the nearest first; empty when nothing short of another contract helps."""
    unmet, types = failing.unmet, defaultdict[int, list[Name]](list)
    for name, mask in failing.rows:
        types[mask].append(name)
    found: list[tuple[float, Relaxation]] = []
    fewest = 0
    for mask in sorted(unmet, key=lambda mask: (mask.bit_count(), -unmet[mask], mask)):
        if len(found) == MOST or (found and mask.bit_count() > fewest):
            break
        asked = [name for bit, name in enumerate(failing.names) if mask >> bit & 1]
        if not asked or PROVIDER in asked:
            continue  # another provider is another contract
        best = _nearest(role, world, shops, asked, types[mask], again) or _without(asked, again)
        if best is not None:
            found.append(best)
            fewest = mask.bit_count()
    return tuple(each for _, each in sorted(found, key=lambda pair: pair[0]))


def _nearest(
    role: Role, world: World, shops: Shops, loosened: Sequence[str], names: Sequence[Name], again: Again
) -> tuple[float, Relaxation] | None:
    """The type that is nearest when these constraints are loosened and all others hold, and what is then bought."""
    best: tuple[float, Relaxation] | None = None
    for further in range(2 if LOCALE in loosened else 1):
        shop = (shops.anywhere if further else shops.around) if LOCALE in loosened else shops.asked
        options = tried(role, loosened, kinds(role, world, shops, shop, loosened, names))
        for option in sorted(options, key=lambda option: option.rank)[:_LOOKED_AT]:
            if best is not None and best[0] <= option.distance:
                break  # its offers are no nearer than that
            values = _instead(role, world, shop.places, option.kind, option.values)
            if values is None or (best is not None and best[0] <= distance(values)):
                continue
            if (found := _bought(values, again)) is not None:
                best = distance(values), found
        if best is not None:
            return best[0] + further, best[1]
    return None


def _without(asked: Sequence[str], again: Again) -> tuple[float, Relaxation] | None:
    """What is bought without the one constraint that alone is in the way, where no value of it is near."""
    if len(asked) > 1:
        return None
    (name,) = asked
    anything = Range(1, None) if name == NODES else Terms() if FEATURES[name].taxonomy else Range()
    found = _bought({name: (anything, math.inf)}, again)
    return None if found is None else (math.inf, found)


def _bought(instead: Values, again: Again) -> Relaxation | None:
    """What is bought by whoever asks again, with this instead; None where nothing is."""
    texts = {name: format_constraint(FEATURES[name], each) for name, (each, _) in instead.items()}
    found = again(texts)
    if found is None:
        return None
    offer = found.candidate.offer
    return Relaxation(
        instead=texts,
        provider=offer.provider,
        instance_type=offer.instance_type,
        region=offer.place.region,
        hourly_usd=offer.hourly_usd,
        count=found.count,
        price_date=offer.price_date,
    )


def _instead(role: Role, world: World, places: Mapping[str, Places], kind: Kind, values: Values) -> Values | None:
    """What to write instead for this type; place and price are those of its nearest offer. None where none is sold."""
    if not values.keys() & {LOCALE, PRICE, CAP}:
        return values
    count = _count(role, kind, values)
    found = _nearest_offer(role, world, places, kind.name, count, values) if count else None
    if found is None:
        return None
    offer, limits = found
    instead = {**values, **limits}
    if LOCALE in values:
        region = offer.place.region
        named = Terms((region,)) if taxonomy("locale").has(region) else Terms()  # this machine's has no name
        instead[LOCALE] = named, values[LOCALE][1]
    return instead


def _count(role: Role, kind: Kind, values: Values) -> int:
    """The number of nodes that the loosened contract gets of this type."""
    if NODES in values:
        return kind.count
    totals = {name: values[name][0] if name in values else each for name, each in role.sizing.totals.items()}
    loose = msgspec.structs.replace(role.sizing, totals=totals)
    return loose.count_of([kind.cells[column] for column in loose.columns])


def _nearest_offer(
    role: Role, world: World, places: Mapping[str, Places], name: Name, count: int, loosened: Collection[str]
) -> tuple[Offer, Values] | None:
    """The offer of this type that is nearest in price, then cheapest, all but the loosened constraints kept.

    With what to write instead of the limits on price that are loosened: an unknown price satisfies none.
    """
    provider, machine = name
    others = {key: each for key, each in role.assumptions.items() if key not in loosened}
    only = {**others, PROVIDER: Terms((provider,)), "node_machinetype": Terms((machine,))}
    loose = msgspec.structs.replace(role, assumptions=only, cap=None if CAP in loosened else role.cap)
    mix = mix_of(world.settings.section(provider))
    found: list[tuple[tuple[float, ...], Offer, Values]] = []
    for each in offered(loose, world, {provider: places[provider]}):
        offer, cost = each.offer, mix.cost(role.name, count, each.offer)
        if each.machine.instance_type != machine or not (offer.place.region or LOCALE not in loosened):
            continue
        limits = _limits(role, loosened, offer.hourly_usd, cost)
        if limits is not None and mix.allows(offer) and loose.within_cap(cost):
            found.append(((distance(limits), cost is None, cost or 0.0, offer.hourly_usd or 0.0), offer, limits))
    if not found:
        return None
    _, offer, limits = min(found, key=lambda each: each[0])
    return offer, limits


def _limits(role: Role, loosened: Collection[str], usd: float | None, cost: float | None) -> Values | None:
    """What to write instead of the limits on price that are loosened; None where a price is not known."""
    found: Values = {}
    for name, limit, price in ((PRICE, role.assumptions.get(PRICE), usd), (CAP, role.cap, cost)):
        if name in loosened and limit is not None:
            value = nearest_value(FEATURES[name], limit, price)
            if value is None:
                return None
            found[name] = value
    return found
