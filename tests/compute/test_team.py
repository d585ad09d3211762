"""Which workers take part: pids by cluster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cloudclusters.api.compute.team import shares
from cloudclusters.errors import UnknownName, WorkersLost


class Cluster:
    """A cluster with these workers."""

    def __init__(self, handle: str, *pids: int) -> None:
        self.handle = handle
        self._pids = pids

    def get_client(self) -> object:
        """Not needed here."""
        raise NotImplementedError

    def is_cut_off(self) -> bool:
        """Its nodes are on this machine."""
        return False

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
