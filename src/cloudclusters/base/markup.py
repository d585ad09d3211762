"""Tables and facts as HTML for notebooks: as plain as our text, with nothing in them but escaped words.

No script, no style sheet, no colour, nothing from elsewhere: a page's own colours hold, light or dark.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from cloudclusters.base.table import Cell, cell_text, numeric

_LEFT, _RIGHT = ' style="text-align:left"', ' style="text-align:right"'


def html_table(header: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table: numbers to the right, words to the left, an unknown cell is `-`, as `base.table.table` does."""
    sides = [_RIGHT if right else _LEFT for right in numeric(len(header), rows)]
    titles = _cells("th", header, sides)
    body = "".join(f"<tr>{_cells('td', row, sides)}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def html_facts(rows: Sequence[tuple[str, Cell]]) -> str:
    """Names and their values, one fact a line."""
    body = "".join(
        f'<tr><th scope="row"{_LEFT}>{_escaped(name)}</th><td{_LEFT}>{_escaped(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><tbody>{body}</tbody></table>" if rows else ""


def html_lines(lines: Sequence[str], *, strong: bool = False) -> str:
    """Sentences, each in a paragraph of its own."""
    opened, closed = ("<b>", "</b>") if strong else ("", "")
    return "".join(f"<p>{opened}{_escaped(line)}{closed}</p>" for line in lines)


def html_block(*parts: str) -> str:
    """Parts of HTML as the one thing that a notebook shows."""
    return f"<div>{''.join(parts)}</div>"


def _cells(tag: str, cells: Sequence[Cell], sides: Sequence[str]) -> str:
    return "".join(f"<{tag}{side}>{_escaped(cell)}</{tag}>" for cell, side in zip(cells, sides, strict=True))


def _escaped(value: Cell) -> str:
    return html.escape(cell_text(value)).replace("\n", "<br>")
