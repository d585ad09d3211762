"""Pids: one number per life, from one counter, never used twice (FX-11)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.store import Life, Store

_lives = st.builds(
    Life, st.sampled_from(("node0", "node1")), st.sampled_from(("worker0", "worker1")), st.sampled_from("abc")
)
_asks = st.lists(st.tuples(st.sampled_from(("k1", "k2", "k3")), st.lists(_lives, max_size=6)), max_size=8)


def test_first_pids_are_those_of_the_design(store: Store) -> None:
    """1 is the driver; the first cluster's eight workers are 2 to 9, in the order given."""
    lives = [Life(f"node{i}", "worker0", "x") for i in range(8)]
    assert list(store.pids("K" * 15, lives).values()) == [2, 3, 4, 5, 6, 7, 8, 9]


def test_new_life_has_a_new_pid(store: Store) -> None:
    """A restart gives new numbers, and the old ones go on naming what they named."""
    before, after = Life("node0", "worker0", "one"), Life("node0", "worker0", "two")
    assert store.pids("K" * 15, [before]) == {before: 2}
    assert store.pids("K" * 15, [after]) == {after: 3}
    assert store.lives([2, 3]) == {2: ("K" * 15, before), 3: ("K" * 15, after)}


def test_numbers_never_given_name_nothing(store: Store) -> None:
    """The driver's is none of them."""
    assert store.lives([1, 2, -5, 0, 10**30]) == {}


@settings(max_examples=40, deadline=None)
@given(_asks)
def test_no_pid_ever_names_two_lives(asks: list[tuple[str, list[Life]]]) -> None:
    """And a life keeps its pid through every opening of the store."""
    given_so_far: dict[tuple[str, Life], int] = {}
    taken: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        for cluster, lives in asks:
            store = Store.open(Path(folder))
            highest = max(given_so_far.values(), default=1)
            answer = store.pids(cluster, lives)
            store.close()
            assert list(answer) == list(dict.fromkeys(lives))
            for life, pid in answer.items():
                before = given_so_far.setdefault((cluster, life), pid)
                assert before == pid
                assert pid > highest or pid in taken
            taken.update(answer.values())
    assert len(set(given_so_far.values())) == len(given_so_far)
    assert sorted(given_so_far.values()) == list(range(2, len(given_so_far) + 2))
