"""What clusters cost, blocking: the ledger alone is read, no provider is asked."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Sequence

from cloudclusters.api.session import session
from cloudclusters.api.targets import Target, handles_of
from cloudclusters.base.limits import parse_duration
from cloudclusters.errors import InvalidContract
from cloudclusters.store import Entry
from cloudclusters.store.accounts import Cost, cost_of


def cost(*clusters: Target, since: str | float | None = None) -> Cost:
    """What these clusters cost, or all that ever were, terminated ones too: per node, per cluster and in all.

    Second by second at the prices of the launches, with disks and public addresses where their price is known; what has
    no known price is told, and not counted. `since` is a length of time such as `"7d"`, a day such as `"2026-11-01"`
    (from its begin on, here), or seconds since the epoch. Makes no provider call: it is as true as the last look.
    Raises `UnknownHandle`, `InvalidContract`.
    """
    of, now = session(), session().context.clock.now()
    begin = begin_of(since, now)
    wanted = set(handles_of(clusters, of)) if clusters else None
    found = [
        (summary, of.store.entries(summary.handle))
        for summary in of.store.summaries(terminated=True)
        if wanted is None or summary.handle in wanted
    ]
    if wanted is None:
        found = [(summary, entries) for summary, entries in found if _any_within(entries, begin)]
    return cost_of(found, since=begin, now=now)


def begin_of(since: object, now: float) -> float:
    """The moment that `since` means, in seconds since the epoch; raises `InvalidContract` for what it is not."""
    begin = _moment(since, now)
    if begin > now:
        raise InvalidContract(f"since={since!r} lies in the future", hint="name a moment that has been")
    return begin


def _moment(since: object, now: float) -> float:
    match since:
        case None:
            return 0.0
        case bool():
            pass
        case int() | float() if since >= 0:
            return float(since)
        case str():
            with contextlib.suppress(ValueError):
                return datetime.datetime.fromisoformat(since.strip()).timestamp()
            with contextlib.suppress(ValueError):
                return max(now - (parse_duration(since) or now), 0.0)
        case _:
            pass
    raise InvalidContract(
        f"since={since!r} is neither a length of time nor a day", hint='write for instance "7d", "12h" or "2026-11-01"'
    )


def _any_within(entries: Sequence[Entry], begin: float) -> bool:
    return any(entry.ended is None or entry.ended >= begin for entry in entries)
