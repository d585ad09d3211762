"""How old prices are: each is shown with its day, and those of more than a year are warned of."""

from __future__ import annotations

import time
from collections.abc import Sequence

from cloudclusters.base.table import counted


def is_old(day: str, at: float) -> bool:
    """Whether a price of this day is of more than a year before `at`; never when either is not known."""
    return bool(at and day) and day < year_before(at)


def year_before(at: float) -> str:
    """The day one year before a time in seconds since the epoch, as `YYYY-MM-DD`."""
    now = time.gmtime(at)
    return f"{now.tm_year - 1:04}-{now.tm_mon:02}-{now.tm_mday:02}"


def old_prices(days: Sequence[str], at: float) -> list[str]:
    """A sentence when prices that are compared are of more than a year ago, of their days."""
    old = [day for day in days if is_old(day, at)]
    if not old:
        return []
    of = f"{len(old)} of {counted(len(days), 'price')}"
    return [
        f"{of} {'are' if len(old) > 1 else 'is'} more than a year old, the oldest of {min(old)}: "
        "`cloudclusters catalog refresh` asks for today's"
    ]
