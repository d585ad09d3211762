"""The whole way on this machine: contract, deploy, compute, every verb, and nothing left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import cloudclusters as cc
from cloudclusters import aio
from cloudclusters.errors import (
    IllegalState,
    InvalidContract,
    LeaseHeld,
    NotSupported,
    UnknownHandle,
    UnknownName,
    Unresolved,
    WaitTimeout,
    WrongHandle,
)
from cloudclusters.store.record import ClusterState

pytestmark = pytest.mark.slow


def square(number: int) -> int:
    """What the workers compute."""
    return number * number


def test_the_first_cluster_from_contract_to_computation_and_back_to_nothing(clean_home: Path) -> None:
    """FX-08 and FX-11 on real processes: new pids after restart and resume, nothing left after terminate."""
    contract = cc.cluster(node_count=2, node_provider="local", node_process_count=2)
    cc.resolve(contract)
    cluster = cc.deploy(contract, name="first")
    first = cc.nodes(cluster)
    assert len(first) == 4
    assert cc.pmap(square, range(100), pids=first) == [n * n for n in range(100)]

    second = cc.nodes(cc.restart(cluster))
    cc.interrupt(cluster)
    assert cluster.state is ClusterState.INTERRUPTED
    with pytest.raises(IllegalState, match="interrupted"):
        cc.nodes(cluster)
    third = cc.nodes(cc.resume("first"))

    assert len({*first, *second, *third}) == 12
    assert cc.pmap(square, range(10), pids=third) == [n * n for n in range(10)]
    cc.terminate(cluster)
    with pytest.raises(IllegalState, match="has been terminated"):
        cc.terminate(cluster)
    assert list((clean_home / "local" / "nodes").iterdir()) == []
    assert (clean_home / "logs" / cluster.handle / "node0").is_dir()


def test_two_clusters_compute_together_and_results_stay_in_order(clean_home: Path) -> None:
    """`pids` may belong to several clusters."""
    contract = cc.cluster(node_count=1, node_provider="local")
    a, b = cc.deploy(contract, resolve=True), cc.deploy(contract)
    assert not set(cc.nodes(a)) & set(cc.nodes(b))

    assert cc.pmap(square, range(500), pids=cc.nodes(a) + cc.nodes(b)) == [n * n for n in range(500)]

    assert [cluster.state for cluster in cc.terminate(a, b)] == [ClusterState.TERMINATED] * 2


def test_dask_names_work(local_cluster: cc.Cluster) -> None:
    """A plain Dask client, Dask's own `Client(cluster.dask)`, and an executor."""
    from distributed import Client

    client = local_cluster.get_client()
    assert client is local_cluster.get_client()
    assert client.submit(pow, 4, 2).result(timeout=30) == 16
    local_cluster.wait_for_workers(2, timeout=30)
    with Client(local_cluster.dask) as another:
        assert another.submit(pow, 5, 2).result(timeout=30) == 25
    with local_cluster.get_executor() as executor:
        assert list(executor.map(abs, [-1, 2, -3])) == [1, 2, 3]
    assert local_cluster.scheduler_address.startswith("tls://127.")


def test_a_stranger_without_the_cluster_certificate_gets_no_connection(local_cluster: cc.Cluster) -> None:
    """Other users of this machine are strangers."""
    from distributed import Client
    from distributed.security import Security

    stranger = Security.temporary()
    with pytest.raises(OSError, match=r"connect|certificate|Timed out"):
        Client(local_cluster.scheduler_address, security=stranger, timeout=3)


def test_a_worker_that_is_killed_comes_back_with_a_new_pid(local_cluster: cc.Cluster) -> None:
    """The agent is the nanny."""
    before = local_cluster.workers()
    victim = before[0]

    os.kill(victim.os_pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while victim.pid in (now := local_cluster.nodes()) or len(now) < 2:
        assert time.monotonic() < deadline

    assert len(set(now) - {worker.pid for worker in before}) == 1


def test_scaling_moves_results_before_a_node_goes(local_cluster: cc.Cluster) -> None:
    """A future computed on a leaving node is still there."""
    client = local_cluster.get_client()
    grown = local_cluster.scale(3).nodes()
    assert len(grown) == 3
    futures = client.map(pow, range(30), [2] * 30, pure=False)
    client.gather(futures)

    local_cluster.scale(1)

    assert client.gather(futures) == [n * n for n in range(30)]
    assert local_cluster.nodes() == grown[:1]


def test_another_program_reconnects_by_name_and_keeps_the_pids(clean_home: Path) -> None:
    """The cluster outlives the program that made it."""
    program = (
        "import cloudclusters as cc\n"
        "c = cc.deploy(cc.cluster(node_count=2, node_provider='local'), resolve=True, name='mine')\n"
        "print(*c.nodes())\n"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "mine" in made.stderr
    assert "still running: 2 nodes" in made.stderr

    cluster = cc.reconnect("mine")

    assert cluster.nodes() == [int(word) for word in made.stdout.split()]
    assert cc.pmap(square, [3], pids=cluster.nodes()) == [9]


def test_deploy_returns_early_when_asked(clean_home: Path) -> None:
    """`wait=False` and `wait="min"`; the rest goes on, and `wait()` waits for it."""
    contract = cc.cluster(node_count=2, node_provider="local")
    cc.resolve(contract)

    early = cc.deploy(contract, wait=False)
    assert early.state in (ClusterState.DEPLOYING, ClusterState.RUNNING)
    first = cc.deploy(contract, wait="min")
    assert len(first.nodes()) >= 1

    assert [len(c.wait(60).nodes()) for c in (early, first)] == [2, 2]


def test_a_deploy_that_takes_too_long_is_undone(clean_home: Path) -> None:
    """The limit holds, and nothing stays."""
    with pytest.raises(WaitTimeout, match=r"within 0\.05 s"):
        cc.deploy(cc.cluster(node_count=2, node_provider="local"), resolve=True, timeout=0.05)
    assert cc.clusters() == []


def test_async_programs_have_the_same_verbs(clean_home: Path) -> None:
    """From a loop of the caller's own."""

    async def program() -> list[int]:
        contract = cc.cluster(node_count=1, node_provider="local")
        cluster = await aio.deploy(contract, resolve=True)
        results = await aio.pmap(square, range(5), pids=await aio.nodes(cluster))
        await aio.restart(cluster)
        await aio.terminate(cluster)
        return results

    assert asyncio.run(program()) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15, 0.3, 0.45])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_leaves_nothing(clean_home: Path, delay: float, number: int) -> None:
    """Ctrl-C at different moments of a real deploy."""
    program = (
        "import time, cloudclusters as cc\n"
        "c = cc.cluster(node_count=2, node_provider='local'); cc.resolve(c)\n"
        "print('go', flush=True)\n"
        "cc.deploy(c)\n"
        "print(time.time(), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        sent = time.time()
        child.send_signal(number)
        done, said = child.communicate(timeout=60)

    if done and float(done) < sent:  # this process was held up, as by a collection of its garbage
        pytest.skip(f"the deploy had ended {sent - float(done):.3f} s before the signal was sent")
    assert child.returncode != 0, said.decode()
    assert cc.clusters() == []
    assert list((clean_home / "local" / "nodes").glob("*")) == []


def test_the_next_command_cleans_up_after_a_killed_driver(clean_home: Path) -> None:
    """SIGKILL in the middle of a deploy; `clusters` finds and undoes it."""
    program = (
        "import cloudclusters as cc\n"
        "c = cc.cluster(node_count=2, node_provider='local'); cc.resolve(c)\n"
        "print('go', flush=True)\n"
        "cc.deploy(c)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.3)
        child.kill()
        child.wait(timeout=30)

    assert cc.clusters() == []
    assert list((clean_home / "local" / "nodes").glob("*")) == []


def test_a_second_driver_is_told_who_works_on_the_cluster(local_cluster: cc.Cluster) -> None:
    """One verb per cluster at a time."""
    from cloudclusters.api.session import session

    lease = session().store.take_lease(local_cluster.handle, "restart")
    try:
        with pytest.raises(LeaseHeld, match="restart"):
            cc.interrupt(local_cluster)
    finally:
        session().store.release(lease)


def test_a_node_whose_agent_is_killed_is_reported_and_the_rest_can_be_terminated(local_cluster: cc.Cluster) -> None:
    """On this machine the agent is the machine: killed, it takes its processes along."""
    worker = local_cluster.workers()[1]
    agent = psutil.Process(worker.os_pid).ppid()

    os.kill(agent, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while cc.status(local_cluster, refresh=True).state is not ClusterState.BROKEN:
        assert time.monotonic() < deadline

    record = local_cluster.record
    assert worker.node in record.reason
    while psutil.pid_exists(worker.os_pid) and psutil.Process(worker.os_pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the worker outlives its agent"


def test_wrong_words_get_a_sentence(clean_home: Path) -> None:
    """Each error says what was wrong, and what to do."""
    contract = cc.cluster(node_count=1, node_provider="local")
    with pytest.raises(Unresolved, match="never resolved"):
        cc.deploy(contract)
    with pytest.raises(WrongHandle, match="contract"):
        cc.terminate(contract.handle)
    with pytest.raises(WrongHandle, match="contract"):
        cc.terminate(contract)  # type: ignore[call-overload]
    with pytest.raises(UnknownHandle):
        cc.reconnect("nonsense")
    with pytest.raises(InvalidContract, match="wait"):
        cc.deploy(contract, resolve=True, wait="soon")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="99"):
        cc.pmap(square, [1], pids=[99])
    with pytest.raises(NotSupported, match="not deployed by this release"):
        cc.deploy(cc.cluster(node_count=2, node_provider="local", cluster_type=cc.ManagerWorkers), resolve=True)
    assert cc.clusters() == []


def test_a_contract_resolved_under_other_settings_is_refused_with_the_difference(
    clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FX-06 and its second half: what was looked at is what is deployed."""
    from cloudclusters.api import session as sessions

    contract = cc.cluster(node_count=1, node_provider="local")
    cc.resolve(contract)
    monkeypatch.setenv("CLOUDCLUSTERS_ENGINE", "none")
    monkeypatch.setattr(sessions, "_current", None)

    with pytest.raises(Unresolved, match="engine"):
        cc.deploy(contract)
