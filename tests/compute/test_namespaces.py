"""`everywhere` and `fetchfrom` on real workers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from cloudclusters.api.compute import everywhere, fetchfrom, pmap
from cloudclusters.errors import UnknownName, WorkersLost
from cloudclusters.testing.layout import RunningLayout

pytestmark = pytest.mark.slow
Start = Callable[..., RunningLayout]

counter = 0


def scale(x: int) -> int:
    """A helper that travels along."""
    return 10 * x


def count(step: int) -> int:
    """Counts in the worker's namespace."""
    global counter
    counter += scale(step)
    return counter


def define() -> None:
    """Leaves a function that uses another name it leaves."""
    global seen, remember
    seen = []

    def remember(x: int) -> int:
        seen.append(x)
        return len(seen)


def test_a_function_runs_once_on_each_worker(cluster: RunningLayout) -> None:
    """And its results come by pid."""
    assert everywhere(os.getpid, clusters=[cluster]) == {p: w.child.pid for p, w in cluster.workers().items()}


def test_names_a_function_assigns_stay_on_the_worker(cluster: RunningLayout) -> None:
    """`global` in the function is the worker's namespace; this module's own name is untouched."""
    everywhere(count, 1, clusters=[cluster])
    everywhere(count, 2, clusters=[cluster])
    pid = next(iter(cluster.workers()))

    assert fetchfrom(pid, "counter", clusters=[cluster]) == 30
    assert counter == 0


def test_functions_defined_on_the_worker_share_the_namespace(cluster: RunningLayout) -> None:
    """As functions of one module do."""
    everywhere(define, clusters=[cluster])
    pid = next(iter(cluster.workers()))

    fetchfrom(pid, lambda: remember(5), clusters=[cluster])

    assert fetchfrom(pid, "seen", clusters=[cluster]) == [5]


def test_a_text_of_code_defines_names(cluster: RunningLayout) -> None:
    """Imports, values and functions."""
    everywhere("import math\nradius = 2\ndef area():\n    return math.pi * radius ** 2", clusters=[cluster])
    pid = next(iter(cluster.workers()))

    assert fetchfrom(pid, lambda: round(area()), clusters=[cluster]) == 13  # noqa: F821


def test_each_worker_has_a_namespace_of_its_own(cluster: RunningLayout) -> None:
    """One worker's name is not another's."""
    first, second = cluster.workers()
    everywhere("mine = 'first'", clusters=[cluster], pids=[first])
    everywhere("mine = 'second'", clusters=[cluster], pids=[second])

    assert [fetchfrom(p, "mine", clusters=[cluster]) for p in (first, second)] == ["first", "second"]


def test_pmap_sees_what_everywhere_defined(cluster: RunningLayout) -> None:
    """Load a model once per worker, use it for every item."""
    everywhere("offset = 100", clusters=[cluster])

    assert pmap(lambda x: x + offset, [1, 2], clusters=[cluster]) == [101, 102]  # noqa: F821


def test_a_name_that_is_not_there_is_told_with_those_that_are(cluster: RunningLayout) -> None:
    """On that worker, which may be a new one."""
    everywhere("known = 1", clusters=[cluster])
    pid = next(iter(cluster.workers()))

    with pytest.raises(UnknownName, match=rf"pid {pid} has no name 'unknown'; it has .*known"):
        fetchfrom(pid, "unknown", clusters=[cluster])


def test_an_error_that_all_workers_share_is_raised_once(cluster: RunningLayout) -> None:
    """With a note that says so."""
    with pytest.raises(ZeroDivisionError) as caught:
        everywhere(lambda: 1 / 0, clusters=[cluster])

    assert any("alike on all" in note for note in caught.value.__notes__)


def test_errors_that_differ_stay_several(cluster: RunningLayout) -> None:
    """Nothing is hidden."""

    def differ() -> None:
        raise ValueError(os.getpid())

    with pytest.raises(ExceptionGroup) as caught:
        everywhere(differ, clusters=[cluster])

    assert len(caught.value.exceptions) == 2


def test_a_worker_that_dies_is_named(start: Start) -> None:
    """With the way to its last lines."""
    running = start(1)
    (pid,) = running.workers()

    with pytest.raises(WorkersLost, match=f"pid {pid} was lost") as caught:
        everywhere(os._exit, 1, clusters=[running])

    assert "cloudclusters logs" in caught.value.hint


def test_a_worker_that_holds_the_gil_is_not_lost(cluster: RunningLayout) -> None:
    """A busy worker answers nobody for a while; its task still ends well."""

    def hog() -> bool:
        pattern_time = time.monotonic() + 2.5
        while time.monotonic() < pattern_time:
            sum(range(3_000_000))
        return True

    assert set(everywhere(hog, clusters=[cluster]).values()) == {True}
