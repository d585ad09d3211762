"""Running an engine's layout on this machine without agents: for tests and benchmarks of engines.

Each member is a folder and a loopback address; processes are plain children, and nothing restarts them.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cloudclusters.api.compute.backlog import Backlog
from cloudclusters.engine.dask.connect import disconnect
from cloudclusters.engine.protocol import Engine, Kind, Layout, Member, Process
from cloudclusters.errors import NodeError

if TYPE_CHECKING:
    from distributed import Client


@dataclass(slots=True, kw_only=True)
class Running:
    """A process of a layout that was started."""

    process: Process
    life: str
    child: subprocess.Popen[bytes]
    ready_pipe: int
    log: Path
    ready: Mapping[str, object] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """Node, process and life."""
        return f"{self.process.node}/{self.process.name}/{self.life}"


def loopback_members(count: int, *, processes: int = 1, vcpus: int = 1, third: int = 77) -> list[Member]:
    """Members `node0` … at `127.0.<third>.1` …, with this machine's Python."""
    return [
        Member(
            name=f"node{i}",
            role="peer",
            index=i,
            address=f"127.0.{third}.{i + 1}",
            processes=processes,
            vcpus=vcpus,
            memory_bytes=2 << 30,
            python=(sys.executable,),
        )
        for i in range(count)
    ]


class RunningLayout:
    """The processes of a layout. Has what `pmap` needs of a cluster; pids are counted from `first_pid`."""

    def __init__(self, engine: Engine, members: Sequence[Member], folder: Path, *, first_pid: int = 2) -> None:
        self.handle = folder.name
        self.layout: Layout = engine.layout(members)
        self._engine = engine
        self._folder = folder
        self._first_pid = first_pid
        self._client: Client | None = None
        self.running: list[Running] = []
        self.keys: dict[str, str] = {}
        self.backlog = Backlog()

    def trouble(self) -> str:
        """Nobody looks after its nodes, so nothing is known of them."""
        return ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Write the files, start everything at once, and wait until all are ready."""
        made = self._engine.make_secrets()
        for name, content in made.items():
            path = self._folder / "keys" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self.keys[name] = str(path)
        nodes = dict.fromkeys(process.node for process in self.layout.processes)
        for file in self.layout.files:
            for node in (file.node,) if file.node else nodes:
                path = self._folder / node / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(made[file.secret] if file.secret else file.text.encode())
                path.chmod(file.mode)
        self.running = [self._start(process) for process in self.layout.processes]
        for one in self.running:
            self._wait(one)

    def _start(self, process: Process) -> Running:
        life = secrets.token_hex(4)
        directory = self._folder / process.node
        directory.mkdir(parents=True, exist_ok=True)
        reading, writing = os.pipe()

        def fill(text: str) -> str:
            return text.replace("{directory}", str(directory)).replace("{life}", life)

        env = os.environ | {k: fill(v) for k, v in process.env.items()} | {"CLOUDCLUSTERS_READY_FD": str(writing)}
        log = directory / f"{process.name}.log"
        with log.open("wb") as sink:
            child = subprocess.Popen(
                [fill(a) for a in process.argv],
                env=env,
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                pass_fds=[writing],
                start_new_session=True,
            )
        os.close(writing)
        return Running(process=process, life=life, child=child, ready_pipe=reading, log=log)

    def _wait(self, one: Running) -> None:
        with os.fdopen(one.ready_pipe) as pipe:
            line = pipe.readline()
        if not line:
            raise NodeError(f"{one.full_name} ended before it was ready:\n{one.log.read_text('utf-8')[-4000:]}")
        one.ready = json.loads(line)

    def stop(self) -> None:
        """Close the client and kill what still runs."""
        if self._client is not None:
            disconnect(self._client)
        for one in self.running:
            if one.child.poll() is None:
                one.child.kill()
            one.child.wait()

    # What a computation needs of a cluster

    def get_client(self) -> Client:
        """A connected Dask client; the same at each call."""
        if self._client is None:
            forwards = {f.name: f"{f.address}:{f.port}" for f in self.layout.forwards}
            self._client = self._engine.client(forwards, self.keys)
        return self._client

    def workers(self) -> dict[int, Running]:
        """Every worker that was started, by pid, dead or alive."""
        workers = [one for one in self.running if one.process.kind is Kind.WORKER]
        return dict(enumerate(workers, self._first_pid))

    def is_cut_off(self) -> bool:
        """Its nodes are on this machine."""
        return False

    def why_gone(self) -> str:
        """Nobody lets go of it."""
        return ""

    def live_workers(self) -> Mapping[int, str]:
        """The workers that live, by pid."""
        return {pid: one.full_name for pid, one in self.workers().items() if one.child.poll() is None}

    def kill(self, pid: int) -> None:
        """Kill a worker at once, as a lost machine would."""
        self.workers()[pid].child.send_signal(signal.SIGKILL)
