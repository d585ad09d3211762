"""cost: what was paid, as a table and as JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
import pytest

import cloudclusters as cc
from cloudclusters.api.session import session
from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import InvalidContract
from cloudclusters.store.accounts import Cost
from cloudclusters.store.record import ClusterRecord, ClusterState

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]
HOUR = 3600


def ended(record: ClusterRecord, at: float) -> None:
    """The machines of a cluster are deleted, as its provider tells."""
    nodes = tuple(
        msgspec.structs.replace(
            node, instance=msgspec.structs.replace(node.instance, state=InstanceState.GONE, ended_at=at)
        )
        for node in record.nodes
        if node.instance
    )
    store = session().store
    lease = store.take_lease(record.handle, "test")
    store.write(msgspec.structs.replace(record, nodes=nodes, state=ClusterState.TERMINATED), lease)
    store.release(lease)


def test_cost_tells_what_is_over_and_what_goes_on(ccl: Call, recorded: Record) -> None:
    """Per cluster and in all, terminated ones too, and what runs per hour now."""
    now = time.time()
    over = recorded("over", at=now - 10 * HOUR)
    ended(over, now - 9.5 * HOUR)
    recorded("running", at=now - HOUR)

    data = ccl("cost", "--json").data
    assert [(row["name"], row["state"]) for row in data["clusters"]] == [("over", "terminated"), ("running", "running")]
    assert [row["total_usd"] for row in data["clusters"]] == pytest.approx([2.0, 4.0], rel=0.01)
    assert data["clusters"][0]["machine_seconds"] == pytest.approx(HOUR, abs=1e-3)
    assert (data["total_usd"], data["hourly_usd"]) == (pytest.approx(6.0, rel=0.01), 4.0)
    assert (data["machines"], data["unknown"]) == (4, [])

    text = ccl("cost").out
    assert "1:00:00" in text
    assert text.splitlines()[-1].startswith("in all")


def test_since_counts_what_lies_after_it(ccl: Call, recorded: Record) -> None:
    """A cluster that was over by then is not listed, and of one that ran the hours since then count."""
    now = time.time()
    ended(recorded("over", at=now - 10 * HOUR), now - 9 * HOUR)
    recorded("running", at=now - 10 * HOUR)

    data = ccl("cost", "--since", "2h", "--json").data
    assert [row["name"] for row in data["clusters"]] == ["running"]
    assert data["total_usd"] == pytest.approx(8.0, rel=0.01)
    assert ccl("cost", "--since", "2000-01-01", "--json").data["total_usd"] == pytest.approx(44.0, rel=0.01)


def test_cost_of_named_clusters_by_node(ccl: Call, recorded: Record) -> None:
    """Each node has its line, and the others are left out."""
    recorded("one", at=time.time() - HOUR)
    recorded("two", at=time.time() - HOUR)

    data = ccl("cost", "one", "--nodes", "--json").data
    assert [[member["node"] for member in row["members"]] for row in data["clusters"]] == [["node0", "node1"]]
    assert "node1" in ccl("cost", "one", "--nodes").out


def test_an_unknown_price_is_told_and_not_counted(ccl: Call, recorded: Record) -> None:
    """No figure pretends to know it."""
    recorded("dear", price=None, at=time.time() - HOUR)
    recorded("cheap", at=time.time() - HOUR)

    data = ccl("cost", "--json").data
    assert [row["total_usd"] for row in data["clusters"]] == [None, pytest.approx(4.0, rel=0.01)]
    assert data["unknown"] == ["compute"]
    assert "not in it: compute of an unknown price" in ccl("cost").out


def test_without_clusters_nothing_was_paid(ccl: Call) -> None:
    """And a time that is none is told with an example."""
    assert "nothing was paid" in ccl("cost").err
    wrong = ccl("cost", "--since", "yesterday")
    assert wrong.code == 1
    assert "2026-11-01" in wrong.err
    with pytest.raises(InvalidContract):
        cc.cost(since=-1)


def test_cost_is_awaitable(recorded: Record) -> None:
    """The same value, frozen, from an async program."""
    record = recorded("one", at=time.time() - HOUR)

    found = asyncio.run(_awaited(record.handle))
    assert found.clusters[0].handle == record.handle
    assert str(found).startswith("cluster")
    with pytest.raises(AttributeError):
        found.since = 1.0


async def _awaited(handle: str) -> Cost:
    return await cc.aio.cost(handle)
