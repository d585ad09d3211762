"""What commands say: tables and JSON on stdout, sentences and questions on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

import click

from cloudclusters.base.table import Cell, facts, table, usd
from cloudclusters.cli.frame import Branch, Command, loudness

Row = Mapping[str, object]
"""One line of a table, by the words of the package: what `--json` gives."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")

__all__ = ["Branch", "Command", "Row", "json_option", "usd", "yes_option"]


def show(text: str) -> None:
    """Print a result."""
    click.echo(text)


def say(text: str) -> None:
    """Print a sentence for people on stderr; nothing with `-q`."""
    if not loudness().quiet:
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Print what the user should know, also with `-q`."""
    click.echo(f"{click.style('warning:', fg='yellow')} {text}", err=True)


def show_json(value: object) -> None:
    """Print a value as JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_rows(rows: Sequence[Row], columns: Mapping[str, str], *, as_json: bool, empty: str) -> None:
    """Print rows as JSON, or these columns of them (title by key) as a table; `empty` is said when there is none."""
    if as_json:
        show_json(rows)
    elif not rows:
        say(empty)
    else:
        show(table(list(columns.values()), [[human(key, row.get(key)) for key in columns] for row in rows]))


def show_facts(row: Row, titles: Mapping[str, str], *, as_json: bool) -> None:
    """Print one row as JSON, or its facts one a line."""
    if as_json:
        show_json(row)
    else:
        show(facts([(title, human(key, row.get(key))) for key, title in titles.items()]))


def human(key: str, value: object) -> Cell:
    """A value as people read it, by the unit at the end of its key."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case int() | float() if key.endswith("_usd"):
            return usd(float(value))
        case int() | float() if key.endswith("_bytes"):
            return size(int(value))
        case int() | float() if key.endswith("_at"):
            return age(float(value))
        case str() | int() | float():
            return value
        case list() | tuple():
            return ", ".join(map(str, value))
    return str(value)


def size(number: int) -> str:
    """A size as people read it: `16 GiB`."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if number >= 1 << power:
            return f"{number / (1 << power):.3g} {unit}"
    return f"{number} B"


def age(at: float, *, now: float | None = None) -> str:
    """How long ago something was: `3 min ago`; 0 is never."""
    return f"{span((time.time() if now is None else now) - at)} ago" if at else "never"


def span(seconds: float) -> str:
    """A length of time as people read it: `45 s`, `3 min`, `2 h 5 min`, `4 d 2 h`."""
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 120:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{days} d {hours % 24} h"


def at_terminal() -> bool:
    """Whether somebody sits there to see a question and answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, *, yes: bool, must: bool = True) -> bool:
    """Ask for a yes; `-y` is one.

    Without a terminal nobody can answer: that is a usage error where an answer `must` be given, else a yes.
    """
    if yes:
        return True
    if not at_terminal():
        if not must:
            return True
        raise click.UsageError(f"{question} Nobody can answer here: add -y to say yes")
    return click.confirm(question, err=True)
