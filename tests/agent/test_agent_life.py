"""How an agent comes and goes."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.agent.conftest import Message, RealAgent, marked

import cloudclusters.agent
from cloudclusters.agent import command

Shell = Callable[..., Message]
READY = "echo up >&3; "


def wait_gone(instance: str) -> None:
    """Until no process of this instance lives; the test's time limit bounds it."""
    while marked(instance):
        os.sched_yield()


def running(agent: RealAgent, spec: Message) -> None:
    """Start a process and wait until it is ready."""
    agent.talk().call("start", processes=[spec])
    agent.until(str(spec["name"]), lambda p: p["state"] == "ready")


MODULES = sorted(Path(cloudclusters.agent.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_agent_is_python_3_8_without_anything_of_ours(path: Path) -> None:
    """It is sent to machines that have no more."""
    nodes = list(ast.walk(ast.parse(path.read_text(), feature_version=(3, 8))))
    froms = [n for n in nodes if isinstance(n, ast.ImportFrom)]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {str(n.module) for n in froms if n.level == 0}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
    assert {str(n.module) for n in froms if n.level} <= {module.stem for module in MODULES}


def test_identity_is_written(agent: RealAgent) -> None:
    """Number, start and boot name the process for good."""
    said = json.loads((agent.folder / "agent.json").read_text())
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (said["os_pid"], said["start"], said["boot"]) == (agent.process.pid, fields[19], boot)


def test_agent_has_a_session_of_its_own(agent: RealAgent, shell: Shell) -> None:
    """And so has each of its processes: Ctrl-C in a terminal reaches none."""
    running(agent, shell(READY + "exec sleep 60"))
    os_pid = agent.talk().call("list")["processes"][0]["os_pid"]
    sessions = {os.getsid(0), os.getsid(agent.process.pid), os.getsid(os_pid)}
    assert len(sessions) == 3


def test_processes_go_on_when_nobody_is_connected(agent: RealAgent, shell: Shell) -> None:
    """The driver may die."""
    talk = agent.talk()
    before = talk.call("start", processes=[shell("exec sleep 60")])["processes"][0]["life"]
    talk.close()
    assert agent.talk().call("list")["processes"][0]["life"] == before


def test_sigterm_ends_everything(agent: RealAgent, shell: Shell) -> None:
    """Also what does not listen, after a short grace."""
    running(agent, shell("trap '' TERM; setsid sleep 60 & " + READY + "while :; do sleep 1; done"))
    agent.process.send_signal(signal.SIGTERM)
    assert agent.wait() == 0
    assert marked(agent.instance) == []
    assert not {"agent.sock", "agent.json"} & {path.name for path in agent.folder.iterdir()}


def test_leave_answers_and_ends_everything(agent: RealAgent, shell: Shell) -> None:
    """The answer comes first."""
    running(agent, shell(READY + "exec sleep 60"))
    assert agent.talk().call("leave", grace=5) == {}
    assert agent.wait() == 0
    assert marked(agent.instance) == []


def test_nothing_new_is_started_while_leaving(agent: RealAgent, shell: Shell) -> None:
    """A late request is refused."""
    running(agent, shell("trap '' TERM; " + READY + "while :; do sleep 0.05; done"))
    talk = agent.talk()
    talk.call("leave", grace=0.3)
    assert talk.error("start", processes=[shell("exec sleep 60", name="q")])["kind"] == "ending"


def test_children_die_with_a_killed_agent(agent: RealAgent, shell: Shell) -> None:
    """The system sees to it."""
    running(agent, shell(READY + "exec sleep 60"))
    agent.process.kill()
    agent.wait()
    wait_gone(agent.instance)


def test_next_agent_clears_what_a_killed_one_left(agent: RealAgent, shell: Shell) -> None:
    """Grandchildren outlive a killed agent, but not the next start."""
    running(agent, shell("setsid sleep 60 & " + READY + "wait"))
    agent.process.kill()
    agent.wait()
    while not marked(agent.instance):  # it may just become another program
        os.sched_yield()
    agent.start()
    assert agent.talk().call("list") == {"processes": []}
    assert set(marked(agent.instance)) <= {agent.process.pid}


def test_agent_leaves_when_its_folder_is_gone(agent: RealAgent, shell: Shell) -> None:
    """Who deletes the folder by hand gets rid of the node."""
    running(agent, shell(READY + "exec sleep 60"))
    shutil.rmtree(agent.folder)
    assert agent.wait() == 0
    assert marked(agent.instance) == []


@pytest.mark.slow
def test_folder_has_one_agent(agent: RealAgent) -> None:
    """A second one gives up and says why."""
    argv = [*command(), "--directory", str(agent.folder), "--node", "n", "--instance", "i"]
    second = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1
    assert "another agent" in second.stderr
    assert agent.talk().call("hello")


def test_wrong_arguments_are_told() -> None:
    """With the right ones."""
    wrong = subprocess.run([*command(), "--help"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "usage: agent --directory" in wrong.stderr


def test_folder_may_have_a_long_name(tmp_path: Path) -> None:
    """Longer than the name of a socket may be."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    agent = RealAgent(folder)
    try:
        assert (folder / "agent.sock").is_socket()
    finally:
        agent.close()


@pytest.mark.slow
def test_many_agents_at_once(make_agent: Callable[[], RealAgent], shell: Shell) -> None:
    """32 nodes on one machine start, work and end."""
    agents = [make_agent() for _ in range(32)]
    for agent in agents:
        agent.talk().call("start", processes=[shell(READY + "exec sleep 60")])
    for agent in agents:
        agent.until("p", lambda p: p["state"] == "ready")
    for agent in agents:
        agent.close()
    assert [agent.process.returncode for agent in agents] == [0] * 32
