"""Spot and on demand in one cluster: how many nodes the settings want on demand, and what a spot machine may cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Slot
from cloudclusters.base.limits import parse_money
from cloudclusters.base.table import counted, usd
from cloudclusters.contract.document import RolePlan
from cloudclusters.errors import NoMatch
from cloudclusters.vocabulary import Constraint, contains

BASE, PERCENT, MAX_PRICE = KEYS = ("on_demand_base", "on_demand_percent", "max_price")
"""The settings that only matter where the market is not on demand alone."""


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """How the nodes of a spot cluster are bought. `base` None: the node that holds the scheduler, and no other."""

    base: int | None = None
    percent: float = 0.0
    max_price: float | None = None
    """USD per spot machine and hour; None is no bound of ours."""

    def steady(self, role: str, count: int) -> int:
        """How many of a role's `count` nodes are bought on demand: the base, and the percentage of the rest."""
        if role == "manager":  # holds the scheduler, and is no compute node
            return 0 if self.base == 0 else count
        base = min(count, (1 if role == "peer" else 0) if self.base is None else self.base)
        return base + math.ceil((count - base) * self.percent / 100)

    def cost(self, role: str, count: int, offer: Offer) -> float | None:
        """USD per hour for `count` nodes of this offer; None where a price is unknown."""
        if offer.market is Market.ON_DEMAND:
            return None if offer.hourly_usd is None else round(count * offer.hourly_usd, 6)
        steady = self.steady(role, count)
        on_demand, spot = offer.on_demand_usd, offer.hourly_usd
        if (on_demand is None and steady) or (spot is None and count > steady):
            return None
        return round(steady * (on_demand or 0.0) + (count - steady) * (spot or 0.0), 6)

    def allows(self, offer: Offer) -> bool:
        """Whether the offer costs no more than a spot machine may."""
        if self.max_price is None or offer.market is Market.ON_DEMAND or offer.hourly_usd is None:
            return True
        return offer.hourly_usd <= self.max_price


def mix_of(settings: Mapping[str, object]) -> Mix:
    """The mix that these settings, which were checked when they were read, ask for."""
    base = settings.get(BASE)
    return Mix(
        base=None if base is None else int(str(base)),
        percent=float(str(settings.get(PERCENT, 0))),
        max_price=parse_money(str(settings.get(MAX_PRICE, "off"))),
    )


def too_dear(offers: Iterable[Offer], *, on_demand: bool) -> NoMatch:
    """The error for spot machines that all cost more than `max_price`; `on_demand`: on any market others do."""
    prices = [offer.hourly_usd for offer in offers if offer.hourly_usd is not None]
    return NoMatch(
        f"every spot machine that fits costs more than {MAX_PRICE} allows; the cheapest is {usd(min(prices))} USD/h",
        hint=f"raise {MAX_PRICE}" + (", or write market=any to take machines on demand as well" if on_demand else ""),
    )


def no_effect(names: Sequence[str], why: str) -> list[str]:
    """A warning of settings that change nothing; none where there are none."""
    return [f"{' and '.join(names)} {'have' if len(names) > 1 else 'has'} no effect: {why}"] if names else []


def mix_warnings(
    roles: Sequence[RolePlan],
    settings: Mapping[str, object],
    assumptions: Mapping[str, Constraint],
    *,
    stops_spot: bool,
) -> list[str]:
    """What to know of a mix before the yes; `assumptions` are those of the entry's role."""
    entry = roles[0]
    if settings.get("market", Market.ON_DEMAND) == Market.ON_DEMAND:
        return no_effect([name for name in KEYS if name in settings], "market is on-demand")
    if entry.offer.market is Market.ON_DEMAND:
        return []
    found = []
    if entry.steady_count == 0:
        found.append(
            f"{Slot(entry.role, 0).name}, which holds the scheduler, is a spot machine: when it is taken back, what "
            f"runs is lost; without {BASE}=0 it is on demand"
        )
    elif entry.steady_count == entry.count and len(roles) == 1:
        found.append(
            f"no node is a spot machine: {BASE} ({settings.get(BASE, 'by default 1')}) and {PERCENT} "
            f"({settings.get(PERCENT, 'by default 0')}) have {counted(entry.count, 'node')} on demand; "
            f"{BASE}=0 buys them on the spot market"
        )
    bound, steady = assumptions.get("node_hourly_price"), entry.offer.on_demand
    if (
        entry.steady_count
        and bound is not None
        and steady.hourly_usd is not None
        and not contains(bound, steady.hourly_usd)
    ):
        found.append(
            f"node_hourly_price holds for spot machines; those on demand cost {usd(steady.hourly_usd)} USD/h each"
        )
    if not stops_spot and any(offer.market is Market.SPOT for role in roles for offer, _ in role.groups):
        found.append(f"interrupt will not be possible: {entry.offer.provider} cannot stop spot machines")
    return found
