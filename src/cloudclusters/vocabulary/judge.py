"""What it means that a machine satisfies a constraint: the naive definition, cell by cell.

The catalog's SQL must agree with it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from cloudclusters.vocabulary.algebra import contains, holds, is_anything, taxonomy_of
from cloudclusters.vocabulary.constraint import Constraint, Range
from cloudclusters.vocabulary.feature import Feature
from cloudclusters.vocabulary.taxonomy import Shape, Taxonomy

Cell = int | float | str | None
"""What the catalog knows of one feature of one machine."""


class Verdict(enum.StrEnum):
    """How a cell stands to a constraint."""

    MET = "met"
    """It satisfies it."""
    MISSED = "missed"
    """It does not."""
    UNKNOWN = "unknown"
    """Nobody knows; does not satisfy it."""


def judge(feature: Feature, constraint: Constraint, cell: Cell, *, possible: bool = False) -> Verdict:
    """Whether a cell of the catalog satisfies the constraint.

    None and `""` are unknown, and so is a name that a closed taxonomy does not hold. A constraint that allows
    anything is met even by them. Of a cell `a|b` all alternatives must satisfy it; any one with `possible`.
    """
    if is_anything(constraint):
        return Verdict.MET
    if cell is None or cell == "":
        return Verdict.UNKNOWN
    if isinstance(constraint, Range):
        alternatives = [float(each) for each in cell.split("|")] if isinstance(cell, str) else [cell]
        verdicts = {_verdict(contains(constraint, each)) for each in alternatives}
    else:
        names = taxonomy_of(feature)
        verdicts = {_known(constraint, each, names) for each in str(cell).split("|")}
    order = (Verdict.MET, Verdict.UNKNOWN) if possible else (Verdict.MISSED, Verdict.UNKNOWN)
    rest = Verdict.MISSED if possible else Verdict.MET
    return next((verdict for verdict in order if verdict in verdicts), rest)


def judge_all(
    feature: Feature, constraint: Constraint, cells: Iterable[Cell], *, possible: bool = False
) -> dict[Cell, Verdict]:
    """What `judge` says of each of these cells, quicker than one by one: for the thousands of machine types."""
    names = taxonomy_of(feature)
    if isinstance(constraint, Range) or names is None or names.shape is not Shape.OPEN or is_anything(constraint):
        return {cell: judge(feature, constraint, cell, possible=possible) for cell in cells}
    found: dict[Cell, Verdict] = {}
    for cell in cells:
        if isinstance(cell, str) and cell and "|" not in cell:
            found[cell] = _verdict(holds(constraint, names.ancestors(cell), names))
        else:
            found[cell] = judge(feature, constraint, cell, possible=possible)
    return found


def _known(constraint: Constraint, name: str, names: Taxonomy | None) -> Verdict:
    met = contains(constraint, name, names)
    strange = names is not None and names.shape is Shape.CLOSED and not names.knows(name)
    if strange and not (isinstance(constraint, Range) or name in constraint.any_of + constraint.none_of):
        return Verdict.UNKNOWN
    return _verdict(met)


def _verdict(met: bool) -> Verdict:
    return Verdict.MET if met else Verdict.MISSED
