"""The agent as one file, as it is sent to clouds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.agent.conftest import Message, RealAgent, marked

from cloudclusters.agent import bundle

Shell = Callable[..., Message]


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[RealAgent]:
    """An agent that runs from one file, in a Python that can import nothing else; the file is gone meanwhile."""
    file, folder = tmp_path / "agent.pyz", tmp_path / "node"
    file.write_bytes(bundle())
    folder.mkdir()
    agent = RealAgent(folder, [sys.executable, "-I", "-S", str(file)])
    file.unlink()
    yield agent
    agent.close()
    assert not marked(agent.instance)


def test_bundle_is_always_the_same() -> None:
    """So that a node can be asked whether it has this one already."""
    assert bundle() == bundle()


def test_bundle_does_not_depend_on_dates_and_modes_of_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another checkout of the same release makes the same one."""
    here = bundle()
    module = sys.modules[bundle.__module__]
    for path in Path(str(module.__file__)).parent.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / path.name).chmod(0o600)
        os.utime(tmp_path / path.name, (0, 0))
    monkeypatch.setattr(module, "__file__", str(tmp_path / "__init__.py"))
    assert bundle() == here


def test_bundle_runs_a_node(sent: RealAgent, shell: Shell) -> None:
    """From hello to leave, also when its file is gone: everything is loaded at the start."""
    assert sent.talk().call("hello")["instance"] == sent.instance
    sent.talk().call("start", processes=[shell("echo hi; echo up >&3; exec sleep 60")])
    assert sent.until("p", lambda p: p["state"] == "ready")["ready"] == "up"
    assert sent.log() == "hi\n"
    assert sent.talk().call("run", argv=["true"]) == {"code": 0}
    assert sent.talk().call("stop", names=None) == {}
    assert sent.talk().call("leave", grace=1) == {}
    assert sent.wait() == 0
