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
    "c = cc.cluster(node_provider='local', node_count=8)\n"
    "print(cc.deploy(c, resolve=True, wait=False).handle)\n"
)


@pytest.mark.slow
def test_a_deploy_in_the_background_is_ended_before_the_program_ends(clean_home: Path) -> None:
    """It does not stop half-way because the main thread has ended."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    assert "waiting for the deploy" in ended.stderr
    assert cc.status(ended.stdout.strip()).state is ClusterState.RUNNING


ANOTHER_THREAD_TAKES_IT = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
"""A signal that does not wake the main thread, as one that comes just before it blocks."""


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", ANOTHER_THREAD_TAKES_IT], ids=["as it comes", "while it blocks"])
def test_an_interrupt_at_the_end_of_the_program_undoes_the_deploy(clean_home: Path, more: str) -> None:
    """As the line says."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + more], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stderr is not None
    assert program.stdout is not None
    line = program.stderr.readline()
    program.send_signal(signal.SIGINT)
    said, complained = program.communicate(timeout=60)

    assert "Ctrl-C undoes it" in line
    assert "still" not in complained
    assert cc.status(said.strip()).state is ClusterState.TERMINATED


LATE = """
import threading, time, types
from cloudclusters.api.deploying import _imported

def late():
    time.sleep(0.2)
    threading._register_atexit(print)  # as concurrent.futures does where it is imported

threading.Thread(target=_imported, args=(types.SimpleNamespace(import_client=late),)).start()
"""


def test_a_program_that_ends_while_it_imports_says_nothing_of_it() -> None:
    """As one that is interrupted early in a deploy; Python lets nobody register for the exit any more."""
    ended = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stderr == ""
