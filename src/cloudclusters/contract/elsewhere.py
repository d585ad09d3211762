"""What a contract would get in regions where it does not look: of all of them in one question.

A zone that is set lies in one region: elsewhere it says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.contract.counting import mixes_of, sorts
from cloudclusters.contract.place import LOCALE, names_zones
from cloudclusters.contract.rank import Group, Ranked, group_of
from cloudclusters.contract.refusal.rejection import no_match
from cloudclusters.contract.resolve import first_options, options
from cloudclusters.contract.world import PROVIDER, Role, World, places_of, zoneless
from cloudclusters.errors import NoMatch
from cloudclusters.vocabulary import Terms, taxonomy


class Here(msgspec.Struct, frozen=True):
    """What stands in a region: the rank of the best option, that option, and how many there are."""

    rank: int
    best: Ranked
    many: int


def grouped(order: Sequence[Ranked]) -> dict[Group, Here]:
    """The options by provider and region."""
    found: dict[Group, Here] = {}
    for rank, each in enumerate(order, 1):
        group = group_of(each.candidate)
        known = found.get(group)
        found[group] = Here(rank, each, 1) if known is None else Here(known.rank, known.best, known.many + 1)
    return found


def best_in(roles: Sequence[Role], world: World, groups: Collection[Group]) -> list[dict[Group, Ranked]]:
    """By role, the best option in each of these regions if the contract looked there; none where nothing fits.

    Regions that hold others or that nobody can place are left out, as they are more than one place.
    """
    words = taxonomy("locale")
    around = {each for r in world.catalog.regions() for each in words.ancestors(r.region) if each != r.region}
    plain = [each for each in groups if each[1] not in around and not names_zones(Terms((each[1],)))]
    if len(plain) < 2:
        return [{} for _ in roles]
    try:
        _, orders = options([_moved(role, plain) for role in roles], zoneless(world))
    except NoMatch:
        return [{} for _ in roles]
    return [_best(grouped(order), plain) for order in orders]


def _best(found: dict[Group, Here], groups: Collection[Group]) -> dict[Group, Ranked]:
    """The best option of each region, those that hold in all regions of a provider among them."""
    there = {group: [found[each] for each in (group, (group[0], "")) if each in found] for group in groups}
    return {group: min(some, key=lambda here: here.rank).best for group, some in there.items() if some}


def best_at(roles: Sequence[Role], world: World, provider: str, place: str) -> tuple[list[Ranked], str]:
    """For each role the best option if the contract looked in this place alone; or none, and why."""
    moved, world = [_moved(role, [(provider, place)]) for role in roles], zoneless(world)
    if len(moved) == 1:
        at = places_of(moved[0], world)
        mixes = mixes_of(world, at)
        if not sorts(moved[0], world, at, mixes) and all(mix.max_price is None for mix in mixes.values()):
            return [], no_match(moved[0], world, at).message
    try:
        return [order.first[0] for order in first_options(moved, world)[1]], ""
    except NoMatch as exc:
        return [], exc.message


def _moved(role: Role, groups: Collection[Group]) -> Role:
    """The role, looking in these regions alone."""
    providers, regions = (tuple(dict.fromkeys(each)) for each in zip(*groups, strict=True))
    only = {LOCALE: Terms(regions), PROVIDER: Terms(providers)}
    return msgspec.structs.replace(role, assumptions={**role.assumptions, **only}, stated=role.stated | set(only))
