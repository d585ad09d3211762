"""Real small clusters: an engine's layout run directly on loopback addresses, without agents and lifecycle."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pytest

from cloudclusters.engine.dask import DaskEngine
from cloudclusters.engine.dask.connect import connect, disconnect
from cloudclusters.testing.layout import RunningLayout, loopback_members

if TYPE_CHECKING:
    from distributed import Client

Start = Callable[..., RunningLayout]
_third = itertools.count(100)
_first_pid = itertools.count(1000, 100)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLayout]:
    """Two nodes with one worker each; for tests that leave its workers alive."""
    members = loopback_members(2, third=next(_third))
    with RunningLayout(DaskEngine(), members, tmp_path_factory.mktemp("shared"), first_pid=2) as running:
        yield running


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts clusters of a test's own, with pids that no other has."""
    started: list[RunningLayout] = []

    def begin(nodes: int = 2, *, vcpus: int = 1) -> RunningLayout:
        members = loopback_members(nodes, third=next(_third), vcpus=vcpus)
        folder = tmp_path_factory.mktemp("own")
        started.append(RunningLayout(DaskEngine(), members, folder, first_pid=next(_first_pid)))
        started[-1].start()
        return started[-1]

    yield begin
    for running in started:
        running.stop()


class Relay:
    """A port that passes connections on to a scheduler, as a forward does, and can cut them all."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lines: list[socket.socket] = []
        self.flows = threading.Event()
        """Not set: what is sent does not arrive, and nobody says so."""
        self.flows.set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(self._target)
                self._lines += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End every connection; new ones are taken."""
        lines, self._lines = self._lines, []
        for line in lines:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def close(self) -> None:
        """Cut, and take no more."""
        self.flows.set()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()


class Relayed:
    """The shared cluster, reached through a relay."""

    def __init__(self, cluster: RunningLayout) -> None:
        self._cluster = cluster
        self.handle = cluster.handle
        self.backlog = cluster.backlog
        forward = next(f for f in cluster.layout.forwards if f.name == "scheduler")
        self.relay = Relay((forward.address, forward.port))
        self._client = connect({"scheduler": self.relay.address}, cluster.keys)

    def get_client(self) -> Client:
        """The client behind the relay."""
        return self._client

    def trouble(self) -> str:
        """None."""
        return ""

    def is_cut_off(self) -> bool:
        """As the relay is."""
        return not self.relay.flows.is_set()

    def why_gone(self) -> str:
        """Nobody lets go of it."""
        return ""

    def live_workers(self) -> Mapping[int, str]:
        """Those of the cluster."""
        return self._cluster.live_workers()

    def close(self) -> None:
        """Let go."""
        disconnect(self._client)
        self.relay.close()


@pytest.fixture
def relayed(cluster: RunningLayout) -> Iterator[Relayed]:
    """The shared cluster behind a connection that can be cut."""
    made = Relayed(cluster)
    yield made
    made.close()
