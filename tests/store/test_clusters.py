"""Records of clusters: names, states, histories and lists."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from cloudclusters.contract.document import ClusterType, Contract
from cloudclusters.errors import InvalidContract, NameTaken, UnknownHandle, WrongHandle
from cloudclusters.store import Store
from cloudclusters.store.record import Change, ClusterRecord, ClusterState


def _write(store: Store, record: ClusterRecord, state: ClusterState) -> ClusterRecord:
    lease = store.take_lease(record.handle, "test")
    written = store.write(msgspec.structs.replace(record, state=state), lease)
    store.release(lease)
    return written


def test_record_survives_the_process(store: Store, home: Path, made) -> None:
    """Another opening of the store reads the same record."""
    record = made("a" * 15, name="mine")
    again = Store.open(home)
    assert again.record("a" * 15) == record
    again.close()


def test_find_by_name_and_by_handle(store: Store, made) -> None:
    """Both lead to the handle."""
    made("a" * 15, name="mine")
    assert store.find("mine") == store.find("a" * 15) == "a" * 15


def test_find_points_out_near_names(store: Store, made) -> None:
    """The name that was meant is in the message."""
    made("a" * 15, name="experiment")
    with pytest.raises(UnknownHandle, match="'experiment'"):
        store.find("expermient")


def test_empty_word_finds_nothing(store: Store, made) -> None:
    """A cluster without a name is not called ''."""
    made("a" * 15)
    with pytest.raises(UnknownHandle):
        store.find("")


@pytest.mark.parametrize("garbage", ["'; DROP TABLE clusters; --", "\0", "\udcff", "ü" * 1000, "x" * 100_000])
def test_garbage_is_an_unknown_handle(store: Store, garbage: str, made) -> None:
    """Whatever is typed is looked up, and nothing else happens."""
    made("a" * 15)
    with pytest.raises(UnknownHandle):
        store.find(garbage)
    assert len(store.records()) == 1


def test_contract_where_a_cluster_is_wanted(store: Store) -> None:
    """The error says to deploy it first."""
    store.save_contract(Contract(handle="Q" * 15))
    for ask in (store.find, store.record):
        with pytest.raises(WrongHandle, match=r"is a contract handle.*\n.*deploy it first"):
            ask("Q" * 15)


def test_name_is_unique_among_living_clusters(store: Store, made) -> None:
    """The second one is refused, naming the first."""
    made("a" * 15, name="mine")
    with pytest.raises(NameTaken, match="a" * 15):
        made("b" * 15, name="mine")
    assert [r.handle for r in store.records()] == ["a" * 15]


def test_name_of_a_terminated_cluster_is_free(store: Store, made) -> None:
    """And then it means the living one."""
    _write(store, made("a" * 15, name="mine"), ClusterState.TERMINATED)
    made("b" * 15, name="mine")
    assert store.find("mine") == "b" * 15


def test_name_of_terminated_clusters_means_the_latest(store: Store, made) -> None:
    """So that a second `terminate` can say that it has been terminated (FX-08)."""
    for handle in ("a" * 15, "b" * 15):
        _write(store, made(handle, name="mine"), ClusterState.TERMINATED)
    assert store.find("mine") == "b" * 15


@pytest.mark.parametrize("name", ["Z" * 15, "a/b", "-x", "a b", "x" * 64, "näme"])
def test_impossible_names(made, name: str) -> None:
    """A name does not look like a handle, a path or an option."""
    with pytest.raises(InvalidContract, match="cannot be called"):
        made("a" * 15, name=name)


def test_untold_change_of_state_is_added_to_the_history(store: Store, made) -> None:
    """Every change is there with its time, also when the writer does not tell it."""
    written = _write(store, made("a" * 15), ClusterState.RUNNING)
    assert [change.state for change in written.history] == ["deploying", "running"]
    assert store.record("a" * 15) == written


def test_told_change_of_state_is_kept_as_told(store: Store, made) -> None:
    """The writer knows the time and the machines better."""
    record = made("a" * 15)
    change = Change(ClusterState.RUNNING, 7.0, 2, 0.2)
    told = msgspec.structs.replace(record, history=(*record.history, change))
    assert _write(store, told, ClusterState.RUNNING).history[1:] == (change,)


def test_history_does_not_shrink(store: Store, made) -> None:
    """A writer who holds an older record does not erase what came after it."""
    old = made("a" * 15)
    _write(store, old, ClusterState.RUNNING)
    written = _write(store, old, ClusterState.BROKEN)
    assert [change.state for change in written.history] == ["deploying", "running", "broken"]


def test_write_of_an_unknown_cluster(store: Store, build) -> None:
    """Nothing is written that was not created."""
    lease = store.take_lease("a" * 15, "deploy")
    with pytest.raises(UnknownHandle):
        store.write(build("a" * 15), lease)


def test_lease_of_another_cluster_does_not_allow_a_write(store: Store, made) -> None:
    """A lease is for one cluster."""
    record = made("a" * 15)
    lease = store.take_lease("b" * 15, "restart")
    with pytest.raises(WrongHandle):
        store.write(record, lease)


def test_lists_leave_out_the_terminated(store: Store, made) -> None:
    """Unless asked for; the oldest first."""
    for handle in ("a" * 15, "b" * 15, "c" * 15):
        made(handle)
    _write(store, store.record("b" * 15), ClusterState.TERMINATED)
    assert [r.handle[0] for r in store.records()] == ["a", "c"]
    assert [r.handle[0] for r in store.records(terminated=True)] == ["a", "b", "c"]
    assert [r.handle[0] for r in store.summaries()] == ["a", "c"]


def test_lists_by_age_and_type(home: Path, build) -> None:
    """`since` is when the cluster was created."""
    times = iter(range(100, 10_000, 100))
    store = Store.open(home, now=lambda: float(next(times)))
    for handle in ("a" * 15, "b" * 15):
        store.create(build(handle), store.take_lease(handle, "deploy"))
    second = store.record("b" * 15)
    assert [r.handle for r in store.records(since=second.history[0].at)] == ["b" * 15]
    assert not store.records(cluster_type=ClusterType.MANAGER_WORKERS)
    assert len(store.records(cluster_type=ClusterType.PEER_WORKERS)) == 2
    store.close()


def test_left_open(store: Store, made) -> None:
    """A cluster is left open in a passing state or with an open step, unless somebody works on it."""
    passing, steady, begun, busy = (made(letter * 15, state=state) for letter, state in LEFT)
    lease = store.take_lease(begun.handle, "restart")
    store.intend(lease, "restart", {})
    store.release(lease)
    store.take_lease(busy.handle, "deploy")
    assert steady.handle not in store.left_open()
    assert store.left_open() == [passing.handle, begun.handle]


LEFT = (("a", "deploying"), ("b", "running"), ("c", "running"), ("d", "deploying"))


def test_store_imports_no_event_loop() -> None:
    """`status` opens the store, and must not pay for what it does not use."""
    import subprocess

    code = "import cloudclusters.store, sys; print([m for m in ('asyncio', 'psutil', 'socket') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
