"""Limits on the command line: the options that name them, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import click

from cloudclusters.base.limits import AtLimit, duration, parse_duration, parse_money
from cloudclusters.contract.limits import LimitOptions
from cloudclusters.lifecycle.deadline import Outlook, outlook_of
from cloudclusters.store.record import ClusterRecord, ClusterState

P = ParamSpec("P")
T = TypeVar("T")
Check = Callable[[click.Context, click.Parameter, str | None], str | None]


def limit_options(command: Callable[P, T]) -> Callable[P, T]:
    """Give a command the options that name limits."""
    time, money = _readable(parse_duration), _readable(parse_money)
    options = (
        click.option(
            "--idle-timeout", metavar="TIME", callback=time, help="Let go after 30m, 2h … without use; or off."
        ),
        click.option("--max-lifetime", metavar="TIME", callback=time, help="Let go 8h, 2d … after the deploy; or off."),
        click.option("--max-cost", metavar="USD", callback=money, help="Let go when it has cost so much; or off."),
        click.option(
            "--at-limit",
            type=click.Choice([each.value for each in AtLimit]),
            help="What letting go is: delete the machines, or stop them and keep their disks, which are paid.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _readable(parse: Callable[[str], float | None]) -> Check:
    def check(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
        try:
            if text is not None:
                parse(text)
        except ValueError as exc:
            raise click.BadParameter(str(exc)) from exc
        return text

    return check


def named_limits(options: Mapping[str, object]) -> dict[str, str]:
    """The limits among a command's options that were given."""
    return {name: str(options[name]) for name in LimitOptions.__annotations__ if options.get(name) is not None}


def limits_row(outlook: Outlook) -> dict[str, object]:
    """Limits, and when they strike, by the words of the package."""
    limits = outlook.limits
    return {
        "idle_timeout": limits.idle_timeout,
        "max_lifetime": limits.max_lifetime,
        "max_cost": limits.max_cost,
        "at_limit": limits.at_limit.value,
        "strikes_at": outlook.strikes_at,
        "strikes_why": outlook.strikes_why,
        "idle_for": outlook.idle_for,
        "busy": outlook.busy,
    }


def strikes(outlook: Outlook, now: float) -> str:
    """When the first limit strikes, in a few words; empty where no moment is known."""
    if outlook.strikes_at is None:
        return ""
    left = outlook.strikes_at - now
    return f"in {duration(left)}, when {outlook.strikes_why}" if left > 0 else f"due: {outlook.strikes_why}"


def use(outlook: Outlook) -> str:
    """How long a cluster was not used, as far as its head's agent was asked."""
    if outlook.busy:
        return f"in use: {', '.join(outlook.busy)}"
    return f"for {duration(outlook.idle_for)}" if outlook.idle_for is not None else ""


def in_short(record: ClusterRecord, now: float) -> str:
    """When a cluster lets go of its machines, for a column."""
    if record.state is ClusterState.TERMINATED:
        return ""
    outlook = outlook_of(record, now)
    idle = outlook.limits.idle_timeout
    if outlook.strikes_at is not None and outlook.strikes_at <= now:
        return "due"
    parts = [f"in {duration(outlook.strikes_at - now)}"] if outlook.strikes_at is not None else []
    parts += [f"{duration(idle)} unused"] if idle is not None else []
    return " or ".join(parts) or "never"
