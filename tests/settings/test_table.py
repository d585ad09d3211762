"""Tables in plain text."""

from __future__ import annotations

from cloudclusters.base.table import facts, shorten, table, usd


def test_numbers_stand_right_words_left_and_unknown_is_a_dash() -> None:
    """A table is aligned and has no trailing blanks."""
    assert table(["name", "n"], [["a", 10], ["bcdef", None]]).split("\n") == ["name    n", "a      10", "bcdef   -"]


def test_facts_align_names() -> None:
    """One fact a line."""
    assert facts([("a", 1), ("long", "x")]) == "a     1\nlong  x"


def test_small_prices_keep_their_digits() -> None:
    """A cent matters on small machines."""
    assert [usd(v) for v in (13.35, 0.0, 0.0416, None)] == ["13.35", "0.00", "0.0416", "-"]


def test_long_lists_are_shortened() -> None:
    """A sentence stays a sentence."""
    assert shorten(["a", "b", "c"], most=2) == "a, b and 1 more"
