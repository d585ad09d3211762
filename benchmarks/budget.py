"""A row of the budget table: what was measured, against what, and whether that is within the budget."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec

HEADER = ("WHAT", "MEASURED", "AGAINST", "BASELINE", "RATIO", "BUDGET", "")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement. With a baseline the budget holds for the ratio, else for what was measured.

    `ratio` is measured by baseline; for speed-ups (`faster`) it is baseline by measured. A row without `most` and
    `least` has no budget: it is there to be read beside the others.
    """

    what: str
    measured: float
    unit: str
    against: str = ""
    baseline: float | None = None
    faster: bool = False
    most: float | None = None
    least: float | None = None
    note: str = ""
    """What was measured, where that is too long for the table: it is shown below."""

    @property
    def ratio(self) -> float | None:
        """How many times the baseline, or how many times quicker than it."""
        if self.baseline is None:
            return None
        return self.baseline / self.measured if self.faster else self.measured / self.baseline

    @property
    def is_met(self) -> bool | None:
        """Whether the budget is kept; None without one."""
        if self.most is None and self.least is None:
            return None
        value = self.measured if self.ratio is None else self.ratio
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        ratio = self.ratio
        return (
            self.what,
            amount(self.measured, self.unit),
            self.against,
            "" if self.baseline is None else amount(self.baseline, self.unit),
            "" if ratio is None else f"{ratio:.2f}x{' faster' if self.faster else ''}",
            self._budget(),
            {True: "met", False: "MISSED", None: ""}[self.is_met],
        )

    def _budget(self) -> str:
        bounds = [(sign, limit) for sign, limit in (("<=", self.most), (">=", self.least)) if limit is not None]
        inner = (amount(limit, self.unit) if self.ratio is None else f"{limit:g}x" for _, limit in bounds)
        return ", ".join(f"{sign} {text}" for (sign, _), text in zip(bounds, inner, strict=True))


def amount(value: float, unit: str) -> str:
    """A number with its unit; seconds below one in milliseconds."""
    if unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"
    return f"{value:,.0f} {unit}".rstrip()


def table(rows: Sequence[Row]) -> str:
    """The budget table: words to the left, figures to the right."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    words = (0, 2, 6)
    return "\n".join(
        "  ".join(f"{c:<{w}}" if i in words else f"{c:>{w}}" for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ).replace(" \n", "\n") + "".join(f"\n{row.what}: {row.note}" for row in rows if row.note)


def as_json(rows: Sequence[Row]) -> bytes:
    """The same for programs: all fields, with `ratio` and `met`."""
    told = [{**msgspec.structs.asdict(row), "ratio": row.ratio, "met": row.is_met} for row in rows]
    return msgspec.json.format(msgspec.json.encode(told), indent=2)


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each figure over rounds that all measured the same."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
