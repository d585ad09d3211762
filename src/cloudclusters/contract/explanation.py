"""The answer to why, as a document: a table, plain data, or sentences."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.table import Cell, table, usd
from cloudclusters.contract.resolution import Rejection
from cloudclusters.errors import Relaxation
from cloudclusters.vocabulary import Verdict

NOT_SOLD = "not sold there"


class Finding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One constraint, what was found, and whether that satisfies it: `met`, `missed` or `unknown`.

    `margin` is by how much, as a part of the bound: 0.5 is half as much again as asked for, -0.25 a quarter short; None
    where nothing can be measured.
    """

    constraint: str
    value: str
    verdict: str
    margin: float | None = None

    @property
    def margin_text(self) -> str:
        """The margin for people: `+50 %`; what is very far off as a multiple of the bound: `64 x`."""
        if self.margin is None:
            return ""
        if not self.margin:
            return "0 %"
        return f"{_percent(self.margin)} %" if abs(self.margin) < 10 else f"{abs(self.margin) + 1:,.3g} x"

    def __str__(self) -> str:
        more = f", {self.margin_text}" if self.margin else ""
        return f"{self.constraint} ({self.value}{more})"


def _percent(part: float) -> str:
    """A part in percent, to three digits; to more where these would say that nothing is there, which is -100."""
    digits = next(n for n in range(3, 18) if part == -1 or float(f"{part * 100:.{n}g}") != -100)
    return f"{part * 100:+.{digits}g}"


class Subject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was asked about, in one role: an instance type, a region, or an offer, which is a type in a place.

    `rank` is that of its best offer among `total` (0: none of it fits); the prices are that offer's.
    """

    kind: str
    role: str
    provider: str
    instance_type: str = ""
    region: str = ""
    findings: tuple[Finding, ...] = ()
    rank: int = 0
    total: int = 0
    hourly_usd: float | None = None
    cluster_usd: float | None = None
    price_date: str = ""
    verdict: str = ""
    """Whether it fits, in a few words."""
    ahead: str = ""
    """Why another one ranks higher."""

    @property
    def name(self) -> str:
        """What was asked about, in words."""
        what = f"{self.instance_type} at {self.provider}" if self.instance_type else f"{self.provider}"
        where = f" in {self.region}" if self.region else ""
        return what + where + ("" if self.role == "peer" else f" as {self.role}")

    @property
    def dated(self) -> str:
        """The day of the price, where one is told."""
        told = (self.verdict, *(each.value for each in self.findings))
        return f"price of {self.price_date}" if self.price_date and any("USD/h" in each for each in told) else ""

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        parts = [f"{self.name}: {self.verdict}"]
        for verdict, word in ((Verdict.MISSED, "misses"), (Verdict.UNKNOWN, "not known:")):
            if found := [str(each) for each in self.findings if each.verdict == verdict]:
                parts.append(f"{word} {', '.join(found)}")
        return "; ".join([*parts, *self._ends()])

    @property
    def title(self) -> str:
        """What was asked about, whether it fits, and what ranks higher."""
        return "; ".join([f"{self.name}: {self.verdict}", *self._ends()])

    def _ends(self) -> list[str]:
        return [each for each in (self.dated, self.ahead) if each]

    def __str__(self) -> str:
        rows: list[list[Cell]] = [[f.constraint, f.value, f.margin_text, f.verdict] for f in self.findings]
        shown = table(["constraint", "has", "margin", "verdict"], rows, indent="  ") if rows else ""
        return "\n".join([self.title, *([shown] if shown else [])])


class Explanation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to why: the outcome in sentences, what each constraint rejects, and what was asked about.

    Where nothing fits, `conflict_sets` and `relaxations` are those of `NoMatch`, and `hint` is what to write instead.
    """

    outcome: tuple[str, ...]
    hint: str = ""
    conflict_sets: tuple[tuple[str, ...], ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    notes: tuple[str, ...] = ()
    """What to know of the prices."""
    subjects: tuple[Subject, ...] = ()
    rejections: dict[str, tuple[Rejection, ...]] = {}
    """By role."""

    @property
    def sentences(self) -> list[str]:
        """The outcome, a sentence for each thing that was asked about, and what to know of the prices."""
        return [*self.outcomes, *(subject.sentence for subject in self.subjects), *self.notes]

    @property
    def outcomes(self) -> list[str]:
        """The outcome, and what to write instead where nothing fits."""
        return [*self.outcome, *([f"hint: {self.hint}"] if self.hint else [])]

    def rows(self) -> list[dict[str, Cell]]:
        """One row per constraint and subject."""
        return [
            {
                "role": subject.role,
                "provider": subject.provider,
                "instance_type": subject.instance_type,
                "region": subject.region,
                "constraint": each.constraint,
                "value": each.value,
                "margin": each.margin,
                "verdict": each.verdict,
            }
            for subject in self.subjects
            for each in subject.findings
        ]

    def __str__(self) -> str:
        parts = self.outcomes
        for role, rows in self.rejections.items():
            header = ["constraint" if role == "peer" else f"constraint of {role}", "rejects", "alone", "unknown"]
            cells: list[list[Cell]] = [[r.constraint, r.types, r.alone, r.unknown] for r in rows]
            parts += ["", table(header, cells)] if cells else []
        for subject in self.subjects:
            parts += ["", str(subject)]
        parts += ["", *self.notes] if self.notes else []
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import explanation_html

        return explanation_html(self)


def fitting(rank: int, total: int, cluster_usd: float | None, first: float | None) -> str:
    """The verdict on what fits."""
    said = f"fits, rank {rank} of {total}, {usd(cluster_usd)} USD/h for the whole cluster"
    if rank > 1 and first and cluster_usd is not None:
        said += f", {cluster_usd / first:.2f} times the first"
    return said


def not_fitting(findings: Sequence[Finding]) -> str:
    """The verdict on what does not fit."""
    missed = sum(each.verdict == Verdict.MISSED for each in findings)
    return "does not fit" if missed else "does not fit, as not all is known"
