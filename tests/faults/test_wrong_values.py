"""What nobody can mean: told at once with what to write instead, and never written into the store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import cloudclusters as cc
from cloudclusters.errors import CloudClustersError, InvalidContract, UnknownName

WRONG = [None, True, -1, 2.5, "", "nope", b"x", [], ["x"], {}, {"a": 1}, object(), len, float("nan"), "a\0b", "\udc80"]


def contract() -> cc.Contract:
    """A contract that costs nothing to deploy."""
    return cc.cluster(node_count=1, node_provider="local", engine="none")


@pytest.mark.parametrize("value", [v for v in WRONG if v not in ("", "nope")], ids=repr)
def test_impossible_cluster_name_is_refused_before_anything_is_made(value: object) -> None:
    """A number or a list as a name would make a record that nobody can read again."""
    with pytest.raises(InvalidContract, match="cannot be called"):
        cc.deploy(contract(), resolve=True, name=value)  # type: ignore[arg-type]
    assert cc.clusters(terminated=True) == []


@pytest.mark.parametrize("verb", [cc.interrupt, cc.resume, cc.restart, cc.terminate, cc.reconnect, cc.status, cc.nodes])
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_what_is_no_cluster_is_refused(verb: Callable[[object], object], value: object) -> None:
    """Every verb names what it wants instead."""
    with pytest.raises(CloudClustersError) as caught:
        verb(value)
    assert caught.value.hint


@pytest.mark.parametrize("value", [v for v in WRONG if v not in (-1, 2.5, None)], ids=repr)
def test_time_of_the_wrong_type_is_refused(value: object) -> None:
    """Only numbers of seconds can be compared with."""
    if value != value:  # not a number is a number all the same, and before nothing
        return
    with pytest.raises(InvalidContract, match="number of seconds"):
        cc.clusters(since=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [v for v in WRONG if v is not None], ids=repr)
def test_unknown_cluster_type_is_refused(value: object) -> None:
    """The types are listed."""
    with pytest.raises(InvalidContract, match="cluster_type=") as caught:
        cc.clusters(cluster_type=value)  # type: ignore[arg-type]
    assert "PeerWorkers" in caught.value.hint


@pytest.mark.parametrize("value", [v for v in WRONG if v not in (None, [], {}, ["x"], {"a": 1})], ids=repr)
def test_providers_that_are_no_list_are_refused(value: object) -> None:
    """A text is not taken letter by letter."""
    with pytest.raises(InvalidContract, match="providers="):
        cc.sweep(providers=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("pids", [7, "nope", b"x", object(), 2.5, ["x"], [None], [True], [2.5], {"a": 1}], ids=repr)
def test_pids_that_are_no_numbers_are_refused(pids: object) -> None:
    """The hint is `nodes(cluster)`."""
    with pytest.raises(InvalidContract) as caught:
        cc.pmap(abs, [1], pids=pids)  # type: ignore[arg-type]
    assert "nodes(cluster)" in caught.value.hint


@pytest.mark.parametrize("section", ["nope", 3, ["x"], {"a": 1}], ids=repr)
def test_unknown_section_of_the_configuration_is_refused(section: object) -> None:
    """Instead of the defaults, as if it were one."""
    with pytest.raises(UnknownName, match="no section"):
        cc.config(section)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("size", [v for v in WRONG if v != -1] + [0, -1], ids=repr)
def test_impossible_size_is_refused_and_the_cluster_unharmed(bare: cc.Cluster, size: object) -> None:
    """Before any work is moved away from any node."""
    with pytest.raises(InvalidContract):
        cc.scale(bare, size)  # type: ignore[arg-type]
    assert (bare.state, len(bare.members)) == ("running", 1)
