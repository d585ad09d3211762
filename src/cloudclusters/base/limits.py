"""What a cluster lets go of itself by: so long idle, so long alive, so much money; and what happens then."""

from __future__ import annotations

import enum
import math
import re

import msgspec

OFF = "off"
"""As a limit's text: there is none."""
_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\Z")


class AtLimit(enum.StrEnum):
    """What becomes of the machines when a limit strikes."""

    TERMINATE = "terminate"
    """They are deleted, with their disks."""
    STOP = "stop"
    """They stop and keep their disks, which are paid; where they cannot be stopped they are deleted."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of one cluster; None is no limit."""

    idle_timeout: float | None = None
    """Seconds without use: no task, no command, nobody at a terminal of a node."""
    max_lifetime: float | None = None
    """Seconds from the cluster's first record on, stopped time included."""
    max_cost: float | None = None
    """USD in all, by the prices frozen at the launches."""
    at_limit: AtLimit = AtLimit.TERMINATE


def parse_duration(text: str) -> float | None:
    """The seconds that `90`, `90s`, `10m`, `2h` or `1d` means, above 0; None for `off`. Raises `ValueError`."""
    if text.strip().lower() == OFF:
        return None
    match = _FORM.match(text.strip())
    found = float(match[1]) * _SECONDS[match[2] or ""] if match else 0.0
    if not 0 < found < math.inf:
        raise ValueError(f"{text!r} is not a length of time above 0; write 90s, 10m, 2h, 1d or {OFF}")
    return found


def parse_money(text: str) -> float | None:
    """The USD that `5`, `0.5` or `$5` means, above 0; None for `off`. Raises `ValueError`."""
    word = text.strip().removeprefix("$")
    if word.lower() == OFF:
        return None
    try:
        found = float(word)
    except ValueError:
        found = 0.0
    if not 0 < found < math.inf:
        raise ValueError(f"{text!r} is not an amount in USD above 0; write 5, 0.50 or {OFF}")
    return found


def duration(seconds: float) -> str:
    """A length of time as it is written: `0.5s`, `30s`, `1m30s`, `10m`, `2h`, `1d12h`; to the second of two units."""
    if 0 < seconds < 1:
        return f"{seconds:.2g}s"
    left = max(0, round(seconds))
    sizes = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    while len(sizes) > 1 and left < sizes[0][1]:
        sizes.pop(0)
    parts = []
    for unit, size in sizes[:2]:
        count, left = divmod(left, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
