"""put, get, sync, ssh and ssh-config on the command line: words, progress and exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudclusters.cli.progress import MOST_ROWS
from cloudclusters.cli.transfers import Transfers
from cloudclusters.remote.ssh.pack import Progress
from cloudclusters.store.record import ClusterState

Call = Callable[..., object]


@pytest.mark.slow
def test_files_on_the_command_line(program: Call, tmp_path: Path) -> None:
    """Lines for people, JSON for programs, and code 1 with every failure when one node has nothing."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "data").write_text("data")
    assert program("deploy", "node_provider=local", "node_count=2", "engine=none", "--name", "f", "-y").code == 0
    try:
        synced = program("sync", "f", "project", "--delete")
        put = program("put", "f/node1", "project/data", "only", "--json")
        one = program("get", "f/node1", "only")
        several = program("get", "f", "data")
        partly = program("get", "f", "only", "out", "--json")
        wrong = program("put", "f/nod1", "project")
        missing = program("put", "f", "nothing")
        local = program("ssh-config", "f")
    finally:
        assert program("terminate", "f", "-y").code == 0

    assert synced.out == ""
    assert "node0: 1 file, 4 B\nnode1: 1 file, 4 B" in synced.err
    assert put.data == [{"node": "node1", "files": 1, "bytes": 4, "unchanged": 0, "deleted": 0, "error": ""}]
    assert (one.code, (tmp_path / "only").read_text()) == (0, "data")
    assert several.code == 0
    assert (tmp_path / "node0" / "data").read_text() == (tmp_path / "node1" / "data").read_text() == "data"
    assert partly.code == 1
    assert [bool(row["error"]) for row in partly.data] == [False, True]
    assert "1 of 2 nodes failed" in partly.err
    assert (wrong.code, "did you mean 'node1'" in wrong.err) == (1, True)
    assert (missing.code, "there is no file nothing" in missing.err) == (1, True)
    assert (local.code, "on this machine" in local.err) == (1, True)


@pytest.mark.parametrize("words", [("put", "x"), ("get",), ("sync",), ("ssh",), ("ssh-config",)])
def test_missing_words_are_a_usage_error(ccl: Call, words: tuple[str, ...]) -> None:
    """Code 2, as everywhere."""
    assert ccl(*words).code == 2


def test_install_and_uninstall_exclude_each_other(ccl: Call) -> None:
    """Nothing is written."""
    answer = ccl("ssh-config", "--install", "--uninstall")

    assert (answer.code, "exclude each other" in answer.err) == (2, True)


def test_names_of_no_cluster_are_told(ccl: Call, recorded: Callable[..., object]) -> None:
    """With near names."""
    recorded("training")

    answer = ccl("put", "trainin", "x")

    assert (answer.code, "training" in answer.err) == (1, True)


@pytest.mark.parametrize("words", [("ssh",), ("ssh-config",), ("sync",), ("get",)])
def test_cluster_that_does_not_run_is_told(
    ccl: Call, recorded: Callable[..., object], words: tuple[str, ...], tmp_path: Path
) -> None:
    """Its state, and what is possible."""
    recorded("training", ClusterState.INTERRUPTED)

    answer = ccl(*words, "training", *(["x"] if words[0] in ("sync", "get") else []))

    assert answer.code == 1
    assert "is interrupted" in answer.err
    assert "resume" in answer.err


def test_progress_of_each_node_and_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Files and bytes; nodes are summed up where they are too many to list."""
    transfers = Transfers()
    transfers.take("node0", Progress(1, 512, 4, 1024))
    transfers.take("node1", Progress(2, 10))

    assert transfers.rows() == [("node0", "1/4 files", "512 B of 1 KiB (50 %)"), ("node1", "2 files", "10 B")]
    for number in range(MOST_ROWS + 4):
        transfers.take(f"node{number}", Progress(1, 1024, 2, 2048))
    assert transfers.rows() == [("20 nodes", "20/40 files", "20 KiB of 40 KiB (50 %)")]


@pytest.mark.slow
def test_progress_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    """And is gone at the end, but for one line with the time that it took."""
    text = (
        "from cloudclusters.cli.frame import build, Loudness\n"
        "from cloudclusters.cli.transfers import shown\n"
        "from cloudclusters.remote.ssh.pack import Progress\n"
        "with build().make_context('x', ['clusters'], obj=Loudness()):\n"
        "  with shown('Sending x') as told:\n"
        "    told('node0', Progress(1, 512, 4, 1024))\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import pty, sys; pty.spawn([sys.executable, '-c', {text!r}])"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    )

    assert "node0" in done.stdout
    assert "512 B of 1 KiB (50 %)" in done.stdout
    assert "Sending x 0 s" in done.stdout
    assert "done" in done.stdout
