"""How one machine fares with each constraint of a role: what it has, whether that will do, and by which margin."""

from __future__ import annotations

from cloudclusters.base.cloud import Market, Place
from cloudclusters.base.table import usd
from cloudclusters.catalog import Candidate, MachineType, cell_of
from cloudclusters.contract.disk import SIZE, stands_in
from cloudclusters.contract.document import NODES
from cloudclusters.contract.explanation import NOT_SOLD, Finding
from cloudclusters.contract.mix import MAX_PRICE, mix_of
from cloudclusters.contract.place import LOCALE, Places, names_zones, zones_in
from cloudclusters.contract.sizing import sums, total
from cloudclusters.contract.world import CAP, PRICE, Role, World, set_zones, unplaced
from cloudclusters.vocabulary import (
    FEATURES,
    Constraint,
    Range,
    Verdict,
    contains,
    format_constraint,
    format_value,
    judge,
)


def findings_of(
    role: Role,
    machine: MachineType,
    candidate: Candidate | None,
    at: Places | None,
    world: World,
    *,
    cluster_usd: float | None,
) -> list[Finding]:
    """One finding for each constraint, those on place and price by this offer; None is no known offer.

    `cluster_usd` is what the whole cluster costs with it, None where that is not known.
    """
    return [
        *(_cell(role, name, machine, world) for name in role.assumptions if FEATURES[name].column),
        *_totals(role, machine),
        *_place(role, candidate, at, machine, world),
        *_prices(role, candidate, cluster_usd),
        *_most(candidate, world),
        *(
            Finding(role.text(name), "no catalog tells", Verdict.UNKNOWN)
            for name in role.assumptions
            if FEATURES[name].measured
        ),
    ]


def margin(asked: Constraint, value: object) -> float | None:
    """How far a number is on the right side of a bound, as a part of it; negative on the wrong one."""
    if not isinstance(asked, Range) or isinstance(value, str | bool) or not isinstance(value, int | float):
        return None
    if asked.low is not None and asked.low == asked.high:
        return -abs(value - asked.low) / asked.low + 0.0 if asked.low else None
    ends = []
    if asked.low:
        ends.append((value - asked.low) / asked.low)
    if asked.high:
        ends.append((asked.high - value) / asked.high)
    return min(ends, default=None)


def _cell(role: Role, name: str, machine: MachineType, world: World) -> Finding:
    feature, asked = FEATURES[name], role.assumptions[name]
    cell = cell_of(machine, feature)
    verdict = judge(feature, asked, cell, possible=role.possible)
    has = format_value(feature, cell)
    disk = name == SIZE and stands_in(role.assumptions, world.providers.get(machine.provider))
    if disk and verdict is not Verdict.MET:
        return Finding(role.text(name), f"{has}; its root disk can be made so large", Verdict.MET)
    return Finding(role.text(name), has, verdict, margin(asked, cell))


def _totals(role: Role, machine: MachineType) -> list[Finding]:
    """The totals by the number of nodes that the type gets, or by the nearest one that the contract allows."""
    sizing, found = role.sizing, list[Finding]()
    nearest = max(sizing.least, sizing.without([NODES]).count(machine))
    count = sizing.count(machine) or (nearest if sizing.most is None else min(nearest, sizing.most))
    for name, asked in sizing.totals.items():
        feature = FEATURES[name]
        whole = total(feature, sums(feature, machine), count)
        met = Verdict.UNKNOWN if whole is None else Verdict.MET if contains(asked, whole) else Verdict.MISSED
        has = "unknown" if whole is None else f"{format_value(feature, whole)} with {count}"
        found.append(Finding(format_constraint(feature, asked), has, met, margin(asked, whole)))
    return found


def _is_placed(machine: MachineType, world: World) -> bool:
    """Whether it is known where this type is sold."""
    name = machine.provider, machine.instance_type
    return bool(world.catalog.prices_of(*name) or world.catalog.offerings_of(*name))


def _place(
    role: Role, candidate: Candidate | None, at: Places | None, machine: MachineType, world: World
) -> list[Finding]:
    """The place, where one is asked for or a region is the default."""
    stated = LOCALE in role.assumptions
    if not stated and (at is None or at.regions is None):
        return []
    default = "|".join(sorted((at and at.regions) or ()))  # nothing where the zone that is set is another provider's
    asked = role.text(LOCALE) if stated else f"{LOCALE}={default} (the default)" if default else ""
    zone = set_zones(world, [machine.provider]).get(machine.provider, "")
    text = ", ".join(each for each in (asked, f"zone={zone}" if zone else "") if each)
    if not _is_placed(machine, world) and (candidate is None or not unplaced(role, world, machine.provider)):
        return [Finding(text, "no known place", Verdict.UNKNOWN)]
    if candidate is None:
        return [Finding(text, NOT_SOLD, Verdict.MISSED)]
    place = candidate.offer.place
    allowed = at is not None and (at.regions is None or place.region in at.regions or not place.region)
    allowed = allowed and _is_in_zone(role, place, zone)
    return [Finding(text, str(place) or "anywhere", Verdict.MET if allowed else Verdict.MISSED)]


def _is_in_zone(role: Role, place: Place, zone: str) -> bool:
    """Whether a place is in a zone that the contract's place names; where that names none, in the one that is set."""
    locale = role.assumptions.get(LOCALE)
    zones = zones_in(locale, place.region, (place.zone,)) if names_zones(locale) else None
    return not zone or place.zone in ("", zone) if zones is None else place.zone in zones


def _prices(role: Role, candidate: Candidate | None, cluster_usd: float | None) -> list[Finding]:
    """The price of a node and of the whole cluster, where they are bounded."""
    found: list[Finding] = []
    price = candidate.offer.hourly_usd if candidate is not None else None
    if PRICE in role.assumptions:
        found.append(_price(role.text(PRICE), role.assumptions[PRICE], price))
    if role.cap is not None:
        found.append(_price(format_constraint(FEATURES[CAP], role.cap), role.cap, cluster_usd))
    return found


def _most(candidate: Candidate | None, world: World) -> list[Finding]:
    """What a spot machine may cost by the settings, where they say it."""
    if candidate is None or candidate.offer.market is Market.ON_DEMAND:
        return []
    limit = mix_of(world.settings.section(candidate.offer.provider)).max_price
    if limit is None:
        return []
    return [_price(f"{MAX_PRICE}={limit:g} (a setting)", Range(None, limit), candidate.offer.hourly_usd)]


def _price(text: str, asked: Constraint, price: float | None) -> Finding:
    if price is None:
        return Finding(text, "unknown", Verdict.UNKNOWN)
    met = Verdict.MET if contains(asked, price) else Verdict.MISSED
    return Finding(text, f"{usd(price)} USD/h", met, margin(asked, price))
