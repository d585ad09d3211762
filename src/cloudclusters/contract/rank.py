"""The order of candidates: what the policy says, price of the whole cluster, tightest fit, newest price, names.

Of what is the same on both markets, the machine that nobody takes back comes first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, added
from cloudclusters.catalog import NONE, Candidate, MachineType, cell_of
from cloudclusters.contract import policy as policies
from cloudclusters.contract.mix import Mix, mix_of
from cloudclusters.contract.place import Places
from cloudclusters.contract.policy import Policy
from cloudclusters.contract.resolution import KEPT, KEPT_DEPLOYABLE, Choice
from cloudclusters.contract.sizing import sums, total, total_bounds
from cloudclusters.contract.world import Role, World
from cloudclusters.errors import InvalidContract
from cloudclusters.vocabulary import Feature, Range

Group = tuple[str, str]
"""A provider and a region: all nodes of a cluster stand in one."""
Lead = tuple[float, ...]
"""What the order goes by before fit, date and names."""


class Priced(msgspec.Struct, frozen=True, gc=False):
    """A candidate, how many nodes of it the role needs, and what they cost per hour; None is unknown."""

    candidate: Candidate
    count: int
    usd: float | None


class Ranked(msgspec.Struct, frozen=True, gc=False):
    """A candidate with what it is ranked by. `figure` is what the policy measures, None where it is unknown."""

    candidate: Candidate
    count: int
    cluster_usd: float | None
    surplus: float
    figure: float | None = None


def ranked(
    roles: Sequence[Role],
    found: Sequence[Sequence[Candidate]],
    at: Mapping[str, Places],
    world: World,
    *,
    policy: Policy | None = None,
) -> list[list[Ranked]]:
    """For each role its candidates in order, without those that have no partner for the other role in their region.

    Without those that no number of nodes makes do, too, those of too dear a cluster, and spot machines that cost more
    than the settings allow. The settings say what comes first, unless `policy` does.
    """
    mixes, named = {name: mix_of(world.settings.section(name)) for name in at}, world.policy
    priced = [_priced(role, each, mixes) for role, each in zip(roles, found, strict=True)]
    cheapest = [_cheapest(each) for each in priced] if len(roles) > 1 else [{}]
    rows = [
        _rows(role, each, [c for j, c in enumerate(cheapest) if j != i], named)
        for i, (role, each) in enumerate(zip(roles, priced, strict=True))
    ]
    if policy is None:
        return [sorted(each, key=lambda row: _key(row, at, named)) for each in rows]
    return [_by_own(policy, each, at, world) for each in rows]


def lead(policy: str, cost: float | None, surplus: float, figure: float | None) -> Lead:
    """What an option is first placed by; of the offers of one type on one market, the cheapest has the least."""
    first: Lead = ()
    if policy == policies.TIGHTEST:
        first = (surplus,)
    elif policy not in (policies.CHEAPEST, policies.PINNED):
        first = (figure is None, -(figure or 0.0))
    return (cost is None, *first, cost or 0.0)


def lead_of(policy: str, role: Role, machine: MachineType, count: int, cost: float | None) -> Lead:
    """The `lead` of so many nodes of a type, at this price of the whole cluster."""
    fit = _fit(bounds(role), total_bounds(role.sizing), machine, count)
    return lead(policy, cost, fit, policies.figure(policy, machine, count, cost))


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

    With `partners`, also the first and the cheapest of each place where it can: another role may have to follow there,
    and the price that it was compared by is that with the cheapest.
    """
    kept, ready = [], 0
    groups: set[Group] = set()
    cheapest = _cheapest_ranks(order) if partners else frozenset[int]()
    for rank, each in enumerate(order, 1):
        deployable = world.deployable(each.candidate.offer.provider)
        group = group_of(each.candidate)
        new = group not in groups
        ready += deployable
        if rank <= KEPT or (deployable and ((partners and new) or rank in cheapest or ready <= KEPT_DEPLOYABLE)):
            kept.append(choice(rank, each, deployable=deployable))
            groups.add(group)
    return tuple(kept)


def _cheapest_ranks(order: Sequence[Ranked]) -> frozenset[int]:
    """The ranks of what costs least in each place."""
    lowest: dict[Group, tuple[float, int]] = {}
    for rank, each in enumerate(order, 1):
        if each.cluster_usd is not None:
            group = group_of(each.candidate)
            lowest[group] = min(lowest.get(group, (math.inf, rank)), (each.cluster_usd, rank))
    return frozenset(rank for _, rank in lowest.values())


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
        count=ranked.count,
        spot_savings_percent=ranked.candidate.spot_savings_percent,
        spot_interruption_percent=ranked.candidate.spot_interruption_percent,
        cluster_usd=ranked.cluster_usd,
        figure=ranked.figure,
        surplus=ranked.surplus,
        deployable=deployable,
    )


def _priced(role: Role, found: Sequence[Candidate], mixes: Mapping[str, Mix]) -> list[Priced]:
    every, counts = Mix(), role.sizing.counts(each.machine for each in found)
    rows = []
    for each in found:
        mix = mixes.get(each.offer.provider, every)
        if (count := counts[id(each.machine)]) and mix.allows(each.offer):
            rows.append(Priced(each, count, mix.cost(role.name, count, each.offer)))
    return rows


def _cheapest(found: Sequence[Priced]) -> dict[Group, float | None]:
    """The lowest price of all nodes of a role, by group; None where no price there is known."""
    lowest: dict[Group, float | None] = {}
    for each in found:
        group = group_of(each.candidate)
        known = lowest.setdefault(group, None)
        if each.usd is not None and (known is None or each.usd < known):
            lowest[group] = each.usd
    return lowest


def _rows(
    role: Role, found: Sequence[Priced], others: Sequence[Mapping[Group, float | None]], policy: str
) -> list[Ranked]:
    asked, totals, measured = bounds(role), total_bounds(role.sizing), policies.measure_of(policy) is not None
    fits: dict[int, float] = {}
    rows: list[Ranked] = []
    for each in found:
        cost = each.usd
        if others:
            group = group_of(each.candidate)
            if not all(group in other for other in others):
                continue
            cost = added((each.usd, *(other[group] for other in others)))
        if not role.within_cap(cost):
            continue
        machine = each.candidate.machine
        key = id(machine)
        if key not in fits:
            fits[key] = _fit(asked, totals, machine, each.count)
        figure = policies.figure(policy, machine, each.count, cost) if measured else None
        rows.append(Ranked(each.candidate, each.count, cost, fits[key], figure))
    return rows


def _fit(
    asked: Sequence[tuple[Feature, float]], totals: Sequence[tuple[Feature, float]], machine: MachineType, count: int
) -> float:
    """How much more there is than these bounds ask for, of each machine and of all together: doublings, summed."""
    cells = [(total(feature, sums(feature, machine), count), low) for feature, low in totals]
    return surplus(asked, machine) + math.fsum(math.log2(cell / low) for cell, low in cells if cell)


def _by_own(policy: Policy, rows: Sequence[Ranked], at: Mapping[str, Places], world: World) -> list[Ranked]:
    """By what the user's own function says of each; equals in the usual order, and unknown prices last as ever."""
    order = sorted(rows, key=lambda row: _key(row, at, policies.CHEAPEST))
    keys = [policy(choice(0, row, deployable=world.deployable(row.candidate.offer.provider))) for row in order]
    for key, row in zip(keys, order, strict=True):
        if key is None or (isinstance(key, float) and math.isnan(key)):
            offer = row.candidate.offer
            raise InvalidContract(
                f"the policy gives {key} for {offer.instance_type} at {offer.provider} in {offer.place}",
                hint="return a number for each choice, such as float('inf') for what is to come last",
            )
    pairs = [((row.cluster_usd is None, key), row) for key, row in zip(keys, order, strict=True)]
    try:
        return [row for _, row in sorted(pairs, key=lambda pair: pair[0])]
    except TypeError as exc:
        raise InvalidContract(
            f"what the policy gives cannot be compared ({exc})",
            hint="return a number for each choice, or a tuple of numbers; the smallest comes first",
        ) from exc


def _key(row: Ranked, at: Mapping[str, Places], policy: str) -> tuple[object, ...]:
    offer = row.candidate.offer
    region = offer.place.region
    return (
        *lead(policy, row.cluster_usd, row.surplus, row.figure),
        row.surplus,
        -int(offer.price_date.replace("-", "") or 0),
        region != at[offer.provider].home,
        region,
        offer.place.zone,
        offer.instance_type,
        offer.provider,
        offer.market is Market.SPOT,
    )
