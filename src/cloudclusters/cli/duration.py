"""Lengths of time on the command line: `90`, `90s`, `10m`, `2h`, `1d`."""

from __future__ import annotations

import click

from cloudclusters.base.limits import parse_duration


def seconds(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """The seconds that a text means, above 0: the callback of an option."""
    if text is None:
        return None
    try:
        found = parse_duration(text)
    except ValueError:
        found = None
    if found is None:
        raise click.BadParameter(f"{text!r} is not a length of time above 0; write 90s, 10m, 2h or 1d")
    return found
