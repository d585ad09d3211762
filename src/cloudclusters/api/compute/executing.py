"""A `concurrent.futures.Executor` over a cluster's workers.

Not Dask's own `ClientExecutor`: functions of modules beside the script must travel by value here as everywhere,
and errors must come back with the user's traceback.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import ParamSpec, TypeVar, cast

from cloudclusters.api.compute import travel
from cloudclusters.api.compute.lane import Done, Event, Failed, Follower, Seen, shipped
from cloudclusters.api.compute.output import hear_output
from cloudclusters.api.compute.team import HasWorkers
from cloudclusters.errors import WorkersLost

P = ParamSpec("P")
T = TypeVar("T")


def get_executor(cluster: HasWorkers) -> Executor:
    """An executor over all workers of the cluster, whichever live; `shutdown` never stops the cluster."""
    return ClusterExecutor(cluster)


class ClusterExecutor(Executor):
    """Each call is one task on any worker. What was on a lost worker runs again on another."""

    def __init__(self, cluster: HasWorkers) -> None:
        client = cluster.get_client()
        self._handle = cluster.handle
        self._lock = threading.Lock()
        self._pending: dict[int, Future[object]] = {}
        self._tickets = itertools.count()
        self._closed = False
        hear_output(cluster, client)
        self._follower = Follower(client, self._arrived)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send a call; raises `NotPicklable`, and `RuntimeError` after `shutdown`."""
        name = travel.name_of(fn)
        function = travel.pack_function(fn)
        data = travel.pack_call(args, kwargs, of=name)
        future: Future[object] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot submit after shutdown")
            ticket = next(self._tickets)
            self._pending[ticket] = future
            self._follower.submit(ticket, f"{name}-{uuid.uuid4().hex}", shipped("run_call"), function, data)
        future.add_done_callback(lambda done: self._drop(ticket) if done.cancelled() else None)
        return cast("Future[T]", future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; wait for those that were sent, or drop them. The cluster runs on."""
        with self._lock:
            self._closed = True
            pending = list(self._pending.values())
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            _wait(pending)
            self._follower.close()

    def _drop(self, ticket: int) -> None:
        """A call that was cancelled: forget it, and tell whoever waits."""
        with self._lock:
            future = self._pending.pop(ticket, None)
        self._follower.drop([ticket])
        if future is not None:
            future.set_running_or_notify_cancel()

    def _arrived(self, event: Event) -> None:
        if isinstance(event, Seen):
            return
        with self._lock:
            future = self._pending.pop(event.ticket, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        if isinstance(event, Done):
            (good, data), worker = cast("tuple[tuple[bool, bytes], str]", event.value)
            if good:
                future.set_result(travel.unpack(data))
            else:
                future.set_exception(travel.unpack_error(data, note=f"raised on {worker}"))
        elif isinstance(event, Failed) and type(event.error).__name__ != "KilledWorker":
            future.set_exception(event.error)
        else:
            hint = f"`cloudclusters logs {self._handle}` shows their last lines"
            future.set_exception(WorkersLost("the call's workers were lost, or the connection to them", hint=hint))


_wait = wait
