"""limits on the command line: what holds, when it strikes, and what is looked at because it may have struck."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest

from cloudclusters.api import verbs
from cloudclusters.api.session import session
from cloudclusters.base.limits import AtLimit, Limits
from cloudclusters.store.record import ClusterRecord, ClusterState

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]

HOUR = 3600.0
BOTH = Limits(idle_timeout=HOUR, max_lifetime=8 * HOUR, at_limit=AtLimit.STOP)


def limited(record: ClusterRecord, limits: Limits) -> ClusterRecord:
    """The record in the store with these limits."""
    store = session().store
    lease = store.take_lease(record.handle, "test")
    written = store.write(msgspec.structs.replace(record, limits=limits), lease)
    store.release(lease)
    return written


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters that were looked at; nobody is asked."""
    found: list[str] = []

    def status(cluster: str, *, refresh: bool = False) -> ClusterRecord:
        assert refresh
        found.append(cluster)
        return session().store.record(cluster)

    monkeypatch.setattr(verbs, "status", status)
    return found


def test_clusters_and_status_tell_when_machines_go(ccl: Call, recorded: Record) -> None:
    """In a column, in facts, and in JSON by the words of the package."""
    began = time.time() - HOUR / 2 - 20
    limited(recorded("training", at=began), BOTH)
    limited(recorded("endless", at=began), Limits())

    listed, shown = ccl("clusters").out, ccl("status", "training").out
    rows = {row["name"]: row for row in ccl("clusters", "--json").data}
    row = ccl("status", "training", "--json").data

    assert "in 7h29m or 1h unused" in listed
    assert "never" in listed
    assert "lets go by itself after 1h without use or 8h after its deploy: machines stop" in shown
    assert "in 7h29m, when it has lived for 8h" in shown
    for each in (row, rows["training"]):
        assert (each["idle_timeout"], each["max_lifetime"], each["max_cost"]) == (HOUR, 8 * HOUR, None)
        assert (each["at_limit"], each["strikes_why"]) == ("stop", "it has lived for 8h")
        assert each["strikes_at"] == pytest.approx(began + 8 * HOUR)
    assert rows["endless"]["strikes_at"] is None


@pytest.mark.parametrize("words", [("status", "training"), ("clusters",)])
def test_a_cluster_whose_limit_may_have_struck_is_looked_at(
    ccl: Call, recorded: Record, looked: list[str], words: tuple[str, ...]
) -> None:
    """Without being asked to, as its machines may be gone; one that is not due is not."""
    due = limited(recorded("training", at=time.time() - 9 * HOUR), BOTH)
    limited(recorded("young", at=time.time() - 60), BOTH)
    limited(recorded("stopped", ClusterState.INTERRUPTED, at=time.time() - 9 * HOUR), BOTH)

    answer = ccl(*words)

    assert looked == [due.handle]
    assert "due" in answer.out


def test_limits_of_a_cluster_that_is_not_there_to_be_asked(ccl: Call, recorded: Record) -> None:
    """What is known stands there; an interrupted one has no agents."""
    limited(recorded("training", ClusterState.INTERRUPTED, at=time.time() - HOUR), BOTH)

    answer = ccl("limits", "training", "--json")

    assert (answer.code, answer.data["name"], answer.data["idle_for"]) == (0, "training", None)
    assert answer.data["max_lifetime"] == 8 * HOUR
    assert "8h after its deploy" in ccl("limits", "training").out
