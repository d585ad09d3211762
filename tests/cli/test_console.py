"""What people read: sizes, ages, lengths of time, cells."""

from __future__ import annotations

import click
import pytest

from cloudclusters.cli.console import age, human, size, span
from cloudclusters.cli.duration import seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (-3, "0 s"), (119, "119 s"), (120, "2 min"), (7500, "2 h 5 min"), (180000, "2 d 2 h")],
)
def test_a_length_of_time_reads_well(value: float, text: str) -> None:
    """Never more than two units."""
    assert span(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0 B"), (2048, "2 KiB"), (16 << 30, "16 GiB"), (3 << 39, "1.5 TiB")])
def test_a_size_has_a_binary_unit(value: int, text: str) -> None:
    """As PlatformAware reads them."""
    assert size(value) == text


def test_an_age_of_nothing_is_never() -> None:
    """A provider that was never asked is not asked 56 years ago."""
    assert age(0.0) == "never"
    assert age(100.0, now=160.0) == "60 s ago"


def test_cells_are_shown_by_the_unit_of_their_key() -> None:
    """Money, memory and text."""
    assert human("hourly_usd", 1.5) == "1.50"
    assert human("memory_bytes", 1 << 30) == "1 GiB"
    assert human("name", "x") == "x"
    assert human("hourly_usd", None) is None


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90.0), ("90s", 90.0), ("10m", 600.0), ("2h", 7200.0), ("1d", 86400.0), ("1.5 h", 5400.0)]
)
def test_a_duration_has_a_unit(text: str, value: float) -> None:
    """The forms that people type."""
    context = click.Context(click.Command("x"))

    assert seconds(context, click.Option(["--x"]), text) == value
