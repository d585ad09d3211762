"""One cluster's side of a computation: tasks go out, events come in, and its workers are watched.

Blocking code over a blocking Dask client: two threads per lane feed one queue, so that whoever computes waits in
one place, can be interrupted there, and never hangs on a cluster that is gone.
"""

from __future__ import annotations

import functools
import pickle
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudclusters.api.compute import onworker
from cloudclusters.api.compute.output import hear_output
from cloudclusters.api.compute.team import Share

if TYPE_CHECKING:
    from distributed import Client, Future

LOOK_EVERY = 1.0
"""Seconds between looks at which workers live."""
SILENCE = 20.0
"""Seconds without an answer of the scheduler after which its workers count as lost."""
ANSWER = 5.0
"""Seconds that one look may take."""
JOIN = 10.0
"""Seconds that a worker which just started has to join the scheduler."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task's result arrived."""

    ticket: int
    value: object


@dataclass(frozen=True, slots=True)
class Failed:
    """Dask could not run a task; the functions we send never raise by themselves."""

    ticket: int
    error: BaseException


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection that a task was sent over is gone, and its result with it."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Workers of a share that live: their threads, by Dask address; empty when the scheduler is silent for long."""

    lane: int
    workers: Mapping[str, int]


Event = Done | Failed | Gone | Seen


class Shipped:
    """A function of `onworker` that pickles as its own code, not as a name that a node would have to know."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, *_: object) -> object:
        raise RuntimeError("this runs on workers only")

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        return pickle.loads, (self._data,)


@functools.cache
def shipped(name: str) -> Shipped:
    """The function of `onworker` with this name, packed once per process."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(onworker)
    try:
        return Shipped(cloudpickle.dumps(getattr(onworker, name), protocol=5))
    finally:
        cloudpickle.unregister_pickle_by_value(onworker)


class Follower:
    """Sends tasks over one client and posts what became of each, gathered in batches by a thread of its own."""

    def __init__(self, client: Client, post: Callable[[Event], None]) -> None:
        self.client = client
        self._post = post
        self._finished: queue.SimpleQueue[tuple[int, Future] | None] = queue.SimpleQueue()
        self._futures: dict[int, Future] = {}
        threading.Thread(target=self._gather, name="cloudclusters-gather", daemon=True).start()

    def submit(self, ticket: int, key: str, call: Shipped, *args: object, workers: Iterable[str] | None = None) -> None:
        """Send a task, to one of these workers if given; its fate is posted under the ticket."""
        future = self.client.submit(
            call,
            *args,
            key=key,
            pure=False,
            workers=None if workers is None else list(workers),
            allow_other_workers=False,
        )
        self._futures[ticket] = future
        future.add_done_callback(lambda finished: self._finished.put((ticket, finished)))

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget tasks: what has not begun will not."""
        for ticket in tickets:
            future = self._futures.pop(ticket, None)
            if future is not None:
                future.release()

    def close(self) -> None:
        """Forget all tasks and end the thread."""
        self.drop(list(self._futures))
        self._finished.put(None)

    def _gather(self) -> None:
        while True:
            batch = [self._finished.get()]
            while not self._finished.empty():
                batch.append(self._finished.get())
            self._deliver([one for one in batch if one is not None])
            if None in batch:
                return

    def _deliver(self, batch: list[tuple[int, Future]]) -> None:
        ready = [(ticket, future) for ticket, future in batch if future.status == "finished"]
        fetched = self._fetch(ready)
        for ticket, future in batch:
            if self._futures.pop(ticket, None) is None:
                continue
            if ticket in fetched:
                self._post(Done(ticket, fetched[ticket]))
            elif future.status == "error":
                self._post(Failed(ticket, future.exception()))
            else:
                self._post(Gone(ticket))
            future.release()

    def _fetch(self, ready: list[tuple[int, Future]]) -> dict[int, object]:
        """The results of finished tasks; without those that were lost since, or dropped."""
        if not ready:
            return {}
        try:
            values = self.client.gather([future for _, future in ready])
        except Exception:  # noqa: BLE001  (Dask raises many kinds; what our tasks raised is inside their results)
            # Whose result is lost does not show: ask for each.
            return {} if len(ready) == 1 else {t: v for one in ready for t, v in self._fetch([one]).items()}
        return dict(zip((ticket for ticket, _ in ready), values, strict=True))


class Lane(Follower):
    """A follower that knows the workers of its share and posts, every second, which of them live."""

    def __init__(self, number: int, share: Share, post: Callable[[Event], None]) -> None:
        super().__init__(share.cluster.get_client(), post)
        self.number = number
        self.share = share
        self.pids = {name: pid for pid, name in share.workers.items()}
        self.addresses: dict[int, str] = {}
        self.workers: Mapping[str, int] = {}
        self._stop = threading.Event()
        hear_output(share.cluster, self.client)
        self._born = time.monotonic()
        self._had = False
        self.see(self._look())
        threading.Thread(target=self._watch, name="cloudclusters-watch", daemon=True).start()

    @property
    def threads(self) -> int:
        """Task threads of the workers that live."""
        return sum(self.workers.values())

    @property
    def can_submit(self) -> bool:
        """Whether tasks can go out now: not while the client reconnects."""
        return bool(self.workers) and self.client.status == "running"

    def see(self, seen: Mapping[str, int]) -> None:
        """Take over a look at the workers."""
        self.workers = seen
        self._had = self._had or bool(seen)

    @property
    def is_lost(self) -> bool:
        """Whether no worker lives; one that just started has a while to join."""
        return not self.workers and (self._had or time.monotonic() - self._born > JOIN)

    def close(self) -> None:
        """End both threads and forget all tasks."""
        self._stop.set()
        super().close()

    def _watch(self) -> None:
        heard = time.monotonic()
        while not self._stop.wait(LOOK_EVERY):
            try:
                seen = self._look()
            except (OSError, TimeoutError, RuntimeError):
                if self.client.status == "closed" or time.monotonic() - heard > SILENCE:
                    self._post(Seen(self.number, {}))
                    return
            else:
                heard = time.monotonic()
                self._post(Seen(self.number, seen))

    def _look(self) -> dict[str, int]:
        answer = self.client.sync(self.client.scheduler.identity, n_workers=-1, callback_timeout=ANSWER)
        found: dict[str, int] = {}
        for address, worker in answer["workers"].items():
            pid = self.pids.get(worker["name"])
            if pid is not None:
                found[address] = int(worker["nthreads"])
                self.addresses[pid] = address
        return found
