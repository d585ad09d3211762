"""A real agent in a fresh folder, and a blocking client that speaks its language and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cloudclusters.agent import command

Message = dict[str, object]


def marked(instance: str) -> list[int]:
    """Living processes that bear the mark of this instance."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and f"CLOUDCLUSTERS_INSTANCE={instance}\0".encode() in (
                (entry / "environ").read_bytes() + b"\0"
            ):
                found.append(int(entry.name))
    return found


class Talk:
    """A connection to an agent."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self._lines = self.socket.makefile("rb")
        self._count = 0

    def send(self, do: str, **arguments: object) -> int:
        """Send a request and return its number."""
        self._count += 1
        self.raw(json.dumps({**arguments, "id": self._count, "do": do}).encode() + b"\n")
        return self._count

    def raw(self, data: bytes) -> None:
        """Send anything."""
        self.socket.sendall(data)

    def line(self) -> Message:
        """The next line from the agent, whatever it answers; empty at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else {}

    def ask(self, do: str, **arguments: object) -> tuple[Message, list[Message]]:
        """Send a request; its last line, and its events."""
        number = self.send(do, **arguments)
        events = []
        while True:
            said = self.line()
            assert said, "the agent hung up"
            if said.get("id") == number and "event" in said:
                events.append(said["event"])
            elif said.get("id") == number:
                return said, events

    def call(self, do: str, **arguments: object) -> Message:
        """Send a request; its answer."""
        said = self.ask(do, **arguments)[0]
        assert "ok" in said, said
        return said["ok"]

    def error(self, do: str, **arguments: object) -> Message:
        """Send a request that is refused; why."""
        said = self.ask(do, **arguments)[0]
        assert "error" in said, said
        return said["error"]

    def until(self, name: str, good: Callable[[Message], bool]) -> Message:
        """Watch until this process is so (on a connection that does nothing else)."""
        self.send("watch")
        while True:
            process = self.line()["event"].get("process")
            if process and process["name"] == name and good(process):
                return process

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self.socket.close()


class RealAgent:
    """An agent of its own folder, started by these words or as a local node's."""

    def __init__(self, folder: Path, words: Sequence[str] = ()) -> None:
        self.folder = folder
        self._words = words or command()
        self.instance = f"i-{folder.name}-{os.getpid()}"
        self._talks: list[Talk] = []
        self.start()

    def start(self) -> None:
        """Start it, and return when it answers."""
        argv = [*self._words, "--directory", str(self.folder), "--node", "node0", "--instance", self.instance]
        with (self.folder / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(argv, start_new_session=True, cwd="/", stdin=subprocess.DEVNULL, stderr=log)
        while not self._is_up():
            assert self.process.poll() is None, (self.folder / "agent.log").read_text()
            os.sched_yield()

    def _is_up(self) -> bool:
        try:
            said = json.loads((self.folder / "agent.json").read_text())
        except FileNotFoundError:
            return False
        return bool(said["os_pid"] == self.process.pid)

    def talk(self) -> Talk:
        """A new connection."""
        self._talks.append(Talk(self.folder / "agent.sock"))
        return self._talks[-1]

    def until(self, name: str, good: Callable[[Message], bool]) -> Message:
        """Wait until this process is so."""
        return self.talk().until(name, good)

    def log(self, name: str = "p", **arguments: object) -> str:
        """What a process has written."""
        return "".join(event["text"] for event in self.talk().ask("log", name=name, **arguments)[1])

    def wait(self) -> int:
        """Wait for its end."""
        return self.process.wait(timeout=20)

    def close(self) -> None:
        """End it, and everything that it should have ended."""
        for talk in self._talks:
            talk.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.wait()


@pytest.fixture
def make_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RealAgent]]:
    """Agents, which have ended with everything of theirs when the test is over."""
    made: list[RealAgent] = []

    def make() -> RealAgent:
        made.append(RealAgent(tmp_path_factory.mktemp("node")))
        return made[-1]

    yield make
    for agent in made:
        agent.close()
    left = [pid for agent in made for pid in marked(agent.instance)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes are left behind"


@pytest.fixture(scope="session")
def any_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAgent]:
    """An agent that several tests share: they start nothing that stays."""
    made = RealAgent(tmp_path_factory.mktemp("node"))
    yield made
    made.close()


@pytest.fixture
def agent(make_agent: Callable[[], RealAgent]) -> RealAgent:
    """One agent."""
    return make_agent()


def shell(script: str, name: str = "p", **more: object) -> Message:
    """A process that runs a shell script."""
    return {"name": name, "kind": "service", "argv": ["sh", "-c", script], **more}


@pytest.fixture(name="shell")
def _shell() -> Callable[..., Message]:
    """How to write a process that runs a shell script."""
    return shell
