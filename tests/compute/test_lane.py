"""A lane whose scheduler has fallen silent: whatever comes then, who waits for it is told."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace
from typing import cast

import pytest

from cloudclusters.api.compute import lane as lanes
from cloudclusters.api.compute.lane import Event, Lane, Seen
from cloudclusters.api.compute.team import Share
from cloudclusters.errors import CloudClustersError, NotSupported, StoreError


def silent(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> Seen:
    """What a lane posts once nobody answers its looks any more, and asking why raises this."""
    posted: queue.SimpleQueue[Event] = queue.SimpleQueue()
    answers = iter([{"workers": {"tls://w": {"name": "node0/w/x", "nthreads": 1}}}])

    def sync(*_: object, **__: object) -> object:
        if (answer := next(answers, None)) is None:
            raise OSError("no answer")
        return answer

    def is_cut_off() -> bool:
        if error is not None:
            raise error
        return False

    client = SimpleNamespace(status="running", scheduler=SimpleNamespace(identity=None), sync=sync)
    cluster = SimpleNamespace(handle="h", get_client=lambda: client, is_cut_off=is_cut_off)
    for name, value in (("SILENCE", 0.05), ("LOOK_EVERY", 0.01)):
        monkeypatch.setattr(lanes, name, value)
    monkeypatch.setattr(lanes, "hear_output", lambda *_: SimpleNamespace(drain=lambda: None))
    lane = Lane(0, cast(Share, SimpleNamespace(cluster=cluster, workers={2: "node0/w/x"}, open=False)), posted.put)
    assert lane.workers
    seen = posted.get(timeout=20)
    lane.close()
    assert isinstance(seen, Seen)
    return seen


@pytest.mark.parametrize("error", [None, StoreError("disk I/O error"), NotSupported("no")])
def test_silence_ends_the_looks(monkeypatch: pytest.MonkeyPatch, error: CloudClustersError | None) -> None:
    """Also when nobody can say whether it is our network."""
    assert silent(monkeypatch, error) == Seen(0, {}, over=True)


def test_look_that_fails_for_a_mistake_of_ours_is_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that waits for it ends with an error instead of never."""
    told: queue.SimpleQueue[threading.ExceptHookArgs] = queue.SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", told.put)
    assert silent(monkeypatch, ZeroDivisionError("a mistake")) == Seen(0, {}, over=True)
    assert told.get(timeout=20).exc_type is ZeroDivisionError
