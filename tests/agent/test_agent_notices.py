"""What an agent does when the cloud says that it takes the machine back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.agent.conftest import Message, RealAgent, Talk

Shell = Callable[..., Message]
WORKER = "trap 'echo handed over; exit 0' USR1; echo ready >&3; while :; do sleep 0.05; done"
"""A worker that hands over at once."""
BUSY = "trap '' USR1; echo ready >&3; while :; do sleep 0.05; done"
"""One that never does."""


class Service:
    """A metadata service (IMDSv2) on this machine."""

    def __init__(self) -> None:
        self.facts: dict[str, str] = {}
        self.tokens = 0
        service = self

        class Answer(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                service.tokens += 1
                self.say(200 if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else 400, f"t{service.tokens}")

            def do_GET(self) -> None:
                text = service.facts.get(self.path.removeprefix("/latest/meta-data/"))
                if self.headers["X-aws-ec2-metadata-token"] != f"t{service.tokens}":
                    self.say(401, "")
                else:
                    self.say(404 if text is None else 200, text or "")

            def say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    """One metadata service."""
    made = Service()
    yield made
    made.close()


def notice(talk: Talk) -> Message:
    """The next notice that this connection is told."""
    while True:
        event = talk.line()["event"]
        if "notice" in event:
            return event["notice"]


def wish(agent: RealAgent, **said: object) -> None:
    """Write what the agent shall listen to."""
    agent.talk().call("write", files=[{"path": "notices.json", "text": json.dumps(said)}])


def test_interruption_that_the_metadata_service_tells(agent: RealAgent, shell: Shell, service: Service) -> None:
    """Who watches is told within seconds; workers hand over, end and stay ended; the user's script runs once."""
    script = "#!/bin/sh\necho $CLOUDCLUSTERS_NOTICE_KIND $CLOUDCLUSTERS_NOTICE_ACTION $CLOUDCLUSTERS_NOTICE_NODE\n"
    talk = agent.talk()
    talk.call("write", files=[{"path": "hooks/on_notice", "text": script, "mode": 0o700}])
    wish(agent, metadata=service.address, on_notice="hooks/on_notice")
    talk.call("start", processes=[shell(WORKER, kind="worker"), shell("echo ready >&3; sleep 60", "other")])
    agent.until("p", lambda process: process["state"] == "ready")
    watcher = agent.talk()
    watcher.send("watch")
    while not service.tokens:
        time.sleep(0.02)
    service.tokens += 1  # the token that it has is over
    service.facts["spot/instance-action"] = json.dumps({"action": "terminate", "time": "2099-01-02T03:04:05Z"})

    said = notice(watcher)

    assert (said["kind"], said["action"], said["node"]) == ("interruption", "terminate", "node0")
    assert time.gmtime(said["at"])[:6] == (2099, 1, 2, 3, 4, 5)
    ended = agent.until("p", lambda process: process["state"] == "stopped")
    assert ended["exit"]["reason"] == "stopped"
    assert "handed over" in agent.log()
    time.sleep(2.5)  # one more look
    assert [file["name"] for file in agent.talk().call("logs")["files"]].count("on_notice") == 1
    assert agent.log("on_notice") == "interruption terminate node0\n"
    states = {process["name"]: process["state"] for process in agent.talk().call("list")["processes"]}
    assert states == {"p": "stopped", "other": "ready"}


@pytest.mark.parametrize("gives_way", [False, True])
def test_rebalance_is_told_and_gives_way_only_where_asked(
    agent: RealAgent, shell: Shell, service: Service, gives_way: bool
) -> None:
    """A recommendation is no interruption."""
    service.facts["events/recommendations/rebalance"] = json.dumps({"noticeTime": "2026-01-02T03:04:05Z"})
    agent.talk().call("start", processes=[shell(WORKER, kind="worker")])
    agent.until("p", lambda process: process["state"] == "ready")
    wish(agent, metadata=service.address, rebalance=gives_way)
    watcher = agent.talk()
    watcher.send("watch")

    assert notice(watcher)["kind"] == "rebalance"

    if gives_way:
        agent.until("p", lambda process: process["state"] == "stopped")
    else:
        assert agent.talk().call("list")["processes"][0]["state"] == "ready"


@pytest.mark.parametrize("text", ["", "7", "[]", "{", '{"metadata": "nowhere"}', '{"metadata": "127.0.0.1:1"}'])
def test_wishes_that_lead_nowhere_harm_nobody(agent: RealAgent, text: str) -> None:
    """The agent goes on, and acts on a notice that it is told."""
    talk = agent.talk()
    talk.call("write", files=[{"path": "notices.json", "text": text}])
    watcher = agent.talk()
    watcher.send("watch")
    talk.call("notice", kind="interruption", action="terminate", seconds=60)
    assert notice(watcher)["kind"] == "interruption"
    assert talk.error("notice", kind="rain")["kind"] == "bad-request"


def test_retire_waits_for_the_end_and_kills_who_does_not_come_to_it(agent: RealAgent, shell: Shell) -> None:
    """The grace is the worker's; other kinds of processes are left alone; a later start brings it back."""
    worker = shell(BUSY, "stubborn", kind="worker")
    agent.talk().call("start", processes=[worker, shell("echo ready >&3; sleep 60", "other")])
    agent.until("stubborn", lambda process: process["state"] == "ready")
    began = time.monotonic()

    agent.talk().call("retire", names=None, grace=0.5)

    assert time.monotonic() - began >= 0.5
    states = {process["name"]: process["state"] for process in agent.talk().call("list")["processes"]}
    assert states == {"stubborn": "stopped", "other": "ready"}
    agent.talk().call("start", processes=[worker])
    agent.until("stubborn", lambda process: process["state"] == "ready")
