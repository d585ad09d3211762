"""One damaged thing stops no other, and there is always a way out."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.cli.edge import run
from cloudclusters.errors import NodeError, ProviderUnavailable, UnreadableRecord

pytestmark = pytest.mark.slow


def deployed(name: str, *, engine: str = "none") -> cc.Cluster:
    """One local node."""
    wish = cc.cluster(node_count=1, node_provider="local", engine=engine)
    return cc.deploy(wish, resolve=True, name=name)


def spoil(home: Path, cluster: cc.Cluster, *, state: str = "running") -> None:
    """Make the record of a cluster unreadable."""
    connection = sqlite3.connect(home / "store.sqlite")
    connection.execute("UPDATE clusters SET document = '{}', state = ? WHERE handle = ?", (state, cluster.handle))
    connection.commit()
    connection.close()


def test_damaged_record_names_its_cluster_and_stops_no_other(clean_home: Path) -> None:
    """Others are deployed and terminated beside it; `sweep` lets go of its machines when asked twice."""
    bad = deployed("bad")
    spoil(clean_home, bad)

    with pytest.raises(UnreadableRecord, match=bad.handle) as caught:
        cc.terminate(bad)
    assert "sweep --all" in caught.value.hint
    deployed("good").terminate()
    assert [(f.claim, f.swept) for f in cc.sweep(delete=True)] == [("its record cannot be read", False)]
    assert [f.swept for f in cc.sweep(delete=True, everyone=True)] == [True]
    assert cc.clusters() == []


def test_command_line_lists_and_sweeps_beside_a_damaged_record(
    clean_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its hint says; the others are shown."""
    bad, good = deployed("bad"), deployed("good")
    spoil(clean_home, bad)

    for command in (["clusters"], ["cost"], ["sweep", "-y"]):
        assert run(command) == 0, command
        said = capsys.readouterr()
        assert f"the record of cluster {bad.handle}" in said.err, command
        assert "good" in said.out or "good" in said.err or command == ["cost"]
    assert run(["sweep", "--all", "-y"]) == 0
    assert "deleted: 1" in capsys.readouterr().err
    assert run(["sweep"]) == 0
    good.terminate()


def test_damaged_record_of_an_unfinished_verb_hides_no_other_cluster(clean_home: Path) -> None:
    """It is named in a warning, and the others are listed."""
    bad, good = deployed("bad"), deployed("good")
    spoil(clean_home, bad, state="deploying")

    with pytest.warns(UserWarning, match=bad.handle):
        assert good in cc.clusters()
    good.terminate()
    with pytest.warns(UserWarning, match=bad.handle):
        cc.clusters()
    cc.sweep(delete=True, everyone=True)


def test_silent_provider_hides_no_cluster(clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored of the others is still listed, with a warning about the one left half-way."""
    cluster = deployed("silent")
    connection = sqlite3.connect(clean_home / "store.sqlite")
    connection.execute("UPDATE clusters SET state = 'restarting'")
    connection.commit()
    connection.close()

    def silent(*_: object, **__: object) -> None:
        raise ProviderUnavailable("the provider does not answer")

    with monkeypatch.context() as patch:
        patch.setattr("cloudclusters.provider.local.provider.LocalProvider.describe", silent)
        patch.setattr("cloudclusters.lifecycle.reconcile.look", silent)
        with pytest.warns(UserWarning, match="does not answer"):
            assert cc.clusters() == [cluster]


def test_damaged_node_can_be_let_go_of_and_stops_no_other(clean_home: Path) -> None:
    """What is known of a node is written twice."""
    bad = deployed("bad")
    (path,) = (clean_home / "local" / "nodes").glob("*/node.json")
    path.write_bytes(b'{"half')

    deployed("good").terminate()
    bad.terminate()
    assert list((clean_home / "local" / "nodes").iterdir()) == []


def test_what_others_put_among_the_nodes_is_left_alone(clean_home: Path) -> None:
    """Files and folders that are no nodes hinder nothing, and stay."""
    nodes = clean_home / "local" / "nodes"
    (nodes / "mine").mkdir(parents=True)
    (nodes / "mine" / "node.json").write_text("garbage")
    (nodes / "note.txt").write_text("remember the milk")

    deployed("good").terminate()
    assert sorted(entry.name for entry in nodes.iterdir()) == ["mine", "note.txt"]


def test_deleted_keys_are_named_and_made_anew_by_restart(clean_home: Path) -> None:
    """At once, instead of a scheduler that seems not to answer."""
    cluster = deployed("locked", engine="dask")
    shutil.rmtree(clean_home / "keys")

    with pytest.raises(NodeError, match="keys") as caught:
        cluster.get_client()
    assert "restart" in caught.value.hint
    cluster.restart()
    assert cc.pmap(abs, [-1], pids=cc.nodes(cluster)) == [1]


def test_deleted_node_folder_leaves_nothing_running(clean_home: Path) -> None:
    """The agent ends when its folder is gone, and terminate says so."""
    cluster = deployed("gone")
    for node in (clean_home / "local" / "nodes").iterdir():
        shutil.rmtree(node)

    assert cc.status(cluster, refresh=True).state == "broken"
    cluster.terminate()
    assert cluster.state == "terminated"
