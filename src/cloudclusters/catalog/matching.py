"""Constraints as SQL conditions on the table `type`, with the same answers as `vocabulary.judge` row by row.

A range over a number column becomes comparisons. Everything else is judged once per distinct cell of its column, and
becomes a list of the cells that pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from cloudclusters.catalog import schema
from cloudclusters.catalog.rows import Cell, Judged, MachineType
from cloudclusters.catalog.source import Source
from cloudclusters.errors import InternalError
from cloudclusters.vocabulary import Constraint, Feature, Number, Range, Verdict, is_anything, judge

Demand = tuple[Feature, Constraint]

_ALWAYS, _NEVER = "1", "0"
_MOST_DEMANDS = 62  # bits of SQLite's integers
_LARGEST = 2**63 - 1


def cell_of(machine: MachineType, feature: Feature) -> Cell:
    """The cell of a machine type that answers a feature; None where the catalog has no such column."""
    found: Cell = getattr(machine, feature.column or "", None)
    return found


def judged(source: Source, hidden: Collection[int], demands: Sequence[Demand], *, possible: bool) -> list[Judged]:
    """Every type but the hidden ones, with the demands that it meets and those that its cells do not tell."""
    if len(demands) > _MOST_DEMANDS:
        raise InternalError(f"{len(demands)} constraints at once; the masks hold {_MOST_DEMANDS}")
    pairs = [conditions(source, demand, possible=possible) for demand in demands]
    met, unknown = (_mask([pair[side] for pair in pairs]) for side in (0, 1))
    rows = source.rows(
        f"SELECT provider, instance_type, {met}, {unknown} FROM type WHERE {shown('id', hidden)} ORDER BY id"
    )
    words = source.words
    return [Judged(words[p], words[name], m, u) for p, name, m, u in rows]  # type: ignore[arg-type]  # NOT NULL


def fitting(source: Source, where: str, demands: Sequence[Demand], *, possible: bool) -> list[int]:
    """The ids of types that meet an SQL condition and every demand, in order."""
    met = [conditions(source, demand, possible=possible)[0] for demand in demands]
    every = " AND ".join((*met, where))
    return [int(number or 0) for (number,) in source.rows(f"SELECT id FROM type WHERE {every} ORDER BY id")]


def _mask(parts: Sequence[str]) -> str:
    bits = [f"CASE WHEN {condition} THEN {1 << bit} ELSE 0 END" for bit, condition in enumerate(parts)]
    return " + ".join(bits) or "0"


def shown(column: str, hidden: Collection[int]) -> str:
    """All types but the hidden ones, as an SQL condition."""
    return f"{column} NOT IN ({', '.join(map(str, sorted(hidden)))})" if hidden else _ALWAYS


def conditions(source: Source, demand: Demand, *, possible: bool) -> tuple[str, str]:
    """When a row of `type` meets the demand, and when its cell does not tell; each may be NULL for false."""
    feature, constraint = demand
    if is_anything(constraint):
        return _ALWAYS, _NEVER
    column = feature.column or ""
    if column not in schema.COLUMNS:
        return _constant(judge(feature, constraint, None, possible=possible))
    if isinstance(constraint, Range) and column in schema.NUMBER_COLUMNS:
        return _between(column, constraint), f"{column} IS NULL"
    key = column, feature.name, constraint, possible
    known = source.judged.get(key)
    if known is None:
        known = source.judged[key] = _judged_cells(source, demand, possible=possible)
    return known


def _judged_cells(source: Source, demand: Demand, *, possible: bool) -> tuple[str, str]:
    """Each distinct cell of the demand's column judged once."""
    feature, constraint = demand
    column = feature.column
    stored = [cell for (cell,) in source.rows(f"SELECT DISTINCT {column} FROM type")]
    verdicts = [(c, judge(feature, constraint, source.decoded(column, c), possible=possible)) for c in stored]
    return (
        _one_of(column, (cell for cell, verdict in verdicts if verdict is Verdict.MET)),
        _one_of(column, (cell for cell, verdict in verdicts if verdict is Verdict.UNKNOWN)),
    )


def _constant(verdict: Verdict) -> tuple[str, str]:
    return str(int(verdict is Verdict.MET)), str(int(verdict is Verdict.UNKNOWN))


def _between(column: str, constraint: Range) -> str:
    parts = [f"{column} IS NOT NULL"]
    if constraint.low is not None:
        parts.append(f"{column} >= {_number(constraint.low)}")
    if constraint.high is not None:
        parts.append(f"{column} <= {_number(constraint.high)}")
    return f"({' AND '.join(parts)})"


def _number(number: Number) -> str:
    """A number as SQL reads it back exactly; what no cell can reach is infinite."""
    if isinstance(number, int) and abs(number) <= _LARGEST:
        return str(number)
    if abs(number) > _LARGEST:
        return "9e999" if number > 0 else "-9e999"
    return repr(number)


def _one_of(column: str, cells: Iterable[Cell]) -> str:
    listed = list(cells)
    known = ", ".join(repr(cell) for cell in listed if cell is not None)
    parts = [f"{column} IN ({known})"] if known else []
    if None in listed:
        parts.append(f"{column} IS NULL")
    return f"({' OR '.join(parts)})" if parts else _NEVER
