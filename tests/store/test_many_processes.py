"""Real processes and threads at one store: nothing is lost, nothing is given twice."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloudclusters.errors import LeaseHeld
from cloudclusters.store import Life, Store
from cloudclusters.store.record import ClusterRecord

FIGHT = """
import sys
from pathlib import Path
from cloudclusters.errors import LeaseHeld
from cloudclusters.store import Life, Store
home, me = Path(sys.argv[1]), sys.argv[2]
store, taken = Store.open(home), []
mark = home / "held"
while len(taken) < 15:
    try:
        lease = store.take_lease("K" * 15, "restart")
    except LeaseHeld:
        continue
    mark.open("x").close()  # fails if another process holds the lease, too
    taken.append(lease.number)
    store.done(store.intend(lease, "step", {"who": me}), lease)
    store.pids("K" * 15, [Life("node0", "worker0", f"{me}-{len(taken)}")])
    mark.unlink()
    store.release(lease)
print(*taken)
"""
DIE_WRITING = """
import os, signal, sys
from pathlib import Path
from cloudclusters.store import Store
store = Store.open(Path(sys.argv[1]))
store.note("K" * 15, "finished")
with store._database.writing() as connection:
    connection.execute("INSERT INTO notes (cluster, at, text) VALUES ('KKKKKKKKKKKKKKK', 0, 'half')")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def test_processes_that_fight_for_a_lease(home: Path) -> None:
    """They start at once with no store there; every number is given once, and two never hold it together."""
    fighters = [_start(FIGHT, home, name) for name in ("one", "two", "three")]
    said = [fighter.communicate(timeout=60)[0] for fighter in fighters]
    assert [fighter.returncode for fighter in fighters] == [0, 0, 0]
    numbers = [int(word) for line in said for word in line.split()]
    store = Store.open(home)
    assert sorted(numbers) == list(range(1, 46))
    assert [step.number for step in store.steps("K" * 15)] == sorted(numbers)
    assert sorted(store.lives(range(100))) == list(range(2, 47))
    store.close()


def test_process_killed_while_it_writes(home: Path) -> None:
    """The half-made write never was; what was finished stays; the store works on."""
    writer = _start(DIE_WRITING, home)
    writer.communicate(timeout=30)
    assert writer.returncode == -9
    store = Store.open(home)
    assert [text for _, text in store.notes("K" * 15)] == ["finished"]
    store.note("K" * 15, "next")
    store.close()


def test_threads_share_one_store(store: Store, made: Callable[..., ClusterRecord]) -> None:
    """Each life gets its own pid, and of those who want the lease one gets it."""
    made("K" * 15)
    barrier = threading.Barrier(8)

    def work(number: int) -> tuple[int, bool]:
        barrier.wait()
        life = Life("node0", "worker0", str(number))
        try:
            store.take_lease("K" * 15, "restart")
        except LeaseHeld:
            return store.pids("K" * 15, [life])[life], False
        return store.pids("K" * 15, [life])[life], True

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(work, range(8)))

    assert sorted(pid for pid, _ in answers) == list(range(2, 10))
    assert [got for _, got in answers].count(True) == 1


def _in_child(store: Store, answer: multiprocessing.Queue[object]) -> None:
    store.note("K" * 15, "child")
    lease = store.take_lease("a" * 15, "restart")
    answer.put((store.id, lease.holder.os_pid == os.getpid()))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_store_after_a_fork(store: Store) -> None:
    """Parent and child both go on, each with a connection of its own, and a lease names the child."""
    store.note("K" * 15, "before")
    context = multiprocessing.get_context("fork")
    answer = context.Queue()
    child = context.Process(target=_in_child, args=(store, answer))
    child.start()
    assert answer.get(timeout=30) == (store.id, True)
    child.join()
    store.note("K" * 15, "after")
    assert [text for _, text in store.notes("K" * 15)] == ["before", "child", "after"]
    answer.close()
    answer.join_thread()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_waits_for_the_write_of_another_thread(store: Store) -> None:
    """The child inherits neither a held lock nor a half-made transaction."""
    inside, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with store._database.writing() as connection:
            connection.execute("INSERT INTO notes (cluster, at, text) VALUES ('k', 0, 'whole')")
            inside.set()
            go_on.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait(10)
    threading.Timer(0.05, go_on.set).start()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if [text for _, text in store.notes("k")] == ["whole"] else 2
        finally:
            os._exit(code)
    writer.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
