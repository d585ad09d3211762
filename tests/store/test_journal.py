"""The journal: what was meant is known when the doer is dead."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudclusters.errors import LeaseLost
from cloudclusters.store import Store


def test_open_step_is_seen_by_the_next_process(store: Store, home: Path) -> None:
    """With all that was meant, in the order it was begun."""
    lease = store.take_lease("a" * 15, "deploy")
    store.intend(lease, "launch", {"token": "t1"})
    store.intend(lease, "start", {"engine": "dask"})
    again = Store.open(home)
    steps = again.open_steps("a" * 15)
    again.close()
    assert [(s.step, s.intent, s.number) for s in steps] == [
        ("launch", {"token": "t1"}, 1),
        ("start", {"engine": "dask"}, 1),
    ]


def test_done_step_is_open_no_more(store: Store) -> None:
    """It stays in the journal with its outcome."""
    lease = store.take_lease("a" * 15, "deploy")
    entry = store.intend(lease, "launch", {})
    store.done(entry, lease, "two machines")
    assert store.open_steps("a" * 15) == []
    assert [step.outcome for step in store.steps("a" * 15)] == ["two machines"]


def test_first_outcome_stays(store: Store) -> None:
    """A repetition changes nothing."""
    lease = store.take_lease("a" * 15, "deploy")
    entry = store.intend(lease, "launch", {})
    store.done(entry, lease, "first")
    store.done(entry, lease, "second")
    assert [step.outcome for step in store.steps("a" * 15)] == ["first"]


def test_next_verb_ends_a_step_of_the_dead_one(store: Store) -> None:
    """The entry belongs to the cluster, not to who began it."""
    first = store.take_lease("a" * 15, "deploy")
    entry = store.intend(first, "launch", {})
    store.release(first)
    second = store.take_lease("a" * 15, "terminate")
    store.done(entry, second, "undone")
    assert store.open_steps("a" * 15) == []


def test_lost_lease_writes_nothing(store: Store) -> None:
    """Neither intentions nor outcomes."""
    lease = store.take_lease("a" * 15, "deploy")
    entry = store.intend(lease, "launch", {})
    store.release(lease)
    with pytest.raises(LeaseLost):
        store.intend(lease, "start", {})
    with pytest.raises(LeaseLost):
        store.done(entry, lease)
    assert len(store.open_steps("a" * 15)) == 1


def test_intention_reaches_the_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is told to sync fully before an intention, whatever was written before it."""
    lease = store.take_lease("a" * 15, "deploy")
    store.note("a" * 15, "a line that may be lost")
    store.intend(lease, "launch", {})
    with store._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_notes_are_kept_in_order(store: Store) -> None:
    """A cluster's own log."""
    for text in ("one", "two"):
        store.note("a" * 15, text)
    assert [text for _, text in store.notes("a" * 15)] == ["one", "two"]
