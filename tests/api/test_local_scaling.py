"""Changing the size of a real cluster while it computes: no task and no result is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.errors import InvalidContract
from cloudclusters.lifecycle import draining

pytestmark = pytest.mark.slow


def task() -> Callable[[int], int]:
    """A function that takes a moment, and travels as its own code: Dask's scheduler knows nothing of our tests."""

    def slowly(number: int) -> int:
        time.sleep(0.1)
        return number * number

    return slowly


def eventually(holds: Callable[[], bool], *, within: float = 60.0) -> bool:
    """Whether this comes to hold in time."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def deployed(count: int) -> cc.Cluster:
    """So many local nodes."""
    return cc.deploy(cc.cluster(node_count=count, node_provider="local"), resolve=True)


def test_shrinking_from_another_program_loses_neither_tasks_nor_results(clean_home: Path) -> None:
    """A map goes on, futures keep their results, and data that lies on a leaving node alone is handed over."""
    with deployed(3) as cluster:
        client = cluster.get_client()
        last = next(w.full_name for w in cluster.workers() if w.node == "node2" and w.kind == "worker")
        address = {w["name"]: a for a, w in client.scheduler_info(n_workers=-1)["workers"].items()}[last]
        (held,) = client.scatter([{"only": "there"}], workers=[address], broadcast=False)
        done = client.submit(task(), 7, workers=[address], pure=False)
        done.result(timeout=30)
        found: list[list[int]] = []
        pids, begun = cc.nodes(cluster), threading.Event()

        def compute() -> None:
            found.append(cc.pmap(task(), range(80), pids=pids, progress=lambda done, _: done and begun.set()))

        mapping = threading.Thread(target=compute)
        mapping.start()
        assert begun.wait(30)
        running = client.map(task(), range(40), pure=False)
        command = [sys.executable, "-m", "cloudclusters", "scale", cluster.handle, "1", "-y"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr

        assert [node.name for node in cluster.members] == ["node0"]
        assert len(cc.nodes(cluster)) == 1
        mapping.join(60)
        assert found == [[n * n for n in range(80)]]
        assert client.gather(running) == [n * n for n in range(40)]
        assert held.result(timeout=30) == {"only": "there"}
        assert done.result(timeout=30) == 49


def test_a_cluster_adapts_to_its_tasks(clean_home: Path) -> None:
    """A backlog brings nodes, which compute; without tasks they go with their results kept, and one stays."""
    with deployed(1) as cluster:
        with pytest.raises(InvalidContract, match="maximum"):
            cluster.adapt(minimum=1)
        cluster.adapt(minimum=1, maximum=3, cooldown=2.0)
        client = cluster.get_client()
        futures = client.map(task(), range(5000), pure=False)  # minutes of one node, more than any boot here takes

        assert eventually(lambda: len(cc.nodes(cluster)) > 1)
        del futures[50:]
        assert client.gather(futures) == [n * n for n in range(50)]
        assert eventually(lambda: [node.name for node in cluster.members] == ["node0"])
        assert client.gather(futures) == [n * n for n in range(50)]
        cluster.adapt(None)
        more = client.map(task(), range(5000), pure=False)
        time.sleep(2)
        assert len(cluster.members) == 1
        del more


def test_a_map_makes_an_adapting_cluster_grow(clean_home: Path) -> None:
    """And computes on the nodes that come, as it was told no pids."""
    with deployed(1) as cluster:
        cluster.adapt(minimum=1, maximum=2)

        def where(_: int) -> int:
            time.sleep(0.05)
            return os.getpid()

        used = cc.pmap(where, range(400))

        assert len(set(used)) > len(set(used[:20]))
        assert len(cluster.members) == 2


def test_terminate_ends_a_growth_that_adapt_began(clean_home: Path) -> None:
    """The size changes in the background: the verb waits until that is undone, and nothing is left."""
    cluster = deployed(1)
    cluster.adapt(minimum=3, maximum=3)
    assert eventually(lambda: len(cluster.members) > 1)
    cc.terminate(cluster)
    assert list((clean_home / "local" / "nodes").iterdir()) == []


def test_a_task_that_does_not_end_takes_no_results_with_it(clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data of the leaving node is handed over before its tasks are waited for; the task is begun anew elsewhere."""
    monkeypatch.setattr(draining, "GRACE", 3.0)

    def endless_once(mark: str) -> str:
        try:
            Path(mark).touch(exist_ok=False)
        except FileExistsError:
            return "begun anew"
        time.sleep(600)
        return "ended"

    with deployed(2) as cluster:
        client = cluster.get_client()
        last = next(w.full_name for w in cluster.workers() if w.node == "node1" and w.kind == "worker")
        address = {w["name"]: a for a, w in client.scheduler_info(n_workers=-1)["workers"].items()}[last]
        (held,) = client.scatter([{"only": "there"}], workers=[address], broadcast=False)
        mark = clean_home / "begun"
        running = client.submit(endless_once, str(mark), workers=[address], allow_other_workers=True, pure=False)
        assert eventually(mark.exists)
        cc.scale(cluster, 1)

        assert held.result(timeout=30) == {"only": "there"}
        assert running.result(timeout=30) == "begun anew"


def test_simulated_interruption_without_notice_loses_the_machine_at_once(clean_home: Path) -> None:
    """And the answer says what is left."""
    cluster = deployed(2)
    after = cc.simulate_interruption(cluster, "node1", notice=0)
    assert cc.status(after, refresh=True).reason.startswith("no machine for node1")
    cc.terminate(cluster)
