"""The dask engine's processes, started for real on loopback addresses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from cloudclusters.engine.dask import DaskEngine
from cloudclusters.engine.dask.connect import check_versions, connect
from cloudclusters.errors import NodeUnreachable, NotSupported
from cloudclusters.testing.layout import RunningLayout, loopback_members

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLayout]:
    """One node with two workers of two threads."""
    members = loopback_members(1, processes=2, vcpus=4, third=90)
    with RunningLayout(DaskEngine(), members, tmp_path_factory.mktemp("engine")) as layout:
        yield layout


def test_ready_lines_say_where_each_process_answers(running: RunningLayout) -> None:
    """Inner address, TLS, and the name that carries the life."""
    scheduler, *workers = running.running

    assert scheduler.ready["address"] == "tls://127.0.90.1:8786"
    assert [w.ready["name"] for w in workers] == [w.full_name for w in workers]


def test_workers_have_their_share_of_the_node(running: RunningLayout) -> None:
    """Threads and memory as the layout says."""
    client = running.get_client()

    workers = client.sync(client.scheduler.identity)["workers"].values()

    assert [w["nthreads"] for w in workers] == [2, 2]
    assert sum(w["memory_limit"] for w in workers) < 2 << 30


def test_everything_binds_the_inner_address_only(running: RunningLayout) -> None:
    """Other addresses of the machine stay closed."""
    client = running.get_client()

    hosts = {w["host"] for w in client.sync(client.scheduler.identity)["workers"].values()}

    assert hosts == {"127.0.90.1"}


def test_libraries_start_no_threads_of_their_own(running: RunningLayout) -> None:
    """The task threads are the node's share of cores already."""
    ask = running.get_client().submit(lambda: __import__("os").environ["OMP_NUM_THREADS"])

    assert ask.result(timeout=30) == "1"


def test_a_stranger_without_the_keys_is_refused(running: RunningLayout, tmp_path: object) -> None:
    """Other users of this machine can reach the port."""
    from pathlib import Path

    from cloudclusters.engine.dask.tls import make_keys

    paths = {}
    for name, content in make_keys().items():
        path = Path(str(tmp_path)) / name
        path.write_bytes(content)
        paths[name] = str(path)

    with pytest.raises(NodeUnreachable):
        connect({"scheduler": "127.0.90.1:8786"}, paths, timeout=2)


def test_nobody_there_is_told_with_the_address(running: RunningLayout) -> None:
    """And what to do next."""
    with pytest.raises(NodeUnreachable, match=r"127\.0\.90\.1:9 within 1 s"):
        connect({"scheduler": "127.0.90.1:9"}, running.keys, timeout=1)


def test_another_python_is_refused() -> None:
    """Functions are byte code: they cannot travel between versions."""
    with pytest.raises(NotSupported, match=r"to Python 3\.4 of the cluster"):
        check_versions({"python": "3.4.1.final.0"})


def test_another_dask_is_warned_about(running: RunningLayout) -> None:
    """It often works, and when it does not this is why."""
    client = running.get_client()
    theirs = dict(client.sync(client.scheduler.versions)["packages"], distributed="2020.1.0")

    with pytest.warns(UserWarning, match=r"distributed 2020\.1\.0 there"):
        check_versions(theirs)


def test_alike_is_silent(running: RunningLayout) -> None:
    """No warning on a cluster of this machine's own Python."""
    client = running.get_client()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_versions(client.sync(client.scheduler.versions)["packages"])


def test_a_worker_ends_when_its_scheduler_does(tmp_path_factory: pytest.TempPathFactory) -> None:
    """With a code that is not 0, so that the agent starts a fresh life, and without waiting for what still runs."""
    import time

    members = loopback_members(1, third=91)
    with RunningLayout(DaskEngine(), members, tmp_path_factory.mktemp("orphan")) as layout:
        scheduler, worker = layout.running
        future = layout.get_client().submit(time.sleep, 60)
        layout.get_client().wait_for_workers(1)

        scheduler.child.kill()

        assert worker.child.wait(timeout=20) == 1
        del future
