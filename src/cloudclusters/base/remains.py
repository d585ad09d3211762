"""What is there beside the machines of a cluster, said in a sentence with its cost: pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from cloudclusters.base.cloud import Remain
from cloudclusters.base.size import GiB
from cloudclusters.base.table import counted

MONTH_HOURS = 730.0
"""Hours of a month, as prices per month are meant."""


def staying(remains: Iterable[Remain]) -> tuple[Remain, ...]:
    """Those that do not go with their machines."""
    return tuple(each for each in remains if not each.goes)


def joined(*groups: Iterable[Remain]) -> tuple[Remain, ...]:
    """All of these, each once, as the first group that has it tells it."""
    found: dict[tuple[str, str], Remain] = {}
    for each in chain(*groups):
        found.setdefault((each.kind, each.id), each)
    return tuple(found.values())


def monthly(remains: Iterable[Remain]) -> float | None:
    """USD per month for all of these; None when one price is unknown."""
    prices = [each.monthly_usd for each in remains]
    return None if None in prices else sum(price for price in prices if price is not None)


def what_is_left(remains: Iterable[Remain]) -> str:
    """What is left after a terminate, each thing with its cost; `nothing is left` when there is nothing."""
    left = staying(remains)
    if not left:
        return "nothing is left"
    return f"left: {'; '.join(map(_thing, left))}{_in_all(left)}"


def what_is_kept(remains: Iterable[Remain]) -> str:
    """What stopped machines keep and what that costs; empty when the provider tells of nothing that is paid."""
    paid = [each for each in remains if each.monthly_usd != 0]
    disks = [each for each in paid if each.kind == "disk"]
    if not paid:
        return ""
    size = f"{counted(len(disks), 'disk')} with {sum(each.size_bytes for each in disks) / GiB:g} GiB"
    others = [_thing(each) for each in paid if each.kind != "disk"]
    return f"kept: {'; '.join((size, *others))}: {_price(monthly(paid))}"


def _thing(remain: Remain) -> str:
    facts = [f"{remain.size_bytes / GiB:g} GiB"] if remain.size_bytes else []
    facts += [_price(remain.monthly_usd)] if remain.monthly_usd != 0 else []
    facts += [remain.why] if remain.why else []
    return f"{remain.kind} {remain.id}" + (f" ({', '.join(facts)})" if facts else "")


def _in_all(left: tuple[Remain, ...]) -> str:
    paid = [each for each in left if each.monthly_usd != 0]
    return f"; {_price(monthly(paid))} in all" if len(paid) > 1 else ""


def _price(usd: float | None) -> str:
    return "at an unknown price" if usd is None else f"${usd:.2f} per month"
