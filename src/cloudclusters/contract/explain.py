"""Why this one, why not that one: how types, regions and offers fare with every constraint of a contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Offer, Place
from cloudclusters.base.table import counted, usd
from cloudclusters.catalog import Candidate, Catalog, MachineType
from cloudclusters.contract.about import About, understood
from cloudclusters.contract.ageing import old_prices
from cloudclusters.contract.document import Contract
from cloudclusters.contract.elsewhere import Here, best_at, best_in, grouped
from cloudclusters.contract.explanation import NOT_SOLD, Explanation, Finding, Subject, fitting, not_fitting
from cloudclusters.contract.findings import findings_of
from cloudclusters.contract.leading import Order, whole
from cloudclusters.contract.mix import mix_of
from cloudclusters.contract.place import LOCALE, Places, names_zones
from cloudclusters.contract.policy import TIGHTEST, figure_text, measure_of
from cloudclusters.contract.rank import Group, Ranked
from cloudclusters.contract.refusal.rejection import ASK_WHY, rejections, verdicts
from cloudclusters.contract.resolve import first_options, options, world_of
from cloudclusters.contract.world import PROVIDER, Providers, Role, World, offered, places_of, roles_of, set_zones
from cloudclusters.errors import NoMatch
from cloudclusters.settings import Settings
from cloudclusters.vocabulary import Constraint, Terms, Verdict


class _Case(msgspec.Struct, frozen=True):
    """One role of a contract with all that is known of it: its options in order, and where they may stand."""

    role: Role
    order: Sequence[Ranked]
    priced: Sequence[Ranked]
    """Its options with what whole clusters cost, were they allowed to cost anything."""
    where: Mapping[str, Places]
    world: World
    here: Mapping[Group, Here]
    """What stands in each region."""
    elsewhere: Mapping[Group, Ranked]
    """The best option in regions where the contract does not look."""


def explain(
    contract: Contract,
    catalog: Catalog,
    settings: Settings,
    *,
    providers: Providers,
    about: Sequence[str] = (),
    at: float = 0.0,
) -> Explanation:
    """Say why the first option is the first, what each constraint rejects, and how what is asked `about` fares.

    That is instance types (`g6.12xlarge`, `ec2/g6.12xlarge`), places (`eu-west-1`, `Germany`) and offers, a type in a
    place (`g6.12xlarge@eu-west-1`); `at` is the time now, in seconds since the epoch. Works for a contract that nothing
    satisfies, too. Raises `InvalidContract`, with near names, for what is neither a type nor a place.
    """
    world = world_of(contract, catalog, settings, providers, at=at)
    roles = roles_of(contract, world)
    asked = [each for text in about for each in understood(text, catalog)]
    where = {name: each for role in roles for name, each in places_of(role, world).items()}
    refused: NoMatch | None = None
    try:
        where, found = first_options(roles, world, every=bool(asked))
        outcome = [_why_first(role, order, world.policy) for role, order in zip(roles, found, strict=True)]
    except NoMatch as exc:
        found, outcome, refused = [whole([]) for _ in roles], [exc.message], exc
    orders = [each.first for each in found]
    cases = _cases(roles, orders, where, world, asked) if asked else []
    subjects = tuple(subject for each in asked for case in cases for subject in _subjects(each, case, roles))
    return Explanation(
        outcome=tuple(outcome),
        hint=refused.hint if refused is not None and refused.hint != ASK_WHY else "",
        conflict_sets=refused.conflict_sets if refused is not None else (),
        relaxations=refused.relaxations if refused is not None else (),
        notes=tuple(old_prices(_days(orders, subjects), at)),
        rejections={
            role.name: rejections(role, verdicts(role, world), len(order.types))
            for role, order in zip(roles, found, strict=True)
        },
        subjects=subjects,
    )


def _days(orders: Sequence[Sequence[Ranked]], subjects: Sequence[Subject]) -> list[str]:
    """The days of the prices that are told: those of the first two options of each role, and of what is asked about."""
    offers = [each.candidate.offer for order in orders for each in order[:2]]
    days = {(o.provider, o.instance_type, str(o.place)): o.price_date for o in offers if o.hourly_usd is not None}
    days |= {(s.provider, s.instance_type, s.region): s.price_date for s in subjects if s.dated}
    return list(days.values())


def _cases(
    roles: Sequence[Role],
    orders: Sequence[Sequence[Ranked]],
    where: Mapping[str, Places],
    world: World,
    asked: Sequence[About],
) -> list[_Case]:
    here = [grouped(order) for order in orders]
    groups = {group for about in asked if about.machine is None and not about.is_zone for group in about.regions}
    elsewhere = best_in(roles, world, sorted(group for group in groups if any(group not in each for each in here)))
    rows = zip(roles, orders, _uncapped(roles, world), here, elsewhere, strict=True)
    return [_Case(role, order, priced, where, world, own, others) for role, order, priced, own, others in rows]


def _uncapped(roles: Sequence[Role], world: World) -> list[list[Ranked]]:
    """The options of several roles, were the cluster allowed to cost anything; nothing where they have none even so."""
    if len(roles) > 1:
        try:
            return options([msgspec.structs.replace(role, cap=None) for role in roles], world)[1]
        except NoMatch:
            return [[] for _ in roles]
    return [[] for _ in roles]


def _why_first(role: Role, order: Order, policy: str) -> str:
    """Why the first candidate stands before the second."""
    best = order.first[0]
    first = best.candidate.offer
    name = "" if role.name == "peer" else f"{role.name}: "
    day = f" (price of {first.price_date})" if first.price_date else ""
    said = (
        f"{name}{first.instance_type} at {first.provider} in {first.place}, {usd(first.hourly_usd)} USD/h a node{day}"
    )
    if order.total == 1:
        return f"{said}: the only offer that fits"
    second = order.first[1].candidate.offer
    reason = difference(best, order.first[1], policy)
    return (
        f"{said}: {reason} than the next of {counted(order.total, 'offer')}, {second.instance_type} in {second.place}"
    )


def difference(first: Ranked, second: Ranked, policy: str) -> str:
    """In what the first of two options is better, in words that go before `than`."""
    if first.cluster_usd is not None and second.cluster_usd is None:
        return "its price is known, rather"
    if measure_of(policy) is not None and first.figure != second.figure:
        figures = [figure_text(policy, each.figure) for each in (first, second)]
        return f"faster ({figures[0]} against {figures[1]})"
    if policy == TIGHTEST and first.surplus != second.surplus:
        return "a tighter fit"
    if first.cluster_usd != second.cluster_usd:
        return f"cheaper ({usd(first.cluster_usd)} against {usd(second.cluster_usd)} USD/h for the whole cluster)"
    if first.surplus != second.surplus:
        return "at the same price a tighter fit"
    return "equal in price and fit, and earlier by price date, region or name"


def _subjects(about: About, case: _Case, roles: Sequence[Role]) -> list[Subject]:
    if about.machine is not None:
        return [_machine(about, about.machine, case)]
    return [_region(about, *where, case, roles) for where in about.regions]


def _machine(about: About, machine: MachineType, case: _Case) -> Subject:
    """A type, or an offer of it in a place."""
    there = _offer(about, machine, case)
    zone = set_zones(case.world, [machine.provider]).get(machine.provider, "")
    rank = next((i for i, each in enumerate(case.order, 1) if about.covers(each.candidate, zone)), 0) if there else 0
    ranked = case.order[rank - 1] if rank else None
    candidate = ranked.candidate if ranked is not None else there
    offer = candidate.offer if candidate is not None else None
    cluster_usd = ranked.cluster_usd if ranked is not None else _cost(machine, offer, case)
    at = case.where.get(machine.provider)
    found = findings_of(case.role, machine, candidate, at, case.world, cluster_usd=cluster_usd)
    return Subject(
        kind="offer" if about.place else "type",
        role=case.role.name,
        provider=machine.provider,
        instance_type=machine.instance_type,
        region=_where(about, offer),
        findings=tuple(found),
        rank=rank,
        total=len(case.order),
        hourly_usd=offer.hourly_usd if offer is not None else None,
        cluster_usd=cluster_usd,
        price_date=offer.price_date if offer is not None else "",
        verdict=_verdict(rank, ranked, case) if ranked is not None else _no_option(found, candidate),
        ahead=_ahead(rank, ranked, case),
    )


def _cost(machine: MachineType, offer: Offer | None, case: _Case) -> float | None:
    """What the whole cluster costs with an offer that is no option, and with its cheapest partner where it has one."""
    for each in case.priced:
        if offer is not None and _is_of(each.candidate.offer, offer):
            return each.cluster_usd
    count = case.role.sizing.count(machine)
    if offer is None or not count:
        return None
    return mix_of(case.world.settings.section(machine.provider)).cost(case.role.name, count, offer)


def _where(about: About, offer: Offer | None) -> str:
    """The place of an offer; the zone that was asked about, where it is sold in that."""
    if offer is None or not offer.place.region:
        return about.place
    return about.place if about.is_zone else str(offer.place)


def _is_of(wide: Offer, offer: Offer) -> bool:
    """Whether these are the same offer, of which the first need not name a zone."""
    place = offer.place if wide.place.zone else Place(offer.place.region)
    return wide == msgspec.structs.replace(offer, place=place)


def _verdict(rank: int, ranked: Ranked, case: _Case) -> str:
    return fitting(rank, len(case.order), ranked.cluster_usd, case.order[0].cluster_usd)


def _no_option(found: Sequence[Finding], candidate: Candidate | None) -> str:
    """The verdict on what is no option."""
    if any(each.verdict != Verdict.MET for each in found):
        return not_fitting(found)
    return NOT_SOLD if candidate is None else "fits by itself, but no machine of the other role goes with it"


def _ahead(rank: int, ranked: Ranked | None, case: _Case) -> str:
    """Why the first option ranks higher than this one."""
    if ranked is None or rank < 2:
        return ""
    first = case.order[0].candidate.offer
    reason = difference(case.order[0], ranked, case.world.policy)
    name = f"{first.instance_type} at {first.provider} in {first.place}"
    return (
        f"{name} is {reason}"
        if case.order[0].cluster_usd is None or ranked.cluster_usd is not None
        else f"{name} has a known price"
    )


def _offer(about: About, machine: MachineType, case: _Case) -> Candidate | None:
    """The cheapest offer of a type where it was asked about; else where the contract allows it, else anywhere.

    None where it is not sold in the place, or the zone, that was asked about.
    """
    only = {PROVIDER: Terms((machine.provider,)), "node_machinetype": Terms((machine.instance_type,))}
    for places, locale in _looked_at(about, machine, case):
        asked = only if locale is None else {**only, LOCALE: locale}
        bare = msgspec.structs.replace(case.role, assumptions=asked, stated=frozenset(asked), cap=None)
        found = offered(bare, case.world, {machine.provider: places})
        exact = [each for each in found if each.machine.instance_type == machine.instance_type]
        if exact:
            return min(exact, key=lambda each: (each.offer.hourly_usd is None, each.offer.hourly_usd or 0.0))
    return None


def _looked_at(about: About, machine: MachineType, case: _Case) -> list[tuple[Places, Constraint | None]]:
    """Where an offer of a type is looked for, one after the other; in the zones of the contract before any zone."""
    own, anywhere = case.role.assumptions.get(LOCALE), Places(regions=None)
    if not about.place:
        return [(case.where.get(machine.provider, anywhere), own), (anywhere, None)]
    there = Places(regions=frozenset(region for _, region in about.regions))
    zones = [(there, own)] if names_zones(own) and not about.is_zone else []
    return [*zones, (there, Terms((about.place,)))]


def _region(about: About, provider: str, region: str, case: _Case, roles: Sequence[Role]) -> Subject:
    """What a region, or a zone, has for the role, also where the contract does not allow it."""
    place = about.place if about.is_zone else region
    here = _in_zone(provider, region, place, case) if about.is_zone else case.here.get((provider, region))
    if here is not None:
        rank, best = here.rank, here.best
        verdict = f"{counted(here.many, 'offer')} of it {'fit' if here.many > 1 else 'fits'}, the best is " + (
            f"{best.candidate.offer.instance_type}: {_verdict(rank, best, case)}"
        )
        return _place_subject(provider, place, case, rank, best, verdict, _ahead(rank, best, case))
    there, reason = _if_allowed(provider, place, case, roles)
    if there is None:
        return _place_subject(provider, place, case, 0, None, f"nothing of it fits: {reason}", "")
    offer, first = there.candidate.offer, case.order[0].cluster_usd if case.order else None
    times = f", {there.cluster_usd / first:.2f} times the first" if first and there.cluster_usd is not None else ""
    verdict = (
        f"not where the contract looks; there {offer.instance_type} would fit, "
        f"{usd(there.cluster_usd)} USD/h for the whole cluster{times}"
    )
    return _place_subject(provider, place, case, 0, there, verdict, "")


def _in_zone(provider: str, region: str, zone: str, case: _Case) -> Here | None:
    """What stands in a zone of a region, or may; None where nothing does."""
    sold_in = case.world.catalog.zones_of({region})
    set_zone = set_zones(case.world, [provider]).get(provider, "")

    def is_here(offer: Offer) -> bool:
        zones, stands = sold_in.get((provider, offer.instance_type, region), (zone,)), offer.place.zone or set_zone
        in_it = zone in (region, stands) or (not stands and zone in zones)
        return (offer.provider, offer.place.region) == (provider, region) and in_it

    here = [(rank, each) for rank, each in enumerate(case.order, 1) if is_here(each.candidate.offer)]
    return Here(*here[0], len(here)) if here else None


def _if_allowed(provider: str, place: str, case: _Case, roles: Sequence[Role]) -> tuple[Ranked | None, str]:
    """The best option of a role if the contract looked in this place alone; or why there is none."""
    if (provider, place) in case.elsewhere:
        return case.elsewhere[provider, place], ""
    best, reason = best_at(roles, case.world, provider, place)
    return (best[[role.name for role in roles].index(case.role.name)], "") if best else (None, reason)


def _place_subject(
    provider: str, place: str, case: _Case, rank: int, best: Ranked | None, verdict: str, ahead: str
) -> Subject:
    offer = best.candidate.offer if best is not None else None
    return Subject(
        kind="region",
        role=case.role.name,
        provider=provider,
        region=place,
        rank=rank,
        total=len(case.order),
        hourly_usd=offer.hourly_usd if offer is not None else None,
        cluster_usd=best.cluster_usd if best is not None else None,
        price_date=offer.price_date if offer is not None else "",
        verdict=verdict,
        ahead=ahead,
    )
