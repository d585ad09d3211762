"""The order of candidates: price of the whole cluster, tightest fit, newest price, configured region, names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.catalog import NONE, Candidate, MachineType, cell_of
from cloudclusters.contract.place import Places
from cloudclusters.contract.resolution import KEPT, KEPT_DEPLOYABLE, Choice
from cloudclusters.contract.world import Role, World
from cloudclusters.vocabulary import Feature, Range

Group = tuple[str, str]
"""A provider and a region: all nodes of a cluster stand in one."""


class Ranked(msgspec.Struct, frozen=True):
    """A candidate with what it is ranked by."""

    candidate: Candidate
    cluster_usd: float | None
    surplus: float


def ranked(roles: Sequence[Role], found: Sequence[Sequence[Candidate]], at: Mapping[str, Places]) -> list[list[Ranked]]:
    """For each role its candidates in order, without those that have no partner for the other role in their region."""
    cheapest = [_cheapest(role, each) for role, each in zip(roles, found, strict=True)]
    return [
        _in_order(role, each, [c for j, c in enumerate(cheapest) if j != i], at)
        for i, (role, each) in enumerate(zip(roles, found, strict=True))
    ]


def group_of(candidate: Candidate) -> Group:
    """Where the candidate's cluster would stand."""
    return candidate.offer.provider, candidate.offer.place.region


def bounds(role: Role) -> list[tuple[Feature, float]]:
    """The quantities that the role bounds from below, and where."""
    return [(feature, each.low) for feature, each in role.demands if isinstance(each, Range) and each.low]


def surplus(bounds: Sequence[tuple[Feature, float]], machine: MachineType) -> float:
    """How much more the machine has than these bounds ask for: doublings, summed."""
    cells = [(cell_of(machine, feature), low) for feature, low in bounds]
    return math.fsum(math.log2(cell / low) for cell, low in cells if isinstance(cell, int | float) and cell > 0)


def choices(order: Sequence[Ranked], world: World, *, partners: bool) -> tuple[Choice, ...]:
    """The choices that are kept: the first ones, and the first that can be deployed here.

    With `partners`, also the first of each place where it can: another role may have to follow there.
    """
    kept, ready = [], 0
    groups: set[Group] = set()
    for rank, each in enumerate(order, 1):
        deployable = world.deployable(each.candidate.offer.provider)
        group = group_of(each.candidate)
        new = partners and group not in groups
        ready += deployable
        if rank <= KEPT or (deployable and (new or ready <= KEPT_DEPLOYABLE)):
            kept.append(choice(rank, each, deployable=deployable))
            groups.add(group)
    return tuple(kept)


def choice(rank: int, ranked: Ranked, *, deployable: bool) -> Choice:
    """A candidate as a document."""
    machine = ranked.candidate.machine
    model = machine.accelerator_model or ""
    return Choice(
        rank=rank,
        offer=ranked.candidate.offer,
        vcpus=machine.vcpus,
        memory_bytes=machine.memory_bytes,
        storage_bytes=machine.storage_bytes,
        isa=machine.isa or "",
        accelerator="" if model == NONE else model.replace("|", " or "),
        accelerator_count=machine.accelerator_count,
        cluster_usd=ranked.cluster_usd,
        surplus=ranked.surplus,
        deployable=deployable,
    )


def _cheapest(role: Role, found: Sequence[Candidate]) -> dict[Group, float | None]:
    """The lowest price of all nodes of a role, by group; None where no price there is known."""
    lowest: dict[Group, float | None] = {}
    for each in found:
        group, price = group_of(each), each.offer.hourly_usd
        known = lowest.setdefault(group, None)
        if price is not None and (known is None or role.count * price < known):
            lowest[group] = role.count * price
    return lowest


def _in_order(
    role: Role, found: Sequence[Candidate], others: Sequence[Mapping[Group, float | None]], at: Mapping[str, Places]
) -> list[Ranked]:
    asked = bounds(role)
    fits: dict[int, float] = {}
    rows: list[Ranked] = []
    for each in found:
        group = group_of(each)
        if not all(group in other for other in others):
            continue
        key = id(each.machine)
        if key not in fits:
            fits[key] = surplus(asked, each.machine)
        prices = [other[group] for other in others]
        own = None if each.offer.hourly_usd is None else role.count * each.offer.hourly_usd
        rows.append(Ranked(each, _sum([own, *prices]), fits[key]))
    return sorted(rows, key=lambda row: _key(row, at))


def _sum(prices: Sequence[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return math.fsum(known) if len(known) == len(prices) else None


def _key(row: Ranked, at: Mapping[str, Places]) -> tuple[bool, float, float, int, bool, str, str, str]:
    offer = row.candidate.offer
    region = offer.place.region
    return (
        row.cluster_usd is None,
        row.cluster_usd or 0.0,
        row.surplus,
        -int(offer.price_date.replace("-", "") or 0),
        region != at[offer.provider].home,
        region,
        offer.instance_type,
        offer.provider,
    )
