"""Completion: the script of each shell, and the answers to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from cloudclusters.store.record import ClusterRecord

Call = Callable[..., object]
Record = Callable[..., ClusterRecord]


def _completions(*words: str) -> list[str]:
    """What the program answers to bash that completes the last word."""
    environment = {
        **os.environ,
        "_CLOUDCLUSTERS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("cloudclusters", *words)),
        "COMP_CWORD": str(len(words)),
    }
    script = "import sys; sys.argv = ['cloudclusters']; from cloudclusters.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True, timeout=60
    )
    return [line.split(",", 1)[1] for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_for_both_names(ccl: Call, shell: str) -> None:
    """`cloudclusters` and `ccl`."""
    answer = ccl("completion", shell)

    assert answer.code == 0
    assert "_CLOUDCLUSTERS_COMPLETE" in answer.out
    assert "_CCL_COMPLETE" in answer.out


def test_commands_are_completed() -> None:
    """By their beginning."""
    assert _completions("re") == ["resolve", "resume", "restart", "replace", "reconnect"]


def test_contract_commands_and_files_are_completed() -> None:
    """The parts of a command, and files where a contract's may stand."""
    assert _completions("contract", "") == ["diff", "schema", "show"]
    assert _completions("contract", "diff", "tr") == ["tr"]
    assert _completions("resolve", "tr") == ["tr"]


def test_clusters_are_completed_by_name_or_handle(recorded: Record) -> None:
    """From the store, where a cluster is wanted."""
    recorded("training")
    nameless = recorded()

    assert _completions("terminate", "tr") == ["training"]
    assert set(_completions("status", "")) == {"training", nameless.handle}
