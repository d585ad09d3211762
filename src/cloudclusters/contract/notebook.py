"""What notebooks show of contracts and of what comes of them: the plain tables, as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cloudclusters.base.markup import html_block, html_facts, html_lines, html_table
from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, counted, usd
from cloudclusters.contract import show
from cloudclusters.contract.document import nodes_text
from cloudclusters.contract.policy import figure_text, figure_title

if TYPE_CHECKING:
    from cloudclusters.contract.difference import Difference
    from cloudclusters.contract.document import Contract, Plan
    from cloudclusters.contract.explanation import Explanation
    from cloudclusters.contract.resolution import Resolution
    from cloudclusters.contract.select import Selection

MOST_ROWS = 20
"""Rows of a table that a notebook shows; the text says how many more there are."""
_TITLES = {
    "rank": "#",
    "memory_bytes": "memory",
    "accelerator_count": "accelerators",
    "hourly_usd": "USD/h",
    "cluster_usd": "cluster USD/h",
    "price_date": "price of",
}


def contract_html(contract: Contract) -> str:
    """A contract: its constraints, what else it says, and its digest."""
    header, rows = show.contract_table(contract)
    title = html_lines([show.contract_title(contract)], strong=True)
    return html_block(title, html_table(header, rows) if rows else "", html_facts(show.contract_facts(contract)))


def plan_html(plan: Plan) -> str:
    """A plan: machines, price, limits and digest, and what to know before the yes."""
    title = html_lines([show.plan_title(plan)], strong=True)
    bought = html_table(show.PLAN_HEADER, show.plan_rows(plan))
    warnings = html_lines([f"! {warning}" for warning in plan.warnings])
    return html_block(title, bought, html_facts(show.plan_facts(plan)), warnings)


def resolution_html(resolution: Resolution) -> str:
    """A resolution: the first offers of each role, in order, and what is to be known of them."""
    parts = [html_lines([resolution.title], strong=True)]
    for role in resolution.roles:
        rows = [row for row in resolution.rows() if row["role"] == role.role]
        offers = f"{counted(role.total, 'offer')} of {counted(role.types, 'instance type')}"
        name = "" if role.role == "peer" else f"{role.role}: "
        parts.append(
            html_lines([f"{name}{nodes_text(role.nodes, role.count)}; {offers}, of {role.considered} in the catalog"])
        )
        hidden = ("nodes",) if role.nodes is None else ()
        parts.append(offers_html(rows, total=role.total, hidden=hidden, policy=resolution.policy))
    return html_block(*parts, html_lines(resolution.notes))


def selection_html(selection: Selection) -> str:
    """Instance types in order, or why there are none."""
    if not selection.choices:
        return html_block(html_lines([selection.reason]))
    said = f"{counted(len(selection), 'instance type')} of {selection.considered}; each at its best known price"
    offers = offers_html(selection.rows(), total=len(selection), hidden=("nodes", "cluster_usd"))
    more = html_lines([*selection.notes, *selection.warnings])
    return html_block(html_lines([said], strong=True), offers, more)


def explanation_html(explanation: Explanation) -> str:
    """The outcome, what each constraint rejects, and the types asked about."""
    parts = [html_lines(explanation.outcome, strong=True)]
    parts += [html_lines(f"hint: {explanation.hint}".splitlines())] if explanation.hint else []
    for role, rejections in explanation.rejections.items():
        header = ["constraint" if role == "peer" else f"constraint of {role}", "rejects", "alone", "unknown"]
        cells: list[list[Cell]] = [[r.constraint, r.types, r.alone, r.unknown] for r in rejections]
        parts.append(html_table(header, cells) if cells else "")
    for subject in explanation.subjects:
        found: list[list[Cell]] = [[f.constraint, f.value, f.margin_text, f.verdict] for f in subject.findings]
        header = ["constraint", "has", "margin", "verdict"]
        parts += [html_lines([subject.title]), html_table(header, found) if found else ""]
    return html_block(*parts, html_lines(explanation.notes))


def difference_html(difference: Difference) -> str:
    """What differs, or that nothing does."""
    if not len(difference):
        return html_block(html_lines([str(difference)]))
    header, rows = difference.table()
    return html_block(html_lines([difference.title], strong=True), html_table(header, rows))


def offers_html(rows: Sequence[Mapping[str, Cell]], *, total: int, hidden: Sequence[str] = (), policy: str = "") -> str:
    """Offers, of the rows that `--json` gives: the first ones, without the columns in which nothing stands."""
    shown = rows[:MOST_ROWS]
    keys = [key for key in (shown[0] if shown else {}) if key not in ("role", *hidden) and _tells(key, shown)]
    cells = [[_cell(key, row.get(key), policy) for key in keys] for row in shown]
    titles = {**_TITLES, "figure": figure_title(policy)}
    table = html_table([titles.get(key, key) for key in keys], cells)
    more = total - len(shown)
    return table + (html_lines([f"… and {more} more"]) if more > 0 else "")


def _tells(key: str, rows: Sequence[Mapping[str, Cell]]) -> bool:
    """Whether a column says anything: where all can be deployed here, or nothing has accelerators, it does not."""
    values = [row.get(key) for row in rows]
    if key == "deployable":
        return not all(values)
    return any(value not in (None, "") and not (key == "accelerator_count" and value == 0) for value in values)


def _cell(key: str, value: Cell, policy: str) -> Cell:
    """A value as people read it, by the unit at the end of its key."""
    if isinstance(value, bool | str) or value is None:
        return value
    if key == "figure":
        return figure_text(policy, value)
    if key.endswith("_bytes"):
        return format_size(value)
    return usd(value) if key.endswith("_usd") else value
