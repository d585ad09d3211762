"""How quickly the dask engine starts and computes, against bare Dask in the same run.

`python -m benchmarks.compute_speed` prints the table. Agents and lifecycle are not part of it: the engine's layout
is started directly, so that what is measured is what the engine and `pmap` add to Dask.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.api.compute import pmap
from cloudclusters.engine.dask import DaskEngine
from cloudclusters.testing.layout import RunningLayout, loopback_members

if TYPE_CHECKING:
    from distributed import Client

WORKERS = 4
STARTS, RUNS = 3, 4
TASKS, ITEMS = 2_000, 10_000
BUDGET_START, BUDGET_TASKS, BUDGET_ITEMS = 1.3, 0.8, 10

BARE_SCHEDULER = """
import asyncio
from distributed import Scheduler

async def main():
    scheduler = await Scheduler(host="127.0.0.1", port=18786, dashboard_address=":0")
    print("ready", flush=True)
    await scheduler.finished()

asyncio.run(main())
"""
BARE_WORKER = """
import asyncio
from distributed import Worker

async def main():
    worker = await Worker("tcp://127.0.0.1:18786", nthreads=1)
    print("ready", flush=True)
    await worker.finished()

asyncio.run(main())
"""


def measure() -> dict[str, float]:
    """Medians, in seconds or tasks per second, by name. Ours and theirs take turns: noise hits both."""
    runs: dict[str, list[float]] = defaultdict(list)
    for _ in range(STARTS):
        runs["start"].append(_start_ours())
        runs["bare_start"].append(_start_bare())
    with _ours() as cluster, _local_cluster() as bare, _local_cluster(encrypted=True) as tls:
        sides = {"ours": cluster.get_client(), "bare": bare, "tls": tls}
        for _ in range(RUNS):
            for name, client in sides.items():
                runs[f"{name}_rate"].append(TASKS / _time(lambda c=client: _map(c, TASKS)))
                answers = [_time(lambda c=client: c.submit(abs, -1, pure=False).result()) for _ in range(20)]
                runs[f"{name}_answer"].append(statistics.median(answers))
            runs["pmap"].append(_time(lambda: _check(pmap(_square, range(ITEMS), clusters=[cluster]))))
            runs["naps"].append(_time(lambda: pmap(_nap, range(20 * WORKERS), clusters=[cluster])))
        runs["client_map"].append(_time(lambda: _map(bare, ITEMS)))
    return {name: statistics.median(values) for name, values in runs.items()}


def _map(client: Client, count: int) -> None:
    client.gather(client.map(lambda x: x, range(count), pure=False))


def _square(x: int) -> int:
    return x * x


def _nap(x: int) -> int:
    time.sleep(0.05)
    return x


def _check(results: list[int]) -> None:
    assert results == [x * x for x in range(ITEMS)]


@contextmanager
def _ours() -> Iterator[RunningLayout]:
    with (
        tempfile.TemporaryDirectory(prefix="cloudclusters-bench-") as folder,
        RunningLayout(DaskEngine(), loopback_members(WORKERS, third=99), Path(folder)) as running,
    ):
        yield running


def _start_ours() -> float:
    begun = time.perf_counter()
    with _ours():
        return time.perf_counter() - begun


def _start_bare() -> float:
    """The least that anybody could write: a scheduler and workers by their classes, without TLS."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="cloudclusters-bench-") as folder:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, text=True
            )
            for code in (BARE_SCHEDULER, *[BARE_WORKER] * WORKERS)
        ]
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        spent = time.perf_counter() - begun
        for child in children:
            child.kill()
            child.communicate()
    return spent


@contextmanager
def _local_cluster(*, encrypted: bool = False) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0", security=encrypted or None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _time(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    """Print what was measured beside the budgets."""
    found = measure()
    start = found["start"] / found["bare_start"]
    rate = found["ours_rate"] / found["bare_rate"]
    items = found["client_map"] / found["pmap"]
    print(f"start, 1 + {WORKERS} processes  {found['start']:7.2f} s     {start:.2f}x bare, budget {BUDGET_START}x")
    print(f"   bare script         {found['bare_start']:7.2f} s")
    print(f"empty tasks            {found['ours_rate']:7.0f} /s    {rate:.2f}x LocalCluster, budget {BUDGET_TASKS}x")
    print(f"   LocalCluster        {found['bare_rate']:7.0f} /s")
    ours, bare = found["ours_answer"] * 1e3, found["bare_answer"] * 1e3
    print(f"one answer             {ours:7.1f} ms    LocalCluster {bare:.1f} ms")
    print(f"pmap, {ITEMS} items      {found['pmap']:7.3f} s     {items:.0f}x quicker, budget {BUDGET_ITEMS}x")
    print(f"   client.map          {found['client_map']:7.2f} s")
    print(f"pmap, 20 x 50 ms each  {found['naps']:7.2f} s     {found['naps']:.2f}x of no overhead")


if __name__ == "__main__":
    main()
