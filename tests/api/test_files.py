"""Files of real local clusters: put, get and sync with the same semantics as over SSH, and the setting `directory`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters import aio
from cloudclusters.api import on_nodes
from cloudclusters.errors import IllegalState, InvalidContract, NodeError, UnknownName
from cloudclusters.lifecycle.files import NotEverywhere

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an ignore file, a program and a link."""
    top = tmp_path / "project"
    (top / "sub").mkdir(parents=True)
    (top / "program.py").write_text("#!/usr/bin/env python3\nprint(open('sub/data').read())\n")
    (top / "program.py").chmod(0o755)
    (top / "sub" / "data").write_text("the data")
    (top / "link").symlink_to("sub/data")
    (top / ".ccignore").write_text("*.log\n")
    (top / "noise.log").write_text("noise")
    return top


def directory(cluster: cc.Cluster, node: str) -> Path:
    """Where the commands of a node start."""
    said: list[str] = []
    on_nodes.execute(cluster, ["pwd"], nodes=[node], heard=lambda _node, _fd, text: said.append(text))
    return Path("".join(said).strip())


def where(_number: int) -> str:
    """The working directory of a worker."""
    return str(Path.cwd())


def test_files_and_commands_fit_together(local_cluster: cc.Cluster, project: Path, tmp_path: Path) -> None:
    """What was synced runs; permission bits and links travel, what is ignored stays; results stay, and come back."""
    codes = {}
    local_cluster.sync(project)
    for node in ("node0", "node1"):
        place = directory(local_cluster, node)
        assert (place / "link").readlink() == Path("sub/data")
        assert not (place / "noise.log").exists()
    script = "./program.py > result && mkdir -p sub && cp result sub/result"
    codes = on_nodes.execute(local_cluster, ["sh", "-c", script], heard=lambda *_: None)
    assert codes == {"node0": 0, "node1": 0}

    (project / "sub" / "data").unlink()
    (project / "link").unlink()
    done = local_cluster.sync(project, delete=True)
    local_cluster.get("sub", tmp_path / "back")

    assert {copied.deleted for copied in done.values()} == {2}
    for node in ("node0", "node1"):
        assert [path.name for path in (tmp_path / "back" / node / "sub").iterdir()] == ["result"]
        assert (tmp_path / "back" / node / "sub" / "result").read_text() == "the data\n"


def test_a_second_sync_sends_nothing(local_cluster: cc.Cluster, project: Path) -> None:
    """And its notes go with the node: nothing of it lies in the user's own directories."""
    first, second = local_cluster.sync(project, "work"), local_cluster.sync(project, "work")

    assert [copied.files for copied in second.values()] == [0, 0]
    assert second["node0"].unchanged == first["node0"].files
    assert (directory(local_cluster, "node0") / "synced").is_dir()


def test_one_file_to_one_node_and_back(local_cluster: cc.Cluster, tmp_path: Path) -> None:
    """Under its own name, or into a folder; the other node has nothing."""
    (tmp_path / "file").write_text("content")

    local_cluster.put(str(tmp_path / "file"), nodes=["node1"])
    local_cluster.put(tmp_path / "file", "made/", nodes="node1")
    done = local_cluster.get("made/file", tmp_path / "back", nodes=["node1"])

    assert (tmp_path / "back").read_text() == "content"
    assert (done["node1"].files, done["node1"].bytes) == (1, 7)
    assert (directory(local_cluster, "node1") / "file").exists()
    assert not (directory(local_cluster, "node0") / "file").exists()


def test_one_node_that_fails_does_not_stop_the_others(local_cluster: cc.Cluster, tmp_path: Path) -> None:
    """All failures are told, with what was done."""
    local_cluster.put(__file__, "only", nodes=["node0"])

    with pytest.raises(NotEverywhere, match=r"(?s)1 of 2 nodes failed, the others are done.*node1: ") as caught:
        local_cluster.get("only", tmp_path / "got")

    assert list(caught.value.done) == ["node0"]
    assert (tmp_path / "got" / "node0" / "only").exists()


def test_wrong_words_get_a_sentence(local_cluster: cc.Cluster, project: Path, tmp_path: Path) -> None:
    """Nodes, paths on either side, what belongs to the agent, and a cluster that does not run."""
    with pytest.raises(UnknownName, match="did you mean 'node1'"):
        local_cluster.put(project, nodes=["nod1"])
    with pytest.raises(UnknownName, match="there is no file"):
        local_cluster.put(tmp_path / "nothing")
    with pytest.raises(NodeError, match=r"there is no .*/nothing"):
        local_cluster.get("nothing", tmp_path / "x", nodes=["node0"])
    with pytest.raises(InvalidContract, match="engine in the directory of a node belongs"):
        local_cluster.put(project, "engine")
    local_cluster.interrupt()
    with pytest.raises(IllegalState, match="interrupted: sync is not possible now"):
        local_cluster.sync(project)


def test_async_programs_have_the_same_verbs(local_cluster: cc.Cluster, project: Path, tmp_path: Path) -> None:
    """On the caller's own loop."""

    async def program() -> None:
        await aio.sync(local_cluster, project)
        await aio.put(local_cluster, project / "program.py", "other.py", nodes=["node0"])
        await aio.get(local_cluster, "other.py", tmp_path / "back", nodes="node0")

    asyncio.run(program())

    assert (tmp_path / "back").read_bytes() == (project / "program.py").read_bytes()


def test_working_directory_is_where_workers_and_commands_start(clean_home: Path, project: Path) -> None:
    """The setting `directory`: relative to the node's own, made when absent, kept over a restart; files go there."""
    contract = cc.cluster(node_count=1, node_provider="local", directory="work/here")

    with cc.deploy(contract, resolve=True) as cluster:
        place = directory(cluster, "node0")
        assert (place.parent.parent / "agent.sock").exists()
        assert place.parts[-2:] == ("work", "here")
        assert cc.pmap(where, [1], pids=cluster.nodes()) == [str(place)]
        cluster.sync(project)
        assert (place / "program.py").exists()
        cluster.restart()
        assert cc.pmap(where, [1], pids=cluster.nodes()) == [str(place)]


def test_working_directory_may_be_anywhere(clean_home: Path, tmp_path: Path) -> None:
    """An absolute one is taken as it is; it stays when the cluster goes."""
    contract = cc.cluster(node_count=1, node_provider="local", engine="none", directory=str(tmp_path / "data"))

    with cc.deploy(contract, resolve=True) as cluster:
        cluster.put(__file__, "kept")

    assert (tmp_path / "data" / "kept").exists()


def test_shell_of_a_local_node_starts_where_its_commands_do(local_cluster: cc.Cluster) -> None:
    """With its variables, and the words as `ssh` takes them; its exit code is ours."""
    argv = [sys.executable, "-m", "cloudclusters", "ssh", f"{local_cluster.handle}/node1", "--"]
    words = ["echo $CLOUDCLUSTERS_NODE", "$RANK", "$WORLD_SIZE", "$PWD;", "exit 5"]

    done = subprocess.run(
        [*argv, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "SHELL": "/bin/sh"},
    )

    assert done.stdout == f"node1 1 2 {directory(local_cluster, 'node1')}\n", done.stderr
    assert done.returncode == 5
