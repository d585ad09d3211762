"""What one process shares, among its threads and with its forked children."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from cloudclusters.api.cluster import Cluster
from cloudclusters.api.session import Session, session
from cloudclusters.base.event import Event


def test_threads_share_one_store_and_one_context(home: Path) -> None:
    """Whoever comes first makes them; connections kept twice would be lost once."""
    of = Session(home)
    found: list[object] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append((of.context, of.store))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({(id(context), id(store)) for context, store in found}) == 1  # type: ignore[misc]


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_cluster_object_uses_the_session_of_the_forked_child(home: Path) -> None:
    """The parent's connections and clients belong to threads that the child does not have."""
    cluster = Cluster("A" * 15)
    parents = cluster._session
    child = os.fork()
    if child == 0:
        os._exit(0 if cluster._session is session() is not parents else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cluster._session is parents


def test_a_listener_that_fails_is_dropped_and_stops_nothing(home: Path) -> None:
    """A verb's clean-up tells its phases as well."""
    of = Session(home)
    heard: list[Event] = []

    def closed(event: Event) -> None:
        raise BrokenPipeError

    of.listeners += [closed, heard.append]
    for phase in ("one", "two"):
        of.hear(Event(cluster="A" * 15, phase=phase, text="", node=""))

    assert [event.phase for event in heard] == ["one", "two"]
    assert of.listeners == [heard.append]
