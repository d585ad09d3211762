"""From a contract to all its options, in order: pure, and the same answer every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from cloudclusters.base.table import shorten, usd
from cloudclusters.catalog import Candidate, Catalog
from cloudclusters.contract.ageing import old_prices
from cloudclusters.contract.counting import Sort, mixes_of, sorts
from cloudclusters.contract.document import Contract
from cloudclusters.contract.leading import Order, leading, whole
from cloudclusters.contract.mix import MAX_PRICE, Mix, too_dear
from cloudclusters.contract.pinning import check_pinned
from cloudclusters.contract.place import Places
from cloudclusters.contract.policy import PINNED, Policy
from cloudclusters.contract.rank import Ranked, choices, ranked
from cloudclusters.contract.refusal.rejection import is_reached, no_match, rejections, verdicts
from cloudclusters.contract.resolution import Resolution, RoleResolution
from cloudclusters.contract.world import (
    ANY_MARKET,
    CAP,
    Providers,
    Role,
    World,
    divided,
    divides,
    loosened,
    offered,
    places_of,
    roles_of,
)
from cloudclusters.errors import Ambiguous, InvalidSetting, NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import FEATURES, Range, format_constraint, is_anything, parse_constraint

_MANY = 64
"""Nodes beyond which a resolution says how to ask for fewer."""
_COUNTED = 10**6
"""Nodes beyond which the sum of their prices is not exact."""


def resolve(
    contract: Contract,
    catalog: Catalog,
    settings: Settings,
    *,
    providers: Providers,
    at: float = 0.0,
    policy: Policy | None = None,
) -> Resolution:
    """Rank every offer that satisfies the contract; `at` is the time now, in seconds since the epoch.

    `policy` ranks instead of the setting of that name. Raises `NoMatch` with a minimal conflicting set of constraints,
    `Ambiguous` for a strict contract that several instance types satisfy, and `InvalidContract` for one that is to be
    pinned and does not say to what.
    """
    world = world_of(contract, catalog, settings, providers, at=at)
    roles = roles_of(contract, world)
    where, orders = first_options(roles, world, policy=policy, every=contract.strict)
    if world.policy == PINNED and policy is None:
        for role, order in zip(roles, orders, strict=True):
            check_pinned(role, order.first, where)
    found = tuple(_role(role, order, world, partners=len(roles) > 1) for role, order in zip(roles, orders, strict=True))
    if contract.strict:
        _refuse_several(roles, [order.first for order in orders])
    used = {provider for order in orders for provider, _ in order.types}
    return Resolution(
        contract=contract.handle,
        cluster_type=contract.cluster_type,
        roles=found,
        policy=world.policy if policy is None else _own_name(policy),
        regions={name: each.only for name, each in where.items() if each.only and name in used},
        assumed=tuple(name for name, each in where.items() if each.assumed and name in used),
        notes=(
            *_notes(used, where),
            *_many_nodes(found),
            *old_prices([choice.offer.price_date for role in found for choice in role.choices], at),
        ),
        catalog_digest=catalog.digest,
        settings_digest=settings.digest,
        settings=settings.flat(),
        created=at,
    )


def _own_name(policy: Policy) -> str:
    """The name of the user's own function, which is none of the policies even where it is called like one."""
    return f"{getattr(policy, '__qualname__', type(policy).__name__)}()"


def world_of(
    contract: Contract, catalog: Catalog, settings: Settings, providers: Providers, *, at: float = 0.0
) -> World:
    """What this contract is resolved in, and when: its own configuration lies over the settings."""
    return World(catalog=catalog, settings=settings.over(contract.settings, "contract"), providers=providers, at=at)


def first_options(
    roles: Sequence[Role], world: World, *, policy: Policy | None = None, every: bool = False
) -> tuple[dict[str, Places], list[Order]]:
    """As `options`, with no more of them than a resolution keeps, unless `every` one is wanted: much quicker."""
    if len(roles) == 1 and policy is None and not every and world.policy != PINNED:
        at = places_of(roles[0], world)
        order = _led(roles[0], world, at, _counted(roles[0], world, at, policy))
        if order is not None:
            return at, [order]
    where, orders = options(roles, world, policy=policy)
    return where, [whole(order) for order in orders]


def options(
    roles: Sequence[Role], world: World, *, policy: Policy | None = None
) -> tuple[dict[str, Places], list[list[Ranked]]]:
    """Where machines may stand, and for each role its candidates in order; raises `NoMatch` when a role has none."""
    where: dict[str, Places] = {}
    found: list[list[Candidate]] = []
    for place, role in enumerate(roles):
        at = places_of(role, world)
        where |= at
        if len(roles) == 1:
            _counted(role, world, at, policy)
        candidates = _fitting(role, world, at)
        if not candidates:
            raise _none_of(roles, place, world, policy)
        found.append(candidates)
    orders = ranked(roles, found, where, world, policy=policy)
    if not all(orders):
        raise _none_together(roles, _uncapped(roles, world) or found, where, world, policy)
    return where, orders


def _counted(role: Role, world: World, at: Mapping[str, Places], policy: Policy | None) -> list[Sort]:
    """What a role that stands alone could be made of; raises `NoMatch` where that is nothing, at whatever price."""
    mixes = mixes_of(world, at)
    found = sorts(role, world, at, mixes)
    if not found and all(mix.max_price is None for mix in mixes.values()):  # else it may be only that bound
        raise _none_of([role], 0, world, policy)
    return found


def _led(role: Role, world: World, at: Mapping[str, Places], found: Sequence[Sort]) -> Order | None:
    """The first of the options that were counted; None where that does not do: of zones, and of very many nodes."""
    if not found or divides(role, world, at) or max(sort.count for sort in found) > _COUNTED:
        return None
    return leading(role, world, at, found)


def _fitting(role: Role, world: World, at: Mapping[str, Places]) -> list[Candidate]:
    """What a role could be made of, other roles aside; nothing where no number of nodes of any type will do."""
    if role.sizing.totals and not sorts(msgspec.structs.replace(role, cap=None), world, at, dict.fromkeys(at, Mix())):
        return []
    candidates = offered(role, world, at)
    return candidates if any(role.sizing.counts(each.machine for each in candidates).values()) else []


def _none_of(roles: Sequence[Role], place: int, world: World, policy: Policy | None) -> NoMatch:
    """The role at this place has no machines; or it has, and the cluster's price leaves too little for them."""
    found = _uncapped(roles, world)
    if found and all(found):
        where = {name: each for role in roles for name, each in places_of(role, world).items()}
        return _none_together(roles, found, where, world, policy)
    at = places_of(roles[place], world)
    return no_match(roles[place], world, at, partial(_asked_again, roles, place, world, policy))


def _uncapped(roles: Sequence[Role], world: World) -> list[list[Candidate]]:
    """What several roles could be made of if the cluster's price were not limited; empty where it is not."""
    if len(roles) == 1 or roles[0].cap is None:
        return []
    free = [msgspec.structs.replace(role, cap=None) for role in roles]
    return [_fitting(role, world, places_of(role, world)) for role in free]


def _asked_again(
    roles: Sequence[Role], place: int, world: World, policy: Policy | None, instead: Mapping[str, str]
) -> Ranked | None:
    """What the role at this place gets when it asks for this instead; None where no cluster can be made of it."""
    changed = list(roles)
    for text in instead.values():
        feature, asked = parse_constraint(text)
        if feature.name == CAP:
            cap = None if is_anything(asked) else asked
            changed = [msgspec.structs.replace(role, cap=cap) for role in changed]
        else:
            changed[place] = loosened(changed[place], feature, asked)
    try:
        places = [places_of(role, world) for role in changed]
    except InvalidSetting:  # the zone that is set does not lie there
        return None
    if len(changed) == 1 and policy is None:
        return _first(changed[0], world, places[0])
    found = [_fitting(role, world, at) for role, at in zip(changed, places, strict=True)]
    if not all(found):
        return None
    where = {name: each for at in places for name, each in at.items()}
    orders = ranked(changed, found, where, world, policy=policy)
    return orders[place][0] if all(orders) else None


def _first(role: Role, world: World, at: Mapping[str, Places]) -> Ranked | None:
    """The first option of a role that stands alone; all offers are read only where zones are told apart."""
    apart, whole = divided(role, world, at)
    counted = sorts(role, world, whole, mixes_of(world, whole))
    if any(sort.count > _COUNTED for sort in counted):
        apart, counted = {**at}, []
    found = [each.candidate for each in leading(role, world, whole, counted).first] if counted else []
    found += _fitting(role, world, apart) if apart else []
    (order,) = ranked([role], [found], at, world)
    return order[0] if order else None


def _none_together(
    roles: Sequence[Role],
    found: Sequence[Sequence[Candidate]],
    where: Mapping[str, Places],
    world: World,
    policy: Policy | None,
) -> NoMatch:
    """Each role has machines, but they are too dear, alone or together, or never stand in one place."""
    cap, dear = roles[0].cap, _too_dear(roles, found, where, world)
    if dear is not None:
        return dear
    if cap is not None and len(roles) == 1:
        return no_match(roles[0], world, where, partial(_asked_again, roles, 0, world, policy))
    free = [msgspec.structs.replace(role, cap=None) for role in roles]
    orders = ranked(free, found, where, world)
    if cap is None or not all(orders):
        return _too_dear(free, found, where, world) or _apart(roles, found)
    asked = format_constraint(FEATURES[CAP], cap)
    prices = [each.cluster_usd for each in orders[0] if each.cluster_usd is not None]
    cheapest = f"; the cheapest is {usd(min(prices))} USD/h" if prices else ""
    hint = f"ask for {format_constraint(FEATURES[CAP], Range(None, min(prices)))}" if prices else "loosen one role"
    return NoMatch(f"no cluster that fits satisfies {asked}{cheapest}", hint=hint, conflict_sets=[(asked,)])


def _too_dear(
    roles: Sequence[Role], found: Sequence[Sequence[Candidate]], where: Mapping[str, Places], world: World
) -> NoMatch | None:
    """The error where a role is left with spot machines that cost more than `max_price`; None where others would do."""
    mixes, free = mixes_of(world, where), world.over({MAX_PRICE: "off"})
    orders = ranked(roles, found, where, free) if any(mix.max_price is not None for mix in mixes.values()) else []
    for role, order in zip(roles, orders, strict=False):
        offers = [each.candidate.offer for each in order]
        if all(orders) and not any(mixes[offer.provider].allows(offer) for offer in offers):
            either = world.over({"market": ANY_MARKET})
            return too_dear(offers, on_demand=is_reached(role, either, places_of(role, world)))
    return None


def _role(role: Role, order: Order, world: World, *, partners: bool) -> RoleResolution:
    judged = verdicts(role, world)
    return RoleResolution(
        role=role.name,
        count=role.count,
        nodes=None if role.sizing.is_fixed else Range(role.sizing.least, role.sizing.most),
        assumptions=role.assumptions,
        choices=choices(order.first, world, partners=partners),
        total=order.total,
        types=len(order.types),
        considered=judged.considered,
        rejections=rejections(role, judged, len(order.types)),
    )


def _notes(used: set[str], where: Mapping[str, Places]) -> tuple[str, ...]:
    assumed = [f"{name} by {each.only}" for name, each in where.items() if each.assumed and name in used]
    if not assumed:
        return ()
    return (f"No region is configured; compared {', '.join(assumed)}. `deploy` asks for a region.",)


def _many_nodes(roles: Sequence[RoleResolution]) -> list[str]:
    """What to write where the price alone ends in very many small machines."""
    found = []
    for role in roles:
        best = role.choices[0]
        if role.nodes is not None and best.count > _MANY:
            found.append(
                f"{best.count} nodes of {best.offer.instance_type} are the cheapest; node_count<=16, or a bound such as"
                " node_vcpus_count>=16, asks for fewer and larger ones"
            )
    return found


def _refuse_several(roles: Sequence[Role], orders: Sequence[Sequence[Ranked]]) -> None:
    for role, order in zip(roles, orders, strict=True):
        names = list(dict.fromkeys(f"{r.candidate.offer.provider} {r.candidate.offer.instance_type}" for r in order))
        if len(names) > 1:
            who = "the contract" if role.name == "peer" else f"the role {role.name!r}"
            best = order[0].candidate.offer.instance_type
            raise Ambiguous(
                f"{len(names)} instance types satisfy {who}: {shorten(names)}",
                hint=f"pin one, such as node_machinetype={best}, or leave strict out: the first is taken then",
                candidates=names,
            )


def _apart(roles: Sequence[Role], found: Sequence[Sequence[Candidate]]) -> NoMatch:
    """Every role has machines, but never at one provider and in one region."""
    parts = []
    for role, candidates in zip(roles, found, strict=True):
        regions = sorted({f"{c.offer.provider} {c.offer.place}" for c in candidates})
        parts.append(f"{role.name} in {shorten(regions)}")
    return NoMatch(
        f"no provider has machines for all roles in one region: {'; '.join(parts)}",
        hint="loosen one role, or name a place with cluster_locale",
    )
