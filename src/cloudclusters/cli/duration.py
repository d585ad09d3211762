"""Lengths of time on the command line: `90`, `90s`, `10m`, `2h`, `1d`."""

from __future__ import annotations

import re

import click

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d)?\Z")


def seconds(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """The seconds that a text means, above 0: the callback of an option."""
    if text is None:
        return None
    match = _FORM.match(text.strip())
    found = float(match[1]) * _SECONDS[match[2] or ""] if match else 0.0
    if found <= 0:
        raise click.BadParameter(f"{text!r} is not a length of time above 0; write 90s, 10m, 2h or 1d")
    return found
