"""clusters, status, nodes: what is known, as tables and as JSON by the words of the package."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from cloudclusters.lifecycle import processes
from cloudclusters.lifecycle.spending import hourly, spent
from cloudclusters.store.record import ClusterRecord, ClusterState

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]


def test_clusters_as_json_have_the_words_of_the_package(ccl: Call, recorded: Record) -> None:
    """stdout is JSON alone."""
    record = recorded("training")
    (row,) = ccl("clusters", "--json").data

    assert row["handle"] == record.handle
    assert (row["name"], row["state"], row["provider"], row["region"]) == ("training", "running", "fake", "here")
    assert (row["instance_type"], row["nodes"], row["hourly_usd"]) == ("f.large", 2, 4.0)


def test_clusters_print_price_and_age_of_the_last_look(ccl: Call, recorded: Record) -> None:
    """People see what it costs and how old the knowledge is."""
    recorded("training", at=time.time() - 7200)
    answer = ccl("clusters")

    assert "2 h 0 min ago" in answer.out
    assert "8.00" in answer.out
    assert "in all $4.00 per hour" in answer.err


def test_terminated_clusters_are_shown_only_when_asked_for(ccl: Call, recorded: Record) -> None:
    """What is over does not hide what runs."""
    recorded("old", ClusterState.TERMINATED)

    assert ccl("clusters", "--json").data == []
    assert [row["name"] for row in ccl("clusters", "--all", "--json").data] == ["old"]


def test_an_empty_list_says_what_makes_a_cluster(ccl: Call) -> None:
    """No table without rows."""
    answer = ccl("clusters")

    assert answer.out == ""
    assert "cloudclusters deploy" in answer.err


def test_status_of_one_cluster_shows_its_members(ccl: Call, recorded: Record) -> None:
    """By name or handle, with each node."""
    record = recorded("training")
    shown = ccl("status", record.handle, "--json").data

    assert [member["node"] for member in shown["members"]] == ["node0", "node1"]
    assert ccl("status", "training").out.startswith("handle")


def test_nodes_of_a_cluster_that_does_not_run_are_those_last_seen(ccl: Call, recorded: Record) -> None:
    """Without workers there are no pids; the machines are still named."""
    recorded("training", ClusterState.INTERRUPTED)
    answer = ccl("nodes", "training", "--json")

    assert [row["state"] for row in answer.data] == ["stopped", "stopped"]
    assert "interrupted" in answer.err


def test_node_that_answers_without_processes_is_not_called_silent(
    ccl: Call, recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its workers gave way at a notice; of another one nothing is known."""

    async def nothing(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(processes, "living", nothing)
    monkeypatch.setattr(processes, "unanswered", lambda *_: ["node1"])
    recorded("training")
    assert [row["state"] for row in ccl("nodes", "training", "--json").data] == ["no processes", "no answer"]


def test_price_so_far_goes_on_while_machines_run(recorded: Record) -> None:
    """It is the ledger's, from the launch on; what is stopped costs no more."""
    record = recorded(at=0.0)
    assert spent(record, record.spent.at + 3600) == pytest.approx(record.spent.usd + 4.0)
    assert hourly(record) == 4.0

    stopped = recorded(state=ClusterState.INTERRUPTED)
    assert (spent(stopped, 1e10), hourly(stopped)) == (0, 0)


def test_an_unknown_price_stays_unknown(recorded: Record) -> None:
    """No sum pretends to know it."""
    record = recorded(price=None)

    assert spent(record, 9000.0) is None
    assert hourly(record) is None
