"""The minimal conflicting sets, against brute force."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.contract.refusal.conflict import MOST, minimal_conflicts

COUNT = 6
MASKS = st.lists(st.integers(0, 2**COUNT - 1), min_size=1, max_size=30)


def conflicts(unmet: list[int], chosen: tuple[int, ...]) -> bool:
    """Whether no type meets all of the chosen constraints."""
    return not any(all(not mask >> i & 1 for i in chosen) for mask in unmet)


@given(MASKS)
def test_they_are_all_minimal_conflicts_the_smallest_first(unmet: list[int]) -> None:
    """As whoever tries every set of constraints finds them."""
    every = [c for size in range(COUNT + 1) for c in combinations(range(COUNT), size) if conflicts(unmet, c)]
    minimal = [c for c in every if not any(set(other) < set(c) for other in every)]
    expected = [] if () in minimal or 0 in unmet else minimal
    assert minimal_conflicts(unmet, COUNT) == expected[:MOST]


def test_many_constraints_end_in_time() -> None:
    """Pairs that clash, each with its own partner, have two to the power of twenty minimal sets."""
    unmet = [0b11 << 2 * pair for pair in range(20)]
    assert len(minimal_conflicts(unmet, 40)) <= MOST


def test_a_type_that_meets_all_leaves_no_conflict() -> None:
    """There is nothing to name when something fits."""
    assert minimal_conflicts([0, 3], 2) == []


def test_without_types_the_first_constraint_is_named() -> None:
    """Nothing is met by anything."""
    assert minimal_conflicts([], 2) == [(0,)]


def test_two_constraints_that_only_clash_together_are_both_named() -> None:
    """Each alone is met by some type."""
    assert minimal_conflicts([0b001, 0b010], 3) == [(0, 1)]
