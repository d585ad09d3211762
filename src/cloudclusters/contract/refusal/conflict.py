"""Why nothing fits: the minimal sets of constraints that no type satisfies together, from bit masks alone.

A set of constraints clashes when it hits the mask of every type. The search takes a mask that is not hit yet and tries
each of its constraints, for one size of set after the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

MOST = 16
"""Minimal sets at most."""
_LOOKED_AT = 1000
"""Sets of one size that are put in order, at most."""


def minimal_conflicts(unmet: Collection[int], count: int) -> list[tuple[int, ...]]:
    """The minimal sets of constraints (their indices) of which every type fails at least one, the smallest first.

    `unmet` holds one mask per type: bit i is set when the type does not meet constraint i of `count`. Sets of the same
    size are in order of their indices. Empty where some type meets all, so nothing conflicts. Without any type, the
    first constraint is named. At most `MOST`.
    """
    masks = _minimal(unmet)
    if 0 in masks:
        return []
    if not masks:
        return [(0,)] if count else []
    found: list[tuple[int, ...]] = []
    for size in range(1, count + 1):
        hitting = (_bits(chosen) for chosen in _hitting(masks, 0, 0, size) if _is_minimal(masks, chosen))
        found += sorted(islice(hitting, _LOOKED_AT))
        if len(found) >= MOST:
            break
    return found[:MOST]


def _hitting(masks: Sequence[int], chosen: int, banned: int, more: int) -> Iterator[int]:
    """The sets of `chosen` and so many more, none of them banned, that hit every mask; each of them once."""
    rest = [mask & ~banned for mask in masks if not mask & chosen]
    if not rest:
        if not more:
            yield chosen
        return
    if _disjoint(rest) > more:
        return
    for bit in _bits(min(rest, key=int.bit_count)):
        yield from _hitting(masks, chosen | 1 << bit, banned, more - 1)
        banned |= 1 << bit


def _disjoint(masks: Sequence[int]) -> int:
    """How many of these have nothing in common: so many it takes to hit them."""
    taken = number = 0
    for mask in sorted(masks, key=int.bit_count):
        if not mask & taken:
            taken |= mask
            number += 1
    return number


def _is_minimal(masks: Sequence[int], chosen: int) -> bool:
    """Whether each of the chosen alone hits some mask."""
    return all(any(mask & chosen == 1 << bit for mask in masks) for bit in _bits(chosen))


def _bits(mask: int) -> tuple[int, ...]:
    return tuple(i for i in range(mask.bit_length()) if mask >> i & 1)


def _minimal(masks: Collection[int]) -> list[int]:
    """Only the masks that hold no other one: who hits those hits all."""
    kept: list[int] = []
    for mask in sorted(set(masks), key=int.bit_count):
        if not any(small & mask == small for small in kept):
            kept.append(mask)
    return kept
