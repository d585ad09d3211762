"""Limits as people write them, in settings and in calls, and in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypedDict

import msgspec

from cloudclusters.base.limits import AtLimit, Limits, duration, parse_duration, parse_money
from cloudclusters.base.near import near
from cloudclusters.contract.document import Plan
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings.keys import KEYS
from cloudclusters.settings.layer import checked

IDLE = 3600.0
"""The idle limit of machines that cost money, in seconds, when nobody names one."""
FOREVER = "runs until you terminate it: no limit lets go of it by itself"
_READ: Mapping[str, Callable[[str], object]] = {
    "idle_timeout": parse_duration,
    "max_lifetime": parse_duration,
    "max_cost": parse_money,
    "at_limit": AtLimit,
}


class LimitOptions(TypedDict, total=False):
    """Limits as a call names them; those that are not named stay as they are.

    A length of time is a text such as `"2h"` or a number of seconds, an amount such as `"$5"` or a number of USD;
    `"off"` or None is no limit.
    """

    idle_timeout: str | float | None
    max_lifetime: str | float | None
    max_cost: str | float | None
    at_limit: str


def written(options: Mapping[str, object], where: str) -> dict[str, str]:
    """The options as settings hold them; raises `InvalidSetting`, which begins with `where`, for what is no limit."""
    for name in options:
        if name not in _READ:
            raise InvalidSetting(
                f"{where}: {name!r} is no limit{near(name, _READ)}", hint=f"the limits are {', '.join(_READ)}"
            )
    texts = {name: "off" if value is None else value for name, value in options.items()}
    return {name: str(checked(KEYS[name], text, where)) for name, text in texts.items()}


def limits_with(limits: Limits, options: Mapping[str, object], where: str) -> Limits:
    """These limits with those changed that the options name; raises as `written`."""
    return msgspec.structs.replace(limits, **{name: _READ[name](t) for name, t in written(options, where).items()})


def limits_of(settings: Mapping[str, object], *, free: bool) -> Limits:
    """The limits in these settings; `free` machines have no idle limit unless one is named. Raises `InvalidSetting`."""
    named = {name: settings[name] for name in _READ if settings.get(name) is not None}
    return limits_with(Limits(idle_timeout=None if free else IDLE), named, "settings")


def plan_limits(plan: Plan) -> Limits:
    """The limits of what is made by this plan. Raises `InvalidSetting`."""
    return limits_of(plan.settings, free=plan.hourly_usd == 0)


def check_priced(limits: Limits, plan: Plan) -> None:
    """Raise `InvalidSetting` when a cost is limited and the price is not known: nobody could tell the moment."""
    if limits.max_cost is not None and plan.hourly_usd is None:
        unknown = next(o.instance_type for role in plan.roles for o, _ in role.groups if o.hourly_usd is None)
        raise InvalidSetting(
            f"max_cost is ${limits.max_cost:g}, and the price of {unknown} at {plan.provider} is not known",
            hint="limit the time instead, as with max_lifetime=8h and max_cost=off, or take a type of a known price",
        )


def limits_text(limits: Limits, hourly_usd: float | None) -> str:
    """When a cluster at this price lets go of its machines, and what becomes of them: the end of a sentence."""
    when = []
    if limits.idle_timeout is not None:
        when.append(f"after {duration(limits.idle_timeout)} without use")
    if limits.max_lifetime is not None:
        when.append(f"{duration(limits.max_lifetime)} after its deploy")
    if limits.max_cost is not None:
        within = f" (in {duration(limits.max_cost / hourly_usd * 3600)})" if hourly_usd else ""
        when.append(f"at ${limits.max_cost:g}{within}")
    return f"lets go by itself {' or '.join(when)}: {outcome(limits)}" if when else FOREVER


def outcome(limits: Limits) -> str:
    """What becomes of the machines when a limit strikes."""
    if limits.at_limit is AtLimit.STOP:
        return "machines stop and their disks are kept, and paid; what cannot be stopped is deleted"
    return "machines and disks are deleted"
