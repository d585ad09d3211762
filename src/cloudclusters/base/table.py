"""A table in plain text: what prints a resolution, a plan or a contract, and what the command line prints too."""

from __future__ import annotations

from collections.abc import Sequence

Cell = str | int | float | None
GAP = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, indent: str = "") -> str:
    """Align rows under a header: numbers to the right, words to the left, an unknown cell is `-`.

    No lines, no colours, no trailing blanks. Without rows only the header is given.
    """
    right = numeric(len(header), rows)
    texts = [list(header), *([cell_text(row[i] if i < len(row) else "") for i in range(len(header))] for row in rows)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(header))]
    return "\n".join(indent + _line(line, widths, right) for line in texts)


def facts(rows: Sequence[tuple[str, Cell]], *, indent: str = "") -> str:
    """Align names and their values, one fact a line."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{indent}{name:<{width}}{GAP}{cell_text(value)}".rstrip() for name, value in rows)


def usd(value: float | None) -> str:
    """A price per hour as people read it; `-` is unknown."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 1 or value == 0 else f"{value:.4f}"


def shorten(names: Sequence[str], most: int = 5) -> str:
    """A list of names in a sentence: the first few, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """A number of things: `1 node`, `4 nodes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def numeric(columns: int, rows: Sequence[Sequence[Cell]]) -> list[bool]:
    """Which of so many columns hold numbers alone: they stand to the right."""
    return [_is_numeric([row[i] for row in rows if i < len(row)]) for i in range(columns)]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    aligned = (f"{c:>{w}}" if r else f"{c:<{w}}" for c, w, r in zip(cells, widths, right, strict=True))
    return GAP.join(aligned).rstrip()


def cell_text(value: Cell) -> str:
    """A cell as people read it; `-` is unknown."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_numeric(cells: Sequence[Cell]) -> bool:
    known = [cell for cell in cells if cell not in (None, "", "-")]
    return bool(known) and all(_looks_numeric(cell) for cell in known)


def _looks_numeric(cell: Cell) -> bool:
    if isinstance(cell, bool) or cell is None:
        return False
    return not isinstance(cell, str) or cell.replace(".", "", 1).replace(",", "").isdigit()
