"""The first options of a role, without a look at the others: the catalog counts those.

An offer that is among the first fifty is of a type whose best offer is among the first fifty of all types. So each type
is placed by its lowest price, and only the offers of the first types are read and ranked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market
from cloudclusters.contract import policy as policies
from cloudclusters.contract.counting import Name, Sort
from cloudclusters.contract.place import Places
from cloudclusters.contract.rank import Lead, Ranked, lead, lead_of, ranked
from cloudclusters.contract.resolution import KEPT, KEPT_DEPLOYABLE
from cloudclusters.contract.world import Only, Role, World, offered


class Order(msgspec.Struct, frozen=True):
    """The options of a role: the first of them in order, how many there are, and of which types they are."""

    first: Sequence[Ranked]
    total: int
    types: frozenset[Name]


def whole(order: Sequence[Ranked]) -> Order:
    """The order where all options are at hand."""
    offers = (each.candidate.offer for each in order)
    return Order(order, len(order), frozenset((offer.provider, offer.instance_type) for offer in offers))


def leading(role: Role, world: World, at: Mapping[str, Places], sorts: Sequence[Sort]) -> Order:
    """The first options of a role that stands alone: all those that a resolution keeps, in the order of `ranked`."""
    policy, leads = world.policy, _leads(role, world, sorts) if len(sorts) > KEPT else [()] * len(sorts)
    cut = _cut(world, sorts, leads)
    near: dict[Market, list[Sort]] = {}
    for sort, place in zip(sorts, leads, strict=True):
        if cut is None or place <= cut:
            near.setdefault(sort.market, []).append(sort)
    found = []
    for market, each in near.items():
        ceiling = _ceiling(cut, market, each) if policy == policies.CHEAPEST else None
        found += offered(role, world, at, only=Only(market, {sort.name for sort in each}, ceiling))
    (order,) = ranked([role], [found], at, world)
    first = order if cut is None else [row for row in order if _lead(policy, row) <= cut]
    return Order(first, sum(sort.offers for sort in sorts), frozenset(sort.name for sort in sorts))


def _leads(role: Role, world: World, sorts: Sequence[Sort]) -> list[Lead]:
    """What the best offer of each sort is first placed by."""
    policy = world.policy
    if policy == policies.CHEAPEST:
        return [lead(policy, sort.lowest, 0.0, None) for sort in sorts]
    types = world.catalog.machine_types({sort.name for sort in sorts})
    machines = {(each.provider, each.instance_type): each for each in types}
    return [lead_of(policy, role, machines[sort.name], sort.count, sort.lowest) for sort in sorts]


def _cut(world: World, sorts: Sequence[Sort], leads: Sequence[Lead]) -> Lead | None:
    """Up to where all options are needed; None where all of them are."""
    ready = sorted(place for sort, place in zip(sorts, leads, strict=True) if world.deployable(sort.name[0]))
    if len(leads) <= KEPT or 0 < len(ready) < KEPT_DEPLOYABLE:
        return None
    return max([sorted(leads)[KEPT - 1], *ready[KEPT_DEPLOYABLE - 1 : KEPT_DEPLOYABLE]])


def _ceiling(cut: Lead | None, market: Market, sorts: Sequence[Sort]) -> float | None:
    """What a node costs at most where the cluster costs no more than the cut; None: no limit."""
    if cut is None or cut[0] or market is not Market.ON_DEMAND:  # of a spot cluster some nodes are on demand
        return None
    return cut[-1] / min(sort.count for sort in sorts)


def _lead(policy: str, row: Ranked) -> Lead:
    return lead(policy, row.cluster_usd, row.surplus, row.figure)
