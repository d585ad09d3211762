"""What a plan will cost: as expected, at worst until its limits strike, and left alone until it lets go. Pure."""

from __future__ import annotations

import msgspec

from cloudclusters.base.limits import AtLimit, Limits, duration
from cloudclusters.base.size import GiB
from cloudclusters.base.table import usd
from cloudclusters.contract.document import Plan
from cloudclusters.contract.limits import check_priced, plan_limits
from cloudclusters.errors import InvalidSetting

_HOUR, _DAY = 3600.0, 24


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Figures in USD; None is not known."""

    disk_usd: float | None
    """All root disks per hour, also while machines are stopped."""
    address_usd: float | None
    """Public addresses of all nodes per hour, where nodes have them."""
    hourly_usd: float | None
    """Machines with their disks and addresses, as far as these are known; None when a machine's price is not."""
    worst_usd: float | None
    """Until the first limit of time or money strikes; None also when there is none."""
    idle_usd: float | None
    """From the last use until it lets go of itself; None also when it does not."""


def estimate(plan: Plan) -> Estimate:
    """What a plan will cost at the size it has. Raises `InvalidSetting` for limits that are none."""
    limits = plan_limits(plan)
    disk, address = _disks(plan), _addresses(plan)
    hourly = None if plan.hourly_usd is None else plan.hourly_usd + (disk or 0.0) + (address or 0.0)
    return Estimate(
        disk_usd=disk,
        address_usd=address,
        hourly_usd=hourly,
        worst_usd=_worst(limits, hourly),
        idle_usd=None if hourly is None or limits.idle_timeout is None else hourly * limits.idle_timeout / _HOUR,
    )


def check_first_hour(plan: Plan) -> None:
    """Raise `InvalidSetting` for a plan whose first hour costs more than it may cost in all, or nobody knows what."""
    check_priced(plan_limits(plan), plan)
    most, hourly = plan_limits(plan).max_cost, estimate(plan).hourly_usd
    if most is not None and hourly is not None and hourly > most:
        raise InvalidSetting(
            f"the plan costs ${usd(hourly)} in its first hour, and max_cost is ${most:g}",
            hint=f"take fewer or smaller machines, or raise it: max_cost={_next(hourly):g}, or max_cost=off",
        )


def estimate_facts(plan: Plan) -> list[tuple[str, str]]:
    """What to know of the cost before the yes, one fact a line; nothing of a plan that costs nothing."""
    seen, limits = estimate(plan), plan_limits(plan)
    if seen.hourly_usd == 0 and seen.disk_usd == 0 and seen.address_usd == 0:
        return []
    beside = f"disks {_of_disks(plan, seen)}, public addresses {_per_hour(seen.address_usd)}"
    if seen.hourly_usd is None:
        return [("beside it", beside), ("expected", "not known")]
    without = _without(seen)
    facts = [
        ("beside it", beside),
        ("expected", f"{_per_hour(seen.hourly_usd)}, {usd(seen.hourly_usd * _DAY)} USD a day{without}"),
    ]
    facts.append(("at most", _at_most(seen, limits)))
    if seen.idle_usd is not None and limits.idle_timeout is not None:
        facts.append(("idle", f"{usd(seen.idle_usd)} USD in the {duration(limits.idle_timeout)} until it lets go"))
    return facts


def _at_most(seen: Estimate, limits: Limits) -> str:
    if seen.worst_usd is None:
        daily = usd((seen.hourly_usd or 0.0) * _DAY)
        until = "while it is used" if limits.idle_timeout is not None else "until you terminate it"
        return f"no limit: {daily} USD a day {until}"
    after = ""
    if limits.at_limit is AtLimit.STOP and seen.disk_usd != 0:
        after = f"; its disks go on costing, {_per_hour(seen.disk_usd)}"
    return f"{usd(seen.worst_usd)} USD{_without(seen)}, until a limit strikes{after}"


def _without(seen: Estimate) -> str:
    """What the figures leave out, as nobody knows it yet."""
    left_out = [name for name, cost in (("disks", seen.disk_usd), ("addresses", seen.address_usd)) if cost is None]
    return f" without {' and '.join(left_out)}" if left_out else ""


def _worst(limits: Limits, hourly: float | None) -> float | None:
    lived = None
    if limits.max_lifetime is not None and hourly is not None:
        lived = hourly * limits.max_lifetime / _HOUR
    return min((each for each in (lived, limits.max_cost) if each is not None), default=None)


def _disks(plan: Plan) -> float | None:
    rate = plan.rates.disk_usd
    if rate == 0:
        return 0.0
    if rate is None or any(role.disk_bytes is None for role in plan.roles):
        return None
    return sum(rate * role.count * (role.disk_bytes or 0) / GiB for role in plan.roles)


def _addresses(plan: Plan) -> float | None:
    return None if plan.rates.address_usd is None else plan.rates.address_usd * plan.node_count


def _of_disks(plan: Plan, seen: Estimate) -> str:
    if seen.disk_usd is None and plan.rates.disk_usd is not None:
        return f"{plan.rates.disk_usd:.6f} USD/h per GiB of the image's own"
    return _per_hour(seen.disk_usd)


def _per_hour(price: float | None) -> str:
    return "not known" if price is None else f"{usd(price)} USD/h"


def _next(hourly: float) -> float:
    """A round amount above the price of an hour."""
    return float(int(hourly) + 1)
