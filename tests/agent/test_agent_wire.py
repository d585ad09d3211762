"""How an agent is talked to, well and badly."""

from __future__ import annotations

import base64
import itertools
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.agent.conftest import Message, RealAgent, marked

Shell = Callable[..., Message]


def test_hello_tells_the_node(any_agent: RealAgent) -> None:
    """Who, where and what."""
    facts = any_agent.talk().call("hello")
    assert (facts["agent"], facts["node"], facts["instance"]) == ("1", "node0", any_agent.instance)
    assert (facts["directory"], facts["os_pid"]) == (str(any_agent.folder), any_agent.process.pid)
    assert facts["vcpus"] >= 1
    assert facts["memory_bytes"] > 1 << 20


def test_only_the_user_may_talk(any_agent: RealAgent) -> None:
    """The socket is closed to others, and so is the folder."""
    assert stat.S_IMODE((any_agent.folder / "agent.sock").stat().st_mode) == 0o600
    assert stat.S_IMODE(any_agent.folder.stat().st_mode) == 0o700


def test_files_are_written_whole_with_their_modes(any_agent: RealAgent) -> None:
    """From text or base64, parents made."""
    data = bytes(range(256))
    files = [
        {"path": "a/b/text", "text": "häh", "mode": 0o600},
        {"path": "run", "base64": base64.b64encode(data).decode(), "mode": 0o700},
    ]
    assert any_agent.talk().call("write", files=files) == {}
    assert (any_agent.folder / "a/b/text").read_text() == "häh"
    assert (any_agent.folder / "run").read_bytes() == data
    assert stat.S_IMODE((any_agent.folder / "run").stat().st_mode) == 0o700


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "", ".", "out/x", "agent.json", "node.json", "d/"])
def test_nothing_is_written_elsewhere(any_agent: RealAgent, path: str) -> None:
    """Paths stay below the folder, through links as well, and leave the agent's own files alone."""
    out = any_agent.folder / "out"
    if not out.exists():
        out.symlink_to("/tmp")
    assert any_agent.talk().error("write", files=[{"path": path, "text": "x"}])["kind"] == "bad-request"


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "nothing"},
        {"do": 7},
        {},
        {"do": "start"},
        {"do": "start", "processes": [{"name": "../x", "argv": ["true"]}]},
        {"do": "start", "processes": [{"name": "x", "argv": []}]},
        {"do": "start", "processes": [{"name": "x", "argv": "true"}]},
        {"do": "start", "processes": [{"name": "x", "argv": ["a\0b"]}]},
        {"do": "start", "processes": [{"name": "x", "argv": ["true"], "env": {"A=B": "c"}}]},
        {"do": "start", "processes": [{"name": "x", "argv": ["true"], "memory_bytes": -1}]},
        {"do": "start", "processes": [{"name": "x", "argv": ["true"], "colour": "red"}]},
        {"do": "stop", "names": "x"},
        {"do": "run", "argv": ["true"], "env": [1]},
        {"do": "log", "name": "x", "life": "../../etc"},
        {"do": "log", "name": "nobody"},
        {"do": "write", "files": [{"path": "x", "base64": "!"}]},
    ],
)
def test_bad_requests_are_answered(any_agent: RealAgent, request_: Message) -> None:
    """With an error of their own number; the connection goes on."""
    talk = any_agent.talk()
    talk.raw(json.dumps({**request_, "id": 99}).encode() + b"\n")
    said = talk.line()
    assert said["id"] == 99
    assert said["error"]["kind"] in ("bad-request", "not-found")
    assert talk.call("list") == {"processes": []}


def test_garbage_harms_nobody(any_agent: RealAgent) -> None:
    """Any bytes at all: the agent answers the next one."""
    values = st.recursive(st.text() | st.integers() | st.none(), st.lists)

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
    def check(data: bytes) -> None:
        talk = any_agent.talk()
        talk.raw(data + b"\n")
        assert talk.call("hello")["node"] == "node0"
        talk.close()

    check()


def test_requests_of_one_connection_run_at_once(any_agent: RealAgent) -> None:
    """A long command does not hold up a short question."""
    talk = any_agent.talk()
    talk.send("run", argv=["sleep", "60"])
    assert talk.call("list") == {"processes": []}


def test_run_passes_input_output_and_code(any_agent: RealAgent) -> None:
    """Both streams, told apart, before the answer."""
    script = "cat; echo err >&2; echo $A; pwd; exit 3"
    said, events = any_agent.talk().ask("run", argv=["sh", "-c", script], env={"A": "b"}, stdin="in\n" * 50_000)
    assert said["ok"] == {"code": 3}
    assert "".join(e["text"] for e in events if e["fd"] == 1) == "in\n" * 50_000 + f"b\n{any_agent.folder}\n"
    assert "".join(e["text"] for e in events if e["fd"] == 2) == "err\n"


def test_run_tells_the_signal(any_agent: RealAgent) -> None:
    """As a negative code."""
    assert any_agent.talk().call("run", argv=["sh", "-c", "kill -9 $$"]) == {"code": -9}


def test_run_of_nothing_is_refused(any_agent: RealAgent) -> None:
    """With the name of what is not there."""
    assert "no-such-program" in any_agent.talk().error("run", argv=["no-such-program"])["text"]


def test_run_ends_with_its_connection(agent: RealAgent) -> None:
    """Children of the command, too."""
    talk = agent.talk()
    talk.send("run", argv=["sh", "-c", "setsid sleep 60 & sleep 60 & echo on; wait"])
    assert talk.line()["event"]["text"] == "on\n"
    talk.close()
    while pids := [pid for pid in marked(agent.instance) if pid != agent.process.pid]:
        os.sched_yield()
    assert not pids


def test_run_does_not_wait_for_what_it_leaves_in_the_background(agent: RealAgent) -> None:
    """Even when that holds the output open."""
    assert agent.talk().call("run", argv=["sh", "-c", "sleep 60 &"]) == {"code": 0}


def test_log_gives_the_last_lines(agent: RealAgent, shell: Shell) -> None:
    """An unfinished line counts; more than there are gives all."""
    agent.talk().call("start", processes=[shell("printf 'a\\nb\\nc'; exit 0", restarts=0)])
    agent.until("p", lambda p: p["state"] == "exited")
    assert [agent.log(tail=n) for n in (None, 0, 1, 2, 9)] == ["a\nb\nc", "", "c", "b\nc", "a\nb\nc"]


def test_log_of_a_life_ends_with_it(agent: RealAgent, shell: Shell) -> None:
    """Who follows it hears everything, and then the end."""
    started = agent.talk().call("start", processes=[shell("echo a; echo b >&2; sleep 0.1; echo c", restarts=0)])
    life = started["processes"][0]["life"]
    assert agent.log(life=life, follow=True) == "a\nb\nc\n"


def test_log_is_followed_over_restarts(agent: RealAgent, shell: Shell) -> None:
    """Without a life given, the next one is followed too."""
    talk = agent.talk()
    agent.talk().call("start", processes=[shell("echo {life}; exit 1", restarts=1)])
    talk.send("log", name="p", follow=True)
    first, second = talk.line()["event"]["text"], talk.line()["event"]["text"]
    assert first != second


@pytest.mark.slow
def test_long_log_waits_for_its_reader(agent: RealAgent, shell: Shell) -> None:
    """Nothing is lost, and the agent serves others meanwhile without holding all of it."""
    agent.talk().call("start", processes=[shell("seq 1000000", restarts=0)])
    agent.until("p", lambda p: p["state"] == "exited")
    slow = agent.talk()
    number = slow.send("log", name="p")
    assert agent.talk().call("list")["processes"]
    assert _resident(agent) < 64 << 20
    text = ""
    while "ok" not in (said := slow.line()):
        assert said["id"] == number
        text += said["event"]["text"]
    assert text.splitlines() == [str(n) for n in range(1, 1_000_001)]


def test_endless_run_waits_for_its_reader(agent: RealAgent) -> None:
    """Its pipe is not read when we are not."""
    slow = agent.talk()
    slow.send("run", argv=["yes"])
    assert slow.line()["event"]
    for _ in range(50):
        agent.talk().call("list")
    assert _resident(agent) < 64 << 20


def test_who_asks_and_never_reads_is_not_answered_for_ever(agent: RealAgent) -> None:
    """Its requests wait in its own buffers, and others are served."""
    deaf = agent.talk()
    deaf.socket.setblocking(False)
    request = json.dumps({"id": 1, "do": "hello"}).encode() + b"\n"
    with pytest.raises(BlockingIOError):  # in the end: nothing is taken from us any more
        list(map(deaf.socket.send, itertools.repeat(request * 100)))
    assert agent.talk().call("hello")
    assert _resident(agent) < 64 << 20


def _resident(agent: RealAgent) -> int:
    return int(Path(f"/proc/{agent.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
