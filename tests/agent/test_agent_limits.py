"""Limits of nodes: what counts as use, who decides, and how a node lets go of itself."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from tests.agent.conftest import Message, RealAgent

from cloudclusters.agent import guard

if TYPE_CHECKING:
    from cloudclusters.agent.node import Node

Make = Callable[[], RealAgent]
Shell = Callable[..., Message]
KEY = b"the cluster's own"


def limits(node: str = "node0", *, head: str = "127.0.0.1", port: int | None = None, **more: object) -> Message:
    """As a driver sends them; the head is node0."""
    said = {"idle_timeout": None, "deadline": None, "at_limit": "terminate", "node": node, "secret": "message.key"}
    return {**said, "head": {"address": head, "port": port, "node": "node0"}, **more}


def give(agent: RealAgent, told: Message) -> Message:
    """Give an agent the key and its limits; its answer."""
    talk = agent.talk()
    talk.call("write", files=[{"path": "message.key", "text": KEY.decode()}])
    return talk.call("limits", limits=told)


def ask(agent: RealAgent) -> Message:
    """How things stand."""
    return agent.talk().call("limits")


def until(good: Callable[[], object], patience: float = 10.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + patience
    while not good():
        assert time.monotonic() < deadline, "it did not come"
        os.sched_yield()


def struck(agent: RealAgent) -> Message:
    """Wait for the end of an agent that lets go; what it left behind."""
    assert agent.wait() == 0
    return json.loads((agent.folder / "agent.struck").read_text())


def test_idle_node_ends_everything_and_itself(agent: RealAgent, shell: Shell) -> None:
    """Its processes are told in order, their logs say why, and a mark says what shall become of the node."""
    spec = shell('trap "echo bye; exit" TERM; echo "{}" >&3; while :; do sleep 0.05; done', kind="worker")
    agent.talk().call("start", processes=[spec])
    agent.until("p", lambda p: p["state"] == "ready")
    give(agent, limits(idle_timeout=0.4, at_limit="stop"))
    began = time.monotonic()
    assert struck(agent)["at_limit"] == "stop"
    assert time.monotonic() - began >= 0.3
    [log] = (agent.folder / "logs").glob("p.*.log")
    assert "letting go: nobody used the cluster" in log.read_text()
    assert "bye" in log.read_text()


def test_busy_process_is_use_and_an_idle_one_is_none(agent: RealAgent, shell: Shell) -> None:
    """By its lines after the ready line; the last one counts until the next."""
    script = 'echo "{}" >&3; echo \'{"busy": true}\' >&3; sleep 1.2; echo \'{"busy": false}\' >&3; exec sleep 60'
    agent.talk().call("start", processes=[shell(script, kind="worker")])
    give(agent, limits(idle_timeout=0.5))
    until(lambda: ask(agent)["busy"] == ["p is busy"])
    began = time.monotonic()
    assert "0.5 s" in struck(agent)["why"]
    assert time.monotonic() - began > 1.0


def test_command_and_service_are_use(agent: RealAgent, shell: Shell) -> None:
    """A command as long as it runs; a process that says nothing as long as it does, unless it belongs to an engine."""
    give(agent, limits(idle_timeout=0.3))
    assert agent.talk().call("run", argv=["sleep", "0.8"]) == {"code": 0}
    agent.talk().call("start", processes=[shell("exec sleep 0.8", restarts=0)])
    assert ask(agent)["busy"] == ["p is busy"]
    began = time.monotonic()
    struck(agent)
    assert time.monotonic() - began > 0.8


def test_connections_are_no_use(agent: RealAgent, shell: Shell) -> None:
    """Who only looks does not keep the node."""
    give(agent, limits(idle_timeout=0.4))
    talk = agent.talk()
    with contextlib.suppress(AssertionError, OSError):
        while True:
            talk.call("list")
            talk.call("limits", limits=limits(idle_timeout=0.4))
    struck(agent)


def test_commands_of_a_driver_that_only_looks_are_no_use(agent: RealAgent) -> None:
    """As of a watch that has a node ask whether it reaches another, every few seconds."""
    give(agent, limits(idle_timeout=0.4))
    talk = agent.talk()
    with contextlib.suppress(AssertionError, OSError):
        while True:
            assert talk.call("run", argv=["true"], use=False) == {"code": 0}
    struck(agent)


def test_deadline_strikes_a_busy_node(agent: RealAgent, shell: Shell) -> None:
    """Use does not matter for it."""
    agent.talk().call("start", processes=[shell("exec sleep 60")])
    answer = give(agent, limits(deadline=time.time() + 0.5))
    assert answer["why"] == "deadline"
    assert 0 < answer["strikes_in"] <= 0.5
    assert "deadline" in struck(agent)["why"]


def test_limits_outlive_the_agent(agent: RealAgent) -> None:
    """The next agent has them, and the same port for the members."""
    told = give(agent, limits(idle_timeout=30))
    agent.process.kill()
    agent.wait()
    agent.start()
    again = ask(agent)
    assert (again["limits"]["idle_timeout"], again["port"]) == (30, told["port"])
    give(agent, limits(idle_timeout=0.3))
    struck(agent)


def test_limits_that_the_disk_does_not_keep_do_not_hold(agent: RealAgent) -> None:
    """Who is told that the old ones hold finds them there, and so does the next agent."""
    give(agent, limits(idle_timeout=30))
    file = agent.folder / "agent.limits"
    kept = file.read_text()
    file.unlink()
    (file / "no room").mkdir(parents=True)

    assert agent.talk().error("limits", limits=limits(deadline=time.time() + 0.4))["kind"] == "system"

    again = ask(agent)
    assert (again["limits"], again["why"]) == (json.loads(kept), "idle")


def test_guard_is_told_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file finds no room there; the one of before is as good."""
    node = cast("Node", SimpleNamespace(directory=str(tmp_path), boot="boot"))
    guard.vouch(node, 0.0, 7200.0, 2e9)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(guard, "write_file", full)
    guard.vouch(node, guard.uptime() - 5, 60.0, None)

    assert (tmp_path / guard.FILE).read_text().splitlines()[0] == "boot 5 60 -"
    assert guard.is_of_this_boot(node)


def test_limits_of_before_a_stop_leave_time_for_others(agent: RealAgent) -> None:
    """The deadline passed while the node was stopped; who starts it again is about to tell a later one."""
    give(agent, limits(deadline=time.time() + 0.4))
    agent.process.kill()
    agent.wait()
    until(lambda: time.time() > ask_file(agent)["deadline"])
    agent.start()
    assert ask(agent)["strikes_in"] < 0
    assert give(agent, limits(deadline=time.time() + 600))["strikes_in"] > 500
    assert agent.process.poll() is None


def ask_file(agent: RealAgent) -> Message:
    """The limits that a node keeps."""
    return json.loads((agent.folder / "agent.limits").read_text())


@pytest.mark.parametrize(
    "wrong",
    [
        {"idle_timeout": "1h"},
        {"at_limit": "explode"},
        {"head": {"address": "127.0.0.1"}},
        {"secret": "../key"},
        {"deadline": -1},
    ],
)
def test_wrong_limits_are_refused(any_agent: RealAgent, wrong: Message) -> None:
    """With what they must be; nothing of them is kept."""
    assert any_agent.talk().error("limits", limits=limits(**wrong))["kind"] == "bad-request"
    assert ask(any_agent)["limits"] is None


@pytest.fixture
def pair(make_agent: Make) -> tuple[RealAgent, RealAgent]:
    """A head and a member, each at an address of its own, with an idle limit."""
    head, member = make_agent(), make_agent()
    port = give(head, limits(head="127.0.0.2", idle_timeout=1.0))["port"]
    give(member, limits("node1", head="127.0.0.2", port=port, idle_timeout=1.0))
    until(lambda: ask(head)["members"].get("node1"))
    return head, member


def test_member_goes_on_while_the_cluster_is_used(pair: tuple[RealAgent, RealAgent]) -> None:
    """Use of the head keeps the member, and use of the member keeps the head; then both go at about the same time."""
    for used, other in (pair, pair[::-1]):
        used.talk().call("run", argv=["sleep", "1.6"])
        assert other.process.poll() is None
        assert ask(other)["idle_for"] < 1.0
    for agent in pair:
        assert "idle_timeout" in struck(agent)["why"]


def test_member_that_hears_nothing_goes_by_its_own(pair: tuple[RealAgent, RealAgent]) -> None:
    """When it is idle itself."""
    head, member = pair
    head.process.kill()
    member.talk().call("run", argv=["sleep", "1.5"])
    assert member.process.poll() is None
    struck(member)


def sealed(said: Message, key: bytes = KEY) -> bytes:
    """A datagram as agents write it."""
    text = json.dumps(said).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode() + b" " + text


def said_by_head(to: socket.socket) -> Message:
    return json.loads(to.recv(2000).partition(b" ")[2])


def test_forged_and_repeated_messages_are_not_believed(agent: RealAgent) -> None:
    """Neither a signature by another key, nor a message that was heard before, keeps a cluster; fresh ones do."""
    port = give(agent, limits(head="127.0.0.2", idle_timeout=60.0))["port"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(0.3)
        stranger.connect(("127.0.0.2", port))
        hello = {"from": "member", "node": "node1", "number": "a", "echo": "", "idle_for": 0.0, "busy": True}
        stranger.send(sealed(hello, b"another"))
        with pytest.raises(TimeoutError):
            stranger.recv(2000)
        stranger.send(sealed(hello))
        challenge = said_by_head(stranger)
        assert (challenge["proven"], challenge["seconds"], challenge["echo"]) == (False, 0, "a")
        assert ask(agent)["members"] == {}
        fresh = sealed({**hello, "number": "b", "echo": challenge["number"]})
        stranger.send(fresh)
        assert said_by_head(stranger)["seconds"] > 40
        first = ask(agent)["members"]["node1"]["heard"]
        stranger.send(fresh)
        assert said_by_head(stranger)["proven"] is False
        assert ask(agent)["members"]["node1"]["heard"] > first


def test_member_believes_only_answers_to_itself(make_agent: Make) -> None:
    """A permission that was heard before, or is signed by another key, does not keep it."""
    member = make_agent()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as head:
        head.settimeout(5)
        head.bind(("127.0.0.2", 0))
        give(member, limits("node1", head="127.0.0.2", port=head.getsockname()[1], idle_timeout=0.8))
        data, address = head.recvfrom(2000)
        asked = json.loads(data.partition(b" ")[2])
        answer = {"from": "head", "node": "node1", "number": "n", "proven": True, "seconds": 100}
        replay = sealed({**answer, "echo": "0" * 32})
        began = time.monotonic()
        with contextlib.suppress(OSError):
            while member.process.poll() is None and time.monotonic() - began < 5:
                head.sendto(replay, address)
                head.sendto(sealed({**answer, "echo": asked["number"]}, b"another"), address)
                head.recvfrom(2000)
        assert "idle_timeout" in struck(member)["why"]
