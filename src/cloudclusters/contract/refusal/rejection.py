"""Why types were rejected: counts per constraint, and the minimal conflict when nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market
from cloudclusters.contract.ageing import old_prices
from cloudclusters.contract.counting import mixes_of, sorts
from cloudclusters.contract.document import NODES
from cloudclusters.contract.place import LOCALE, Places
from cloudclusters.contract.refusal.conflict import minimal_conflicts
from cloudclusters.contract.refusal.failing import failing
from cloudclusters.contract.refusal.relaxing import Again, relaxations
from cloudclusters.contract.refusal.selling import Shops
from cloudclusters.contract.resolution import Rejection
from cloudclusters.contract.world import (
    ANY_MARKET,
    CAP,
    PRICE,
    Role,
    World,
    divides,
    offered,
    places_of_others,
    set_zones,
    zoneless,
)
from cloudclusters.contract.world import judged as judged_types
from cloudclusters.errors import NoMatch, Relaxation
from cloudclusters.vocabulary import FEATURES, format_constraint

ASK_WHY = "`cloudclusters explain` shows what each constraint rejects"
"""The hint where nothing near would do."""
SHOWN = 3
"""Minimal sets that the message names."""


class Verdicts(msgspec.Struct, frozen=True):
    """How all types fare with one role: per pair of masks (failed, unknown), the number of types."""

    names: tuple[str, ...]
    masks: Mapping[tuple[int, int], int]

    @property
    def considered(self) -> int:
        """The number of types."""
        return sum(self.masks.values())

    @property
    def fitting(self) -> int:
        """The number of types that meet everything."""
        return sum(types for (failed, _), types in self.masks.items() if not failed)


def verdicts(role: Role, world: World) -> Verdicts:
    """Judge every type of the catalog against the role's demands, place and price left aside."""
    demands = role.demands
    full = (1 << len(demands)) - 1
    rows = judged_types(role, world)
    return Verdicts(
        tuple(feature.name for feature, _ in demands), Counter((full & ~row.met, row.unknown) for row in rows)
    )


def rejections(role: Role, judged: Verdicts, offered_types: int) -> tuple[Rejection, ...]:
    """What each constraint costs, the costliest first; then what place and price take from what is left."""
    rows = []
    for bit, name in enumerate(judged.names):
        mask = 1 << bit
        hit = [(failed, unknown, types) for (failed, unknown), types in judged.masks.items() if failed & mask]
        if hit:
            alone = sum(types for failed, _, types in hit if failed == mask)
            unknown = sum(types for _, unknown, types in hit if unknown & mask)
            types = sum(types for _, _, types in hit)
            rows.append(Rejection(constraint=role.text(name), types=types, alone=alone, unknown=unknown))
    rows.sort(key=lambda row: (-row.types, row.constraint))
    lost = judged.fitting - offered_types
    if lost > 0:
        rows.append(Rejection(constraint=_last(role), types=lost, alone=lost))
    return tuple(rows)


def no_match(role: Role, world: World, at: Mapping[str, Places], again: Again | None = None) -> NoMatch:
    """The error that names the constraints that clash; with what to write instead, where one can ask `again`."""
    others = places_of_others(role, world)
    default = at if any(each.only for each in at.values()) else {**others, **at}  # this machine has none of its own
    shops = Shops(role, world, at, others)
    lacking = failing(role, world, shops)
    sets = [[lacking.names[i] for i in chosen] for chosen in minimal_conflicts(lacking.unmet, len(lacking.names))]
    texts = [tuple(_text(role, name, default) for name in clash) for clash in sets]
    nearest = relaxations(role, world, shops, lacking, again) if again is not None else ()
    said = f"no instance type satisfies {_and(texts[0])}" if lacking.rows else "the catalog is empty"
    who = f"{role.name}: " if role.name != "peer" else ""
    more = "".join(f"; nor {_and(each)}" for each in texts[1:SHOWN])
    spot = ", on the spot market" if _all_spot(world, at) else ""
    zones = "".join(f", in the zone {zone} that is set for {name}" for name, zone in set_zones(world, at).items())
    return NoMatch(
        who + said + more + spot + zones,
        hint=_hint(role, world, at, nearest) if again is not None else "",
        conflict_sets=texts,
        relaxations=nearest,
    )


def _hint(role: Role, world: World, at: Mapping[str, Places], nearest: Sequence[Relaxation]) -> str:
    """What to ask for instead."""
    if not role.possible:
        loose = msgspec.structs.replace(role, possible=True)
        if _fitting(loose, world) != _fitting(role, world) and is_reached(loose, world, at):
            return "possible=True accepts types that the provider may place on a processor that fits"
    if _all_spot(world, at) and is_reached(role, world.over({"market": ANY_MARKET}), at):
        return f"market={ANY_MARKET} takes machines on demand as well"
    if set_zones(world, at) and is_reached(role, zoneless(world), at):
        return 'zone="" lets go of the zone'
    if not nearest:
        return ASK_WHY
    old = old_prices([each.price_date for each in nearest if each.hourly_usd is not None], world.at)
    return "ask for a little less:" + "".join(f"\n  {each}" for each in (*nearest, *old))


def _all_spot(world: World, at: Mapping[str, Places]) -> bool:
    """Whether machines are wanted on the spot market alone."""
    return bool(at) and all(world.settings.text(name, "market") == Market.SPOT for name in at)


def _fitting(role: Role, world: World) -> int:
    """How many types satisfy all that is asked of the machine itself."""
    full = (1 << len(role.demands)) - 1
    return sum(row.met == full for row in judged_types(role, world))


def is_reached(role: Role, world: World, at: Mapping[str, Places]) -> bool:
    """Whether some number of nodes of some offer will do, at a price that the settings and the whole cluster allow."""
    mixes = mixes_of(world, at)
    if not divides(role, world, at):
        return bool(sorts(role, world, at, mixes))
    found = offered(role, world, at)
    counts = role.sizing.counts(each.machine for each in found)
    return any(
        (count := counts[id(each.machine)])
        and mixes[each.offer.provider].allows(each.offer)
        and role.within_cap(mixes[each.offer.provider].cost(role.name, count, each.offer))
        for each in found
    )


def _text(role: Role, name: str, at: Mapping[str, Places]) -> str:
    """The constraint that a bit of the masks stands for."""
    if name in role.assumptions:
        return role.text(name)
    if name == NODES:
        return role.nodes
    asked = role.cap if name == CAP else role.sizing.totals.get(name)
    if asked is not None:
        return format_constraint(FEATURES[name], asked)
    regions = sorted({f"{where.only} ({provider})" for provider, where in at.items() if where.only})
    return f"{LOCALE}={'|'.join(regions) or 'any'} (the default)"


def _last(role: Role) -> str:
    """What place, price and number ask for, in text."""
    said = [role.text(name) for name in (LOCALE, PRICE) if name in role.assumptions]
    said += [_text(role, name, {}) for name in role.sizing.totals]
    said += [role.nodes] if role.sizing.totals and role.sizing.most is not None else []
    said += [_text(role, CAP, {})] if role.cap is not None else []
    return " and ".join(said if LOCALE in role.assumptions else ["sold in the region considered", *said])


def _and(texts: Collection[str]) -> str:
    listed = list(texts)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} and {listed[-1]} together"
