"""`pmap` on real workers."""

from __future__ import annotations

import importlib
import itertools
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudclusters.api.compute import pmap
from cloudclusters.api.compute.lane import Lane
from cloudclusters.errors import NotPicklable, UnknownName, WorkersLost
from cloudclusters.testing.layout import RunningLayout

if TYPE_CHECKING:
    from conftest import Relayed

pytestmark = pytest.mark.slow
Start = Callable[..., RunningLayout]


def square(x: int) -> int:
    """Quick."""
    return x * x


def nap(x: int) -> int:
    """Long enough to be killed in."""
    time.sleep(0.02)
    return x


def picky(x: int) -> int:
    """Refuses 7."""
    if x == 7:
        raise ValueError("seven is refused")
    return x


def where(_: int) -> int:
    """Which process computed it."""
    time.sleep(0.005)
    return os.getpid()


def suicide(x: int) -> int:
    """Item 3 brings its worker down."""
    if x == 3:
        os._exit(1)
    return x


def os_pids(cluster: RunningLayout) -> dict[int, int]:
    """The operating system's number of each worker, by pid."""
    return {pid: one.child.pid for pid, one in cluster.workers().items()}


def test_results_come_in_the_order_of_the_items(cluster: RunningLayout) -> None:
    """Whoever computed them."""
    assert pmap(square, range(500), clusters=[cluster]) == [x * x for x in range(500)]


def test_several_iterables_are_walked_together(cluster: RunningLayout) -> None:
    """As with the built-in `map`."""
    assert pmap(pow, [2, 3, 4], [5, 2], clusters=[cluster]) == [32, 9]


def test_no_items_give_no_results(cluster: RunningLayout) -> None:
    """An empty folder of files is no error."""
    assert pmap(square, [], clusters=[cluster]) == []


def test_a_generator_is_read_as_workers_take_its_items(cluster: RunningLayout) -> None:
    """An endless input must not fill the memory: the failing item stops the reading soon."""
    read: list[int] = []

    def source() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    with pytest.raises(ValueError, match="seven"):
        pmap(picky, source(), clusters=[cluster], chunk=1)

    assert len(read) < 100


def test_only_the_given_pids_compute(cluster: RunningLayout) -> None:
    """The others may belong to another computation."""
    pid = next(iter(cluster.workers()))

    used = set(pmap(where, range(20), clusters=[cluster], pids=[pid], chunk=1))

    assert used == {os_pids(cluster)[pid]}


def test_all_workers_take_part(cluster: RunningLayout) -> None:
    """Also when items are short."""
    assert set(pmap(where, range(100), clusters=[cluster], chunk=1)) == set(os_pids(cluster).values())


def test_unknown_pids_are_refused_before_anything_runs(cluster: RunningLayout) -> None:
    """The message names them."""
    with pytest.raises(UnknownName, match="424242"):
        pmap(square, [1], clusters=[cluster], pids=[424242])


def test_a_failed_item_raises_the_users_error_with_the_users_line(cluster: RunningLayout) -> None:
    """As if the function had run here."""
    with pytest.raises(ValueError, match="seven is refused") as caught:
        pmap(picky, range(20), clusters=[cluster])

    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "picky"
    assert any("for item 7" in note for note in caught.value.__notes__)


def test_a_failed_item_is_returned_in_place_on_request(cluster: RunningLayout) -> None:
    """The others are not lost."""
    results = pmap(picky, range(10), clusters=[cluster], on_error="return")

    assert [x for x in results if isinstance(x, int)] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    assert isinstance(results[7], ValueError)


def test_a_result_that_cannot_travel_fails_its_item_alone(cluster: RunningLayout) -> None:
    """The rest of its chunk comes back."""
    results = pmap(
        lambda x: threading.Lock() if x == 2 else x, range(4), clusters=[cluster], on_error="return", chunk=4
    )

    assert [results[0], results[1], results[3]] == [0, 1, 3]
    assert "cannot travel back" in str(results[2])


def test_an_item_that_cannot_travel_is_told(cluster: RunningLayout) -> None:
    """With its number."""
    with pytest.raises(NotPicklable, match="item 1 for"):
        pmap(str, [1, threading.Lock()], clusters=[cluster])


def test_a_module_beside_the_script_travels_along(
    cluster: RunningLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its functions, its constants, and its classes there and back."""
    (tmp_path / "mine.py").write_text(
        "class Point:\n    def __init__(self, x):\n        self.x = x\n\n"
        "class Odd(Exception):\n    pass\n\n"
        "def double(p):\n    if p.x == 3:\n        raise Odd(p.x)\n    return Point(2 * p.x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = importlib.import_module("mine")
    try:
        results = pmap(mine.double, [mine.Point(1), mine.Point(3)], clusters=[cluster], on_error="return")
    finally:
        del sys.modules["mine"]

    assert isinstance(results[0], mine.Point)
    assert results[0].x == 2
    assert isinstance(results[1], mine.Odd)


def test_a_large_function_travels_once(cluster: RunningLayout) -> None:
    """Not with every chunk."""
    table = bytes(1 << 20)

    assert pmap(lambda x: table[x], range(200), clusters=[cluster], chunk=10) == [0] * 200


def test_progress_rises_to_the_total(cluster: RunningLayout) -> None:
    """A bar never runs backwards."""
    heard: list[tuple[int, int | None]] = []

    pmap(square, range(300), clusters=[cluster], progress=lambda done, total: heard.append((done, total)))

    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == ((0, 300), (300, 300))


def test_what_is_printed_is_here_when_pmap_returns(cluster: RunningLayout, capsys: pytest.CaptureFixture[str]) -> None:
    """Prefixed with the pid that printed it."""
    pid = next(iter(cluster.workers()))

    pmap(lambda x: print("hello", x), [1], clusters=[cluster], pids=[pid])

    assert f"  from pid {pid}: hello 1\n" in capsys.readouterr().out


def test_two_clusters_compute_one_map(cluster: RunningLayout, start: Start) -> None:
    """Results stay in order, and both take part."""
    other = start(1)

    used = pmap(where, range(60), clusters=[cluster, other], chunk=1)

    assert set(used) == set(os_pids(cluster).values()) | set(os_pids(other).values())


def test_items_of_a_killed_worker_go_to_the_others(start: Start) -> None:
    """No result is missing."""
    running = start(2)
    victim = next(iter(running.workers()))

    def kill_at_a_third(done: int, _total: int | None) -> None:
        if done > 50:
            running.kill(victim)

    results = pmap(nap, range(150), clusters=[running], progress=kill_at_a_third)

    assert results == list(range(150))


def test_when_all_workers_are_killed_pmap_says_so_soon(start: Start) -> None:
    """It raises, naming the pids, instead of waiting for ever."""
    running = start(2)

    def kill_all(done: int, _total: int | None) -> None:
        if done > 20:
            for pid in running.workers():
                running.kill(pid)

    with pytest.raises(WorkersLost, match=", ".join(map(str, running.workers()))):
        pmap(nap, range(5000), clusters=[running], progress=kill_all)


def test_a_cluster_that_is_lost_leaves_its_items_to_the_other(cluster: RunningLayout, start: Start) -> None:
    """Scheduler and all."""
    other = start(1)

    def kill_other(done: int, _total: int | None) -> None:
        if done > 20:
            for one in other.running:
                one.child.kill()

    results = pmap(nap, range(200), clusters=[cluster, other], progress=kill_other)

    assert results == list(range(200))


def test_a_connection_that_breaks_loses_no_item(relayed: Relayed) -> None:
    """The book sends again what was on its way, over the same forward."""

    class Once:
        def __init__(self) -> None:
            self.done = False

        def __call__(self, done: int, _total: int | None) -> None:
            if done > 30 and not self.done:
                self.done = True
                relayed.relay.cut()

    cut = Once()
    results = pmap(nap, range(200), clusters=[relayed], progress=cut)

    assert cut.done
    assert results == list(range(200))


def test_a_network_that_is_away_for_a_while_loses_no_worker(relayed: Relayed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer than a scheduler may be silent: no node answers, and nobody says that their machines are gone."""
    monkeypatch.setattr("cloudclusters.api.compute.lane.SILENCE", 0.5)
    monkeypatch.setattr("cloudclusters.api.compute.lane.ANSWER", 0.3)

    def cut(done: int, _total: int | None) -> None:
        if done > 30 and not back.is_alive() and relayed.relay.flows.is_set() and not gone.is_set():
            gone.set()
            relayed.relay.flows.clear()
            back.start()

    gone = threading.Event()
    back = threading.Timer(3.0, relayed.relay.flows.set)
    assert pmap(nap, range(200), clusters=[relayed], progress=cut) == list(range(200))
    assert gone.is_set()


def test_a_connection_that_stays_broken_is_told(relayed: Relayed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than waiting for ever."""
    monkeypatch.setattr("cloudclusters.api.compute.lane.SILENCE", 2.0)

    def cut(done: int, _total: int | None) -> None:
        if done > 10:
            relayed.relay.close()

    with pytest.raises(WorkersLost):
        pmap(nap, range(5000), clusters=[relayed], progress=cut)


def test_an_item_that_kills_every_worker_is_found(start: Start) -> None:
    """After three workers it is to blame, and the others' results are kept."""
    running = start(5)

    results = pmap(suicide, [1, 2, 3, 4], clusters=[running], on_error="return", chunk=1)

    assert [results[0], results[1], results[3]] == [1, 2, 4]
    assert isinstance(results[2], WorkersLost)


def test_ctrl_c_leaves_nothing_behind(cluster: RunningLayout) -> None:
    """What has not begun never will, and the workers are free for the next map."""

    def interrupt(done: int, _total: int | None) -> None:
        if done > 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pmap(nap, range(5000), clusters=[cluster], progress=interrupt)

    assert pmap(square, [3], clusters=[cluster]) == [9]
    assert not [key for key in cluster.get_client().futures if "nap" in key]


def test_ten_thousand_short_items_travel_in_few_tasks(cluster: RunningLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason for chunks: Dask's cost per task must not show."""
    sent: list[int] = []
    submit = Lane.submit

    def counted(self: Lane, ticket: int, *arguments: object, **named: object) -> None:
        sent.append(ticket)
        submit(self, ticket, *arguments, **named)

    monkeypatch.setattr(Lane, "submit", counted)

    assert pmap(square, range(10_000), clusters=[cluster]) == [n * n for n in range(10_000)]
    assert len(sent) < 1000
