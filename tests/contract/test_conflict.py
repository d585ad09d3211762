"""The minimal conflicting set, against brute force."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.contract.conflict import minimal_conflict

COUNT = 6
MASKS = st.lists(st.integers(0, 2**COUNT - 1), max_size=30)


def conflicts(unmet: list[int], chosen: tuple[int, ...]) -> bool:
    """Whether no type meets all of the chosen constraints."""
    return not any(all(not mask >> i & 1 for i in chosen) for mask in unmet)


@given(MASKS)
def test_it_is_a_conflict_and_none_is_smaller(unmet: list[int]) -> None:
    """What is found conflicts, and every smaller set of constraints is met by some type."""
    found = minimal_conflict(unmet, COUNT)
    if any(mask == 0 for mask in unmet):
        assert found == ()
        return
    assert conflicts(unmet, found)
    smaller = (c for size in range(len(found)) for c in combinations(range(COUNT), size))
    assert not unmet or not any(conflicts(unmet, c) for c in smaller)


def test_a_type_that_meets_all_leaves_no_conflict() -> None:
    """There is nothing to name when something fits."""
    assert minimal_conflict([0, 3], 2) == ()


def test_two_constraints_that_only_clash_together_are_both_named() -> None:
    """Each alone is met by some type."""
    assert minimal_conflict([0b001, 0b010], 3) == (0, 1)
