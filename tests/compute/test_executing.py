"""The executor over a real cluster."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError, as_completed

import pytest

from cloudclusters.api.compute import get_executor, pmap
from cloudclusters.testing.layout import RunningLayout

pytestmark = pytest.mark.slow


def nap(seconds: float) -> float:
    """Sleeps."""
    time.sleep(seconds)
    return seconds


def fail() -> None:
    """Fails."""
    raise KeyError("lost")


def test_calls_run_on_the_workers(cluster: RunningLayout) -> None:
    """Positional and named arguments alike."""
    with get_executor(cluster) as executor:
        assert executor.submit(int, "ff", base=16).result(timeout=30) == 255


def test_map_keeps_the_order(cluster: RunningLayout) -> None:
    """As every executor does."""
    with get_executor(cluster) as executor:
        assert list(executor.map(pow, range(5), [2] * 5)) == [0, 1, 4, 9, 16]


def test_errors_are_the_users(cluster: RunningLayout) -> None:
    """Not a wrapper of ours."""
    with get_executor(cluster) as executor:
        assert isinstance(executor.submit(fail).exception(timeout=30), KeyError)


def test_its_futures_work_with_the_standard_library(cluster: RunningLayout) -> None:
    """Code written for other executors runs unchanged."""
    with get_executor(cluster) as executor:
        futures = [executor.submit(nap, 0.01) for _ in range(4)]

        assert len(list(as_completed(futures, timeout=30))) == 4


def test_leaving_waits_for_what_was_sent(cluster: RunningLayout) -> None:
    """And the cluster computes on."""
    with get_executor(cluster) as executor:
        future = executor.submit(nap, 0.3)

    assert future.done()
    assert pmap(abs, [-1], clusters=[cluster]) == [1]


def test_nothing_is_taken_after_shutdown(cluster: RunningLayout) -> None:
    """As every executor does."""
    executor = get_executor(cluster)
    executor.shutdown()

    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)


def test_what_has_not_begun_can_be_cancelled(cluster: RunningLayout) -> None:
    """By the future, or all at once by `shutdown(cancel_futures=True)`."""
    executor = get_executor(cluster)
    futures = [executor.submit(nap, 0.2) for _ in range(20)]

    executor.shutdown(cancel_futures=True)

    with pytest.raises(CancelledError):
        futures[-1].result(timeout=5)
