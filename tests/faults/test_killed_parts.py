"""Parts that die or hang while something is computed: told within 30 s, and the next command goes on."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import cloudclusters as cc
from cloudclusters.api.compute.book import Book
from cloudclusters.api.compute.lane import Lane, Seen
from cloudclusters.api.compute.mapping import _Chunk, _Map
from cloudclusters.errors import IllegalState, LeaseHeld, WorkersLost


def two(**more: object) -> cc.Cluster:
    """Two local nodes."""
    return cc.deploy(cc.cluster(node_count=2, node_provider="local", **more), resolve=True)


def agent_of(home: Path, cluster: cc.Cluster, node: int) -> int:
    """The process of a node's agent."""
    folder = home / "local" / "nodes" / cluster.members[node].instance
    return int(json.loads((folder / "agent.json").read_text())["os_pid"])


def soon(action: Callable[[], object]) -> None:
    """Do something in a moment."""
    threading.Timer(0.5, action).start()


def test_items_sent_to_dead_workers_only_are_sent_to_those_that_joined_later() -> None:
    """The scheduler would keep them for ever: it gives them to nobody else."""
    lane = SimpleNamespace(number=0, dropped=[], is_lost=False, see=lambda seen: None)
    lane.drop = lane.dropped.extend
    run = _Map("f", b"", Book([range(4)]), [], keep_errors=False, chunk=None)
    run._lanes = [cast("Lane", lane)]
    stuck, alive = run._book.take(2), run._book.take(2)
    run._flying = {
        1: _Chunk(cast("Lane", lane), stuck, frozenset({"a"})),
        2: _Chunk(cast("Lane", lane), alive, frozenset({"a", "b"})),
    }

    run._handle(Seen(0, {"b": 1, "c": 1}))

    assert (list(run._flying), lane.dropped) == ([2], [1])
    assert [(item.index, item.losses) for item in run._book.take(1) + run._book.take(1)] == [(0, 1), (1, 1)]


def test_a_look_without_a_scheduler_is_an_error_that_the_watch_knows() -> None:
    """Any other would end the watch, and the map would wait for ever."""
    lane = Lane.__new__(Lane)
    lane.client = cast("object", SimpleNamespace(scheduler=None, status="closed"))  # type: ignore[assignment]
    lane.number, lane._stop, events = 0, threading.Event(), queue.SimpleQueue[object]()
    lane._post = events.put

    lane._watch()

    assert events.get(timeout=5) == Seen(0, {}, over=True)


def test_a_connection_that_ends_before_tls_began_does_not_end_the_watch() -> None:
    """Tornado raises a ValueError then."""
    lane = Lane.__new__(Lane)
    lane.client = cast("object", SimpleNamespace(status="running"))  # type: ignore[assignment]
    lane.number, lane._stop, events = 0, threading.Event(), queue.SimpleQueue[object]()
    lane._post = events.put
    answers = iter([ValueError("IOStream is not idle; cannot convert to SSL"), {"a": 1}])

    def look() -> dict[str, int]:
        answer = next(answers, None)
        if not isinstance(answer, dict):
            raise answer or OSError("closed")
        lane.client.status = "closed"
        return answer

    lane._look = look  # type: ignore[method-assign]
    lane._watch()

    assert [events.get(timeout=5) for _ in range(2)] == [Seen(0, {"a": 1}), Seen(0, {}, over=True)]


def test_a_client_that_failed_is_let_go_of_all_the_same() -> None:
    """Its `close` raises what ended its connection; terminate went no further than that."""
    cluster = cc.Cluster.__new__(cc.Cluster)
    cluster.handle, cluster._of = "A" * 15, SimpleNamespace(os_pid=os.getpid())

    def close(timeout: float) -> None:
        raise ValueError("IOStream is not idle; cannot convert to SSL")

    cluster._client = ("0", SimpleNamespace(close=close))
    cluster.close_client()
    assert cluster._client is None


@pytest.mark.slow
def test_a_client_that_failed_is_replaced_by_one_that_computes(
    clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its `close` raises."""
    cluster = two()
    failed = cluster.get_client()

    def close(timeout: float) -> None:
        raise ValueError("IOStream is not idle; cannot convert to SSL")

    with monkeypatch.context() as patch:
        patch.setattr(failed, "close", close)
        patch.setattr(failed, "status", "connecting")
        client = cluster.get_client()
    assert client is not failed
    assert client.submit(abs, -3).result(timeout=30) == 3
    failed.close(timeout=2)
    cc.terminate(cluster)


@pytest.mark.slow
def test_a_map_whose_first_node_dies_is_told_within_30_seconds(clean_home: Path) -> None:
    """The scheduler is on it, so nothing can come back any more; restart starts one on the node that is left."""
    cluster = two()
    pids = cc.nodes(cluster)
    soon(lambda: os.kill(agent_of(clean_home, cluster, 0), signal.SIGKILL))
    began = time.monotonic()

    def slow(x: int) -> int:
        time.sleep(0.3)
        return x

    with pytest.raises(WorkersLost):
        cc.pmap(slow, range(40), pids=pids)

    assert time.monotonic() - began < 30
    assert cc.status(cluster, refresh=True).state == "broken"
    cluster.restart()
    assert [member.name for member in cluster.members] == ["node1"]
    assert cc.pmap(slow, [1], pids=cc.nodes(cluster)) == [1]
    cluster.terminate()


@pytest.mark.slow
def test_a_map_goes_on_with_the_worker_that_its_agent_started_again(clean_home: Path) -> None:
    """Where no pids were asked for, whoever joins takes part; here it is the only one."""
    cluster = cc.deploy(cc.cluster(node_count=1, node_process_count=1, node_provider="local"), resolve=True)
    flag = clean_home / "died"

    def dies_once(x: int) -> int:
        if x == 5 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    assert cc.pmap(dies_once, range(20)) == list(range(20))
    assert flag.exists()
    cluster.terminate()


@pytest.mark.slow
def test_an_agent_that_hangs_makes_nobody_wait_for_ever(clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its node contributes no worker, and its machine can still be let go of."""
    monkeypatch.setattr("cloudclusters.lifecycle.links.QUICK", 0.5)
    monkeypatch.setattr("cloudclusters.lifecycle.links.ATTEMPT", 0.5)
    monkeypatch.setattr("cloudclusters.lifecycle.links.ask.__kwdefaults__", {"within": 0.5})
    monkeypatch.setattr("cloudclusters.lifecycle.logs.KEEPING", 1.0)
    cluster = two()
    os.kill(agent_of(clean_home, cluster, 1), signal.SIGSTOP)

    assert len(cc.nodes(cluster)) == 1
    cluster.terminate()
    assert cluster.state == "terminated"


_DRIVER = """
import sys, cloudclusters as cc
cluster = cc.reconnect(sys.argv[1])
print("go", flush=True)
for _ in range(1000):
    cluster.restart()
"""


@pytest.mark.slow
def test_a_stopped_driver_keeps_its_lease_and_a_killed_one_loses_it(clean_home: Path) -> None:
    """Whoever comes second is told who holds it; after its end the cluster is mended by the next verb."""
    cluster = two(engine="none")
    driver = subprocess.Popen([sys.executable, "-c", _DRIVER, cluster.handle], stdout=subprocess.PIPE)
    try:
        assert driver.stdout is not None
        driver.stdout.readline()
        while cc.status(cluster).state != "restarting" or not _is_stopped_in_a_verb(clean_home, driver):
            os.kill(driver.pid, signal.SIGCONT)
        with pytest.raises((LeaseHeld, IllegalState)):
            cluster.interrupt()
        with pytest.raises(LeaseHeld, match=str(driver.pid)):
            cluster.terminate()
    finally:
        driver.kill()
        driver.communicate()
    cluster.terminate()
    assert cluster.state == "terminated"


def _is_stopped_in_a_verb(home: Path, driver: subprocess.Popen[bytes]) -> bool:
    os.kill(driver.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, driver.pid, os.WSTOPPED | os.WNOWAIT)
    connection = sqlite3.connect(home / "store.sqlite", timeout=0.2)
    try:
        connection.execute("BEGIN IMMEDIATE")  # not while it holds the store itself: then everybody waits for it
        connection.rollback()
        held = connection.execute("SELECT count(*) FROM leases WHERE holder IS NOT NULL AND verb = 'restart'")
        return bool(held.fetchone()[0])
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
