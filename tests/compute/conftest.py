"""Real small clusters: an engine's layout run directly on loopback addresses, without agents and lifecycle."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from cloudclusters.engine.dask import DaskEngine
from cloudclusters.testing.layout import RunningLayout, loopback_members

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
