"""Why nothing fits: the smallest set of constraints that no type satisfies together, from bit masks alone."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations


def minimal_conflict(unmet: Collection[int], count: int) -> tuple[int, ...]:
    """The smallest set of constraints (their indices) of which every type fails at least one; ties: the first.

    `unmet` holds one mask per type: bit i is set when the type does not meet constraint i of `count`.
    Empty where some type meets all, so nothing conflicts. Without any type, the first constraint is named.
    """
    masks = _minimal(unmet)
    if 0 in masks:
        return ()
    if not masks:
        return (0,) if count else ()
    used = [i for i in range(count) if any(mask >> i & 1 for mask in masks)]
    for size in range(1, len(used) + 1):
        for chosen in combinations(used, size):
            bits = sum(1 << i for i in chosen)
            if all(mask & bits for mask in masks):
                return chosen
    return tuple(used)


def _minimal(masks: Collection[int]) -> list[int]:
    """Only the masks that hold no other one: who hits those hits all."""
    kept: list[int] = []
    for mask in sorted(set(masks), key=int.bit_count):
        if not any(small & mask == small for small in kept):
            kept.append(mask)
    return kept
