"""Nodes that die, hang or are cut off while a map runs: each is told for what it is, and no result is lost."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

import cloudclusters as cc
from cloudclusters.errors import WorkersLost
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]


def deployed(count: int = 2, **more: object) -> cc.Cluster:
    """A cluster of the spot market, whose scheduler's node is on demand."""
    contract = cc.cluster(
        node_provider="ec2", node_count=count, node_machinetype="t3.xlarge", **{"market": "spot", **more}
    )
    return cc.deploy(contract, resolve=True)


def machine(cluster: cc.Cluster, node: str) -> str:
    """The id of a node's machine."""
    return next(member.instance for member in cluster.members if member.name == node)


def names(cluster: cc.Cluster) -> list[str]:
    """The nodes, in order."""
    return [member.name for member in cluster.members]


def slow(number: int) -> int:
    """Something that takes a moment."""
    time.sleep(0.1)
    return number * number


def hold(seconds: int) -> int:
    """Hold the GIL, as a library in C may."""
    ctypes.PyDLL(None).sleep(seconds)
    return seconds


def until(look: Callable[[], object], *, seconds: float = 30.0) -> float:
    """Look until the answer is true; how long it took."""
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < seconds, "it did not come so"
        time.sleep(0.05)
    return time.monotonic() - began


class Map:
    """A map that runs in a thread of its own."""

    def __init__(self, cluster: cc.Cluster) -> None:
        self._cluster, self._pids = cluster, cc.nodes(cluster)
        self._stop = threading.Event()
        self.results: list[int] = []
        self.error: BaseException | None = None
        self.done = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _items(self) -> Iterator[int]:
        for number in range(10_000):
            if self._stop.is_set():
                return
            yield number

    def _run(self) -> None:
        try:
            self.results = cc.pmap(slow, self._items(), pids=self._pids, progress=self._count)
        except BaseException as exc:  # noqa: BLE001
            self.error = exc

    def _count(self, done: int, _total: int | None) -> None:
        self.done = done

    def end(self) -> None:
        """Let it come to its end: all results are there, each once and in order."""
        self._stop.set()
        self._thread.join(60)
        assert self.error is None, self.error
        assert self.results == [number * number for number in range(len(self.results))]
        assert self.results

    def failed(self) -> BaseException:
        """What it raised."""
        self._thread.join(60)
        assert self.error is not None
        return self.error


def test_spot_kill_in_the_middle_of_a_map_loses_nothing(ec2: Bed) -> None:
    """The node hands over within its notice, results and what Dask holds there; the hook is called; a new one comes."""
    with deployed(2, on_lost="replace") as cluster:
        client = cluster.get_client()
        (there,) = [worker.full_name for worker in cluster.workers() if worker.node == "node1"]
        held = client.submit(time.time, workers=[there], pure=False)
        value = held.result(timeout=60)
        notices: list[cc.Notice] = []
        cluster.on_notice(notices.append)
        work = Map(cluster)
        until(lambda: work.done)

        ec2.instances.reclaim(machine(cluster, "node1"), notice=8.0)

        until(lambda: notices)
        assert (notices[0].node, notices[0].kind, notices[0].action) == ("node1", "interruption", "terminate")
        until(lambda: names(cluster) == ["node0", "node2"] and cluster.state is ClusterState.RUNNING, seconds=40)
        work.end()
        assert held.result(timeout=60) == value, "it was computed again, not moved"
        assert len(cc.nodes(cluster)) == 2


def test_what_hangs_dies_and_is_cut_off_is_told_apart(ec2: Bed, caplog: pytest.LogCaptureFixture) -> None:
    """All at once while a map goes on, which loses nothing; one alone takes at most 30 s, several may take longer."""
    with deployed(4) as cluster:
        machines = {name: machine(cluster, name) for name in names(cluster)}
        work = Map(cluster)
        until(lambda: work.done)
        with caplog.at_level(logging.WARNING, logger="cloudclusters"):
            ec2.cut_client(machines["node3"])
            ec2.instances.crash(machines["node2"])
            ec2.instances.driver.freeze(machines["node1"])
            until(
                lambda: all(
                    f"{cluster.handle}/{told}" in caplog.text
                    for told in ("node1: hung", "node2: lost", "node3: cut off")
                ),
                seconds=45,
            )
        until(lambda: "node2 is lost" in cluster.record.reason)
        time.sleep(2)
        work.end()
        ec2.mend_client()
        assert names(cluster) == ["node0", "node1", "node2", "node3"]
        ec2.instances.driver.thaw(machines["node1"])
        until(lambda: "node1" not in cluster.trouble())


def test_node_that_loses_the_way_to_the_scheduler_alone_is_cut_off(
    ec2: Bed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We reach it, so only its neighbours can tell; when the way is back, that is told as well."""
    monkeypatch.setattr("cloudclusters.lifecycle.standing.UNHEARD", 7.0)
    with deployed(2, market="on-demand") as cluster:
        cluster.get_client()
        head, other = cluster.members
        host = [word.replace("--all", "--net") for word in ec2.instances.driver.enter(other.instance)]
        caplog.set_level(logging.INFO, logger="cloudclusters")
        with blocked(host, head.inner_address):
            until(lambda: f"{cluster.handle}/node1: cut off: it answers" in caplog.text)
        until(lambda: not cluster.trouble())


@contextlib.contextmanager
def blocked(host: Sequence[str], address: str) -> Iterator[None]:
    """Lose what a host and an address send each other."""
    ways = [("INPUT", "-s"), ("OUTPUT", "-d")]
    for chain, side in ways:
        subprocess.run([*host, "iptables", "-w", "-I", chain, side, address, "-j", "DROP"], check=True)
    yield
    for chain, side in ways:
        subprocess.run([*host, "iptables", "-w", "-D", chain, side, address, "-j", "DROP"], check=True)


def test_loss_of_the_scheduler_ends_maps_and_restart_moves_it(ec2: Bed) -> None:
    """With an error that names the node, within 30 s; the machines that are left compute on."""
    with deployed(2, market="on-demand") as cluster:
        work = Map(cluster)
        until(lambda: work.done)
        began = time.monotonic()
        ec2.instances._taken_back(ec2.instances.lives[machine(cluster, "node0")])
        error = work.failed()
        assert time.monotonic() - began < 32
        assert isinstance(error, WorkersLost)
        assert "node0 is lost" in error.message

        cc.restart(cluster)

        assert names(cluster) == ["node1"]
        assert cc.pmap(slow, range(3), pids=cc.nodes(cluster)) == [0, 1, 4]


def test_worker_that_holds_the_gil_is_not_lost(ec2: Bed, caplog: pytest.LogCaptureFixture) -> None:
    """It does not react, and computes: its agent says that it lives."""
    with deployed(1, market="on-demand") as cluster:
        assert cc.pmap(hold, [16], pids=cc.nodes(cluster)) == [16]
        assert "hung" not in caplog.text
        assert cluster.trouble() == ""
