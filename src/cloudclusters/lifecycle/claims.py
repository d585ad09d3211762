"""Who looks after machines, as their words tell everybody with the provider's credentials: pure.

Three kinds of words: the lease of a verb that runs now, the claim of a driver that was there, and the limits by which
the machines let go of themselves. Anybody in the account may write words, so they only ever keep us from acting, and
none for longer than we would write ourselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from cloudclusters.base.cloud import Holding, Instance, InstanceState
from cloudclusters.base.limits import AtLimit, Limits, duration

LASTS = 3600.0
"""Seconds that a claim holds; who is there renews it long before."""
KEPT = 30 * 86400.0
"""Seconds that the claim of an interrupted cluster holds, whose machines nobody can ask."""
LATE = 900.0
"""Seconds beyond its deadline after which a machine that still runs did not let go of itself."""
CLAIM, LEASE, LIMITS = "claim", "lease", "limits"
_ID = 8
"""Characters of a store's name in the name of a word."""
_MICRO = 1e6
"""A USD in the unit in which words tell of money."""
_OVER = (InstanceState.TERMINATING, InstanceState.GONE)


@dataclass(frozen=True, slots=True)
class Turn:
    """A verb that somebody runs: until when unless renewed, since when (seconds since the epoch), which, and who."""

    until: float
    since: float
    verb: str
    who: str

    def __str__(self) -> str:
        return f"`{self.verb}` is being run by {self.who}"


def turn_words(store: str, turn: Turn) -> dict[str, str]:
    """The word that tells of a verb of this store; one for each store, so that none overwrites another's."""
    return {f"{LEASE}-{store[:_ID]}": f"{turn.until:.0f} {turn.since:.0f} {turn.verb} {turn.who}"[:250]}


def no_turn_words(store: str) -> dict[str, str]:
    """The word that tells that this store runs no verb."""
    return {f"{LEASE}-{store[:_ID]}": ""}


def turns_of_others(seen: Iterable[Instance], store: str, *, now: float, longest: float) -> list[Turn]:
    """The verbs that other stores run now, as these machines tell; what claims to last longer than `longest` is false.

    Machines that are gone, or about to be, tell nothing: nobody could take back their words.
    Clocks that differ by less than half of `longest` still agree.
    """
    found: list[Turn] = []
    for instance in (each for each in seen if each.state not in _OVER):
        for name, text in instance.words.items():
            mine = name == f"{LEASE}-{store[:_ID]}"
            turn = _turn(text) if name.startswith(f"{LEASE}-") and not mine else None
            if turn is not None and turn not in found and now < turn.until < now + 1.5 * longest:
                found.append(turn)
    return found


def claim_words(who: str, *, until: float) -> dict[str, str]:
    """The word by which a driver says that it looks after the machines until then."""
    return {CLAIM: f"{until:.0f} {who}"[:250]}


def limits_words(limits: Limits, *, deadline: float | None, store: str, ends: float | None = None) -> dict[str, str]:
    """The word that tells by which limits the machines let go of themselves, and which store said so last.

    `deadline` is when the first limit of time or money strikes, `ends` when that of time does, in seconds since the
    epoch. Money is told in millionths of a USD.
    """
    cost = None if limits.max_cost is None else limits.max_cost * _MICRO
    told = {"idle": limits.idle_timeout, "deadline": deadline, "ends": ends, "cost": cost}
    parts = [f"{name}={value:.0f}" for name, value in told.items() if value is not None]
    return {LIMITS: " ".join((*parts, f"at={limits.at_limit}", f"by={store[:_ID]}"))}


@dataclass(frozen=True, slots=True)
class Said:
    """The limits that machines say they have: seconds without use, the end in seconds since the epoch, and by whom.

    `ends` is the end of their lifetime, `max_cost` what they may cost in USD: one of the two gives the end.
    """

    idle_timeout: float | None
    deadline: float | None
    at_limit: AtLimit
    by: str = ""
    ends: float | None = None
    max_cost: float | None = None

    def is_of(self, store: str) -> bool:
        """Whether this store said so, or nobody knows who."""
        return self.by in ("", store[:_ID])


def limits_said(seen: Iterable[Instance]) -> Said | None:
    """The limits that the first machine with such a word says; None when none does.

    Not one that is gone, or about to be: nobody changes its words any more.
    """
    there = (each for each in seen if each.state not in _OVER)
    parts = next((found for instance in there if (found := _limits_in(instance))), {})
    try:
        at_limit = AtLimit(parts.get("at", ""))
    except ValueError:
        return None
    idle, deadline, ends, cost = (_number(parts.get(name, "")) for name in ("idle", "deadline", "ends", "cost"))
    return Said(idle, deadline, at_limit, parts.get("by", ""), ends, None if cost is None else cost / _MICRO)


def claim_of(holding: Holding, seen: Collection[Instance], *, store: str, now: float, longest: float) -> str:
    """Why somebody looks after what is there, in a few words; empty when nobody does."""
    there = [i for i in seen if i.state not in _OVER]
    if turns := turns_of_others(there, store, now=now, longest=longest):
        return str(turns[0])
    until, who = _latest_claim(holding, there, now)
    if until > now:
        return f"claimed by {who} for {duration(until - now)} more"
    return _let_go_by_themselves(there, now) if there else ""


def _latest_claim(holding: Holding, there: Collection[Instance], now: float) -> tuple[float, str]:
    """Until when somebody claims it, and who; the launch itself is a claim as well."""
    claims = [(holding.expires or 0.0, holding.owner)]
    for instance in there:
        until, _, who = instance.words.get(CLAIM, "").partition(" ")
        claims.append((_number(until) or 0.0, who))
    return max((claim for claim in claims if claim[0] <= now + KEPT + LATE), default=(0.0, ""))


def _let_go_by_themselves(there: Collection[Instance], now: float) -> str:
    """What the limits of the machines say; empty when one has none, or is beyond them."""
    reasons = [_own_end(instance, now) for instance in there]
    return reasons[0] if all(reasons) else ""


def _own_end(instance: Instance, now: float) -> str:
    limits = _limits_in(instance)
    if instance.state in (InstanceState.STOPPED, InstanceState.STOPPING):
        return "stopped by its limits, and keeps its disks" if limits.get("at") == AtLimit.STOP else ""
    idle, deadline = _number(limits.get("idle", "")), _number(limits.get("deadline", ""))
    if deadline is not None and now > deadline + LATE:
        return ""
    if deadline is not None and deadline > now:
        return f"lets go of itself within {duration(deadline - now)}"
    return f"lets go of itself after {duration(idle)} without use" if idle is not None else ""


def _limits_in(instance: Instance) -> dict[str, str]:
    return dict(part.split("=", 1) for part in instance.words.get(LIMITS, "").split() if "=" in part)


def _turn(text: str) -> Turn | None:
    parts = text.split(" ", 3)
    if len(parts) != 4:
        return None
    until, since = _number(parts[0]), _number(parts[1])
    return Turn(until, since, parts[2], parts[3]) if until is not None and since is not None else None


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
