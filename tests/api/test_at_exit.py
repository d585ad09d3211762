"""A program that ends while a deploy goes on in the background."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.store.record import ClusterState

PROGRAM = (
    "import cloudclusters as cc\n"
    "c = cc.cluster(node_provider='local', node_count=2)\n"
    "print(cc.deploy(c, resolve=True, wait=False).handle)\n"
)


@pytest.mark.slow
def test_a_deploy_in_the_background_is_ended_before_the_program_ends(clean_home: Path) -> None:
    """It does not stop half-way because the main thread has ended."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    assert "waiting for the deploy" in ended.stderr
    assert cc.status(ended.stdout.strip()).state is ClusterState.RUNNING


@pytest.mark.slow
def test_an_interrupt_at_the_end_of_the_program_undoes_the_deploy(clean_home: Path) -> None:
    """As the line says."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stderr is not None
    assert program.stdout is not None
    line = program.stderr.readline()
    program.send_signal(signal.SIGINT)
    said, more = program.communicate(timeout=60)

    assert "Ctrl-C undoes it" in line
    assert "still" not in more
    assert cc.status(said.strip()).state is ClusterState.TERMINATED
