"""Lists of numbers as a short text: pure."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 100_000
_DIGITS = 12
"""Others may write such a text, too: neither its length nor Python's limit for integers is for them to reach."""


def ranges(indices: Sequence[int]) -> str:
    """Numbers in their order, runs of them shortly: `0-255,300`."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def numbers(text: str) -> list[int]:
    """What `ranges` wrote; nothing for what it did not write."""
    found: list[int] = []
    for run in text.split(","):
        low, _, high = run.partition("-")
        if not low.isdecimal() or (high and not high.isdecimal()) or max(len(low), len(high)) > _DIGITS:
            return []
        if int(high or low) - int(low) + len(found) >= _LONGEST:
            return []
        found += range(int(low), int(high or low) + 1)
    return found
