"""replace and simulate-interruption on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import cloudclusters as cc
from cloudclusters.cli.command.dying import _question
from cloudclusters.store.record import ClusterRecord

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]


@pytest.fixture
def pair() -> Iterator[cc.Cluster]:
    """Two local nodes without workers."""
    with cc.deploy(cc.cluster(node_provider="local", node_count=2, engine="none"), resolve=True, name="pair") as made:
        yield made


@pytest.mark.slow
def test_a_node_is_replaced_and_left_out(ccl: Call, pair: cc.Cluster) -> None:
    """The new node has a name of its own; with --no-buy there is one node less, and never none."""
    replaced = ccl("replace", "pair/node1", "-y", "--json")
    assert (replaced.code, replaced.data["nodes"]) == (0, ["node0", "node2"])
    left_out = ccl("replace", "pair/node0", "--no-buy", "-y")
    assert (left_out.code, left_out.err.splitlines()[-1]) == (0, "pair is running: node2")
    last = ccl("replace", "pair/node2", "--no-buy", "-y")
    assert last.code == 1
    assert "node2 is the only node of" in last.err
    assert [member.name for member in pair.members] == ["node2"]


@pytest.mark.slow
def test_an_interruption_takes_the_machine_and_a_recommendation_does_not(ccl: Call, pair: cc.Cluster) -> None:
    """And says which nodes are left."""
    advised = ccl("simulate-interruption", "pair/node1", "--kind", "rebalance", "-y", "--json")
    assert (advised.code, advised.data["nodes"]) == (0, ["node0", "node1"])
    taken = ccl("simulate-interruption", "pair/node1", "--notice", "0.2s", "-y", "--json")
    assert taken.code == 0
    assert cc.status(pair, refresh=True).state == "broken"
    assert [member.name for member in pair.members if member.state == "running"] == ["node0"]


@pytest.mark.parametrize("command", ["replace", "simulate-interruption"])
def test_what_is_no_node_is_told_with_those_that_are(ccl: Call, recorded: Record, command: str) -> None:
    """No node, a wrong one, and no cluster: nothing is asked, nothing is done."""
    recorded("training")
    for place, told in [
        ("training", "write training/NODE; its nodes are node0"),
        ("training/node7", "has no node 'node7'"),
        ("trainin/node0", "trainin"),
    ]:
        answer = ccl(command, place, "-y")
        assert answer.code == 1
        assert told in answer.err
    assert ccl("simulate-interruption", "training/node0", "--notice", "soon").code == 2


def test_the_price_comes_before_the_yes(recorded: Record) -> None:
    """And the disk that is lost."""
    record = recorded("training", price=0.5)
    assert "Buy another f.large at about $0.50" in _question(record, record.nodes[0], buy=True)
    assert "delete training/node0 with its disk?" in _question(record, record.nodes[0], buy=True)
    assert _question(record, record.nodes[0], buy=False) == "Delete training/node0 with its disk?"
    other = recorded("other", price=None)
    assert "an unknown price" in _question(other, other.nodes[0], buy=True)
