"""Which workers take part: pids by cluster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cloudclusters.api.compute.team import lost, shares
from cloudclusters.errors import UnknownName, WorkersLost


class Cluster:
    """A cluster with these workers."""

    def __init__(self, handle: str, *pids: int) -> None:
        self.handle = handle
        self._pids = pids
        self.gone = ""

    def get_client(self) -> object:
        """Not needed here."""
        raise NotImplementedError

    def trouble(self) -> str:
        """None."""
        return ""

    def is_cut_off(self) -> bool:
        """Its nodes are on this machine."""
        return False

    def why_gone(self) -> str:
        """As it was told."""
        return self.gone

    def live_workers(self) -> Mapping[int, str]:
        """By pid."""
        return {pid: f"node{pid}/worker0/x" for pid in self._pids}


A, B = Cluster("a", 2, 3), Cluster("b", 4)


def test_pids_are_grouped_by_their_cluster() -> None:
    """`nodes(a) + nodes(b)` is all that a computation over two clusters needs."""
    found = shares([A, B], [4, 3])

    assert [(s.cluster.handle, list(s.workers)) for s in found] == [("a", [3]), ("b", [4])]


def test_no_pids_are_all_workers() -> None:
    """The default."""
    assert [list(s.workers) for s in shares([A, B])] == [[2, 3], [4]]


def test_pids_that_nobody_has_are_named() -> None:
    """They may be those of workers that were restarted since."""
    with pytest.raises(UnknownName, match="no live worker has the pid 9, 10; alive: 2, 3, 4"):
        shares([A, B], [2, 9, 10])


def test_no_worker_at_all_is_told() -> None:
    """Rather than an empty result."""
    with pytest.raises(WorkersLost, match="no worker to compute on"):
        shares([Cluster("c")])


def test_a_cluster_that_let_go_by_itself_is_told_apart_from_lost_workers() -> None:
    """Whoever computes learns which limit it was."""
    a, b = Cluster("a", 2), Cluster("b", 4)
    b.gone = "let go by itself: it has lived for 8h"

    error = lost("pmap stopped after 5 items", shares([a, b]))

    assert error.message == "pmap stopped after 5 items: cluster b let go by itself: it has lived for 8h"
    assert "no worker is left of pid 2" in lost("pmap stopped", shares([a])).message


def test_scheduler_that_is_silent_is_named() -> None:
    """Its workers may live: it is not they who are lost."""
    (share,) = shares([Cluster("one", 2)], [2])
    error = lost("a map", [share], silent=[share])
    assert "the scheduler of one does not answer any more" in error.message
    assert "restart" in error.hint
