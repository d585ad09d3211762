"""An agent that is out of file descriptors: it refuses what it cannot do, and goes on."""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path

import pytest
from tests.agent.conftest import RealAgent

from cloudclusters.agent.limits import Limits
from cloudclusters.agent.loop import Loop
from cloudclusters.agent.metadata import Metadata
from cloudclusters.agent.node import Node
from cloudclusters.agent.serve import Server
from cloudclusters.agent.use import Use


def descriptors(agent: RealAgent) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir()))


def test_command_that_finds_no_descriptors_is_refused_and_leaks_none(agent: RealAgent) -> None:
    """Two are free, and a command needs six."""
    talk = agent.talk()
    assert talk.call("run", argv=["true"]) == {"code": 0}
    before = descriptors(agent)
    _, most = resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (before + 2, most))
    for _ in range(5):
        error = talk.error("run", argv=["true"])
        assert error["kind"] == "not-started"
        assert "Too many open files" in str(error["text"])
    assert descriptors(agent) == before
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (most, most))
    assert talk.call("run", argv=["true"]) == {"code": 0}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """What an agent holds, in this process."""
    return Node(str(tmp_path), "node0", "i-0")


def no_descriptor(*_: object, **__: object) -> None:
    """What every opening raises then."""
    raise OSError(24, "Too many open files")


def test_look_that_fails_is_not_the_last(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a node would never let go of itself."""
    looks: list[bool] = []

    def look(_: Use) -> list[str]:
        looks.append(True)
        return no_descriptor() or [] if len(looks) == 1 else []

    monkeypatch.setattr(Use, "look", look)
    monkeypatch.setattr(Limits, "_next", lambda _: 0.0)
    with pytest.raises(OSError, match="Too many"):
        node.limits.go()
    node.loop.turn()
    assert len(looks) == 2


def test_processes_that_cannot_be_listed_are_no_transfers(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine of its own; what is known otherwise still counts."""
    node.is_machine = True
    monkeypatch.setattr(os, "listdir", no_descriptor)
    assert "a transfer" not in Use(node).look()


def test_bug_is_reported_without_what_cannot_be_imported(
    node: Node, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report must not be what ends the agent."""
    monkeypatch.setitem(sys.modules, "traceback", None)
    with socket.socket() as listener:
        Server(node, listener)._report_bug(LookupError("here"))
    assert capsys.readouterr().err == "LookupError('here')\n"


def test_metadata_service_that_cannot_be_asked_answers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So whoever asks again later does."""
    loop, answers = Loop(), list[tuple[int, str]]()
    monkeypatch.setattr(socket, "socket", no_descriptor)
    Metadata(loop, "127.0.0.1:1").ask("spot", lambda status, text: answers.append((status, text)))
    loop.turn()
    assert answers == [(0, "")]
