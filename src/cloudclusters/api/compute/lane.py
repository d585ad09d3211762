"""One cluster's side of a computation: tasks go out, events come in, and its workers are watched.

The computing side is blocking code that waits in one place, at a queue, where it can be interrupted; what feeds the
queue runs on the Dask client's own loop, and in a thread that looks at the workers. So a cluster that is gone never
makes it hang.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudclusters.api.compute import onworker
from cloudclusters.api.compute.output import hear_output
from cloudclusters.api.compute.team import Share
from cloudclusters.errors import CloudClustersError, NodeUnreachable

if TYPE_CHECKING:
    from distributed import Client, Future

PREFIX = "cc-"
"""How the Dask keys of our tasks begin."""
LOOK_EVERY = 1.0
"""Seconds between looks at which workers live."""
SILENCE = 20.0
"""Seconds without an answer of the scheduler after which its workers count as lost."""
CUT_OFF = 150.0
"""Seconds of silence that are borne while no node at all answers and none is known to be gone: our network, perhaps."""
ANSWER = 5.0
"""Seconds that one look may take."""
JOIN = 10.0
"""Seconds that a worker which just started has to join the scheduler."""
UNANSWERED = (OSError, TimeoutError, RuntimeError, ValueError)
"""What a look raises that nobody answers; the last is tornado's word for a connection that ended before TLS began."""
ASK_EVERY = 3.0
"""Seconds between questions who has joined."""


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
    """Workers of a share that live: their threads, by Dask address."""

    lane: int
    workers: Mapping[str, int]
    over: bool = False
    """The scheduler is silent for long: there is no later look."""


Event = Done | Failed | Gone | Seen


class Shipped:
    """A function of `onworker` that pickles as its own code, not as a name that a node would have to know."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __call__(self, *_: object) -> object:
        raise RuntimeError("this runs on workers only")

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        return pickle.loads, (self._data,)


class _Quiet(logging.Filter):
    """Keeps Dask from telling on the terminal that it computes our chunks again: that is what it is for."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        return not (text.startswith("Couldn't gather") and f"'{PREFIX}" in text)


@functools.cache
def _hush() -> None:
    logging.getLogger("distributed.client").addFilter(_Quiet())


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
    """Sends tasks over one client and posts what became of each, from the client's own loop."""

    def __init__(self, client: Client, post: Callable[[Event], None]) -> None:
        self.client = client
        self._post = post
        self._futures: dict[int, Future] = {}
        _hush()

    def submit(self, ticket: int, key: str, call: Shipped, *args: object, workers: Iterable[str] | None = None) -> None:
        """Send a task, to one of these workers if given; its fate is posted under the ticket."""
        future = self.client.submit(
            call,
            *args,
            key=PREFIX + key,
            pure=False,
            workers=None if workers is None else list(workers),
            allow_other_workers=False,
        )
        self._futures[ticket] = future
        # Not `add_done_callback`: its pool of threads complains when the program ends right after a failed map.
        self.client.loop.add_callback(self._follow, ticket, future)

    def drop(self, tickets: Iterable[int]) -> None:
        """Forget tasks: what has not begun will not."""
        for ticket in tickets:
            future = self._futures.pop(ticket, None)
            if future is not None:
                future.release()

    def close(self) -> None:
        """Forget all tasks."""
        self.drop(list(self._futures))

    async def _follow(self, ticket: int, future: Future) -> None:
        event: Event
        try:
            # On the client's own loop a future's result is awaited.
            event = Done(ticket, await future.result())
        except Exception as exc:  # noqa: BLE001  (Dask raises many kinds; what our tasks raised is inside their results)
            event = Failed(ticket, exc) if future.status == "error" else Gone(ticket)
        if self._futures.pop(ticket, None) is not None:
            self._post(event)
            future.release()


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
        self._output = hear_output(share.cluster, self.client)
        self._had = self._over = False
        self._alone = time.monotonic()
        self._asked = float("-inf")
        try:
            self.see(Seen(number, self._look()))
        except UNANSWERED as exc:
            raise NodeUnreachable(
                f"the scheduler of {share.cluster.handle} does not answer",
                hint="`cloudclusters status --refresh` shows what runs; `restart` starts the scheduler anew",
            ) from exc
        threading.Thread(target=self._watch, name="cloudclusters-watch", daemon=True).start()

    @property
    def threads(self) -> int:
        """Task threads of the workers that live."""
        return sum(self.workers.values())

    @property
    def can_submit(self) -> bool:
        """Whether tasks can go out now: not while the client reconnects."""
        return bool(self.workers) and self.client.status == "running"

    def see(self, seen: Seen) -> None:
        """Take over a look at the workers."""
        self.workers, self._over = seen.workers, seen.over
        if seen.workers:
            self._had, self._alone = True, time.monotonic()

    @property
    def is_lost(self) -> bool:
        """Whether no worker lives; one that just started, or that may still come, has a while to join."""
        if self.workers or self._over:
            return not self.workers
        waits = self.share.open or not self._had
        return not waits or time.monotonic() - self._alone > JOIN

    @property
    def is_silent(self) -> bool:
        """Whether its scheduler is given up."""
        return self._over

    def close(self) -> None:
        """End the looks, forget all tasks, and show what the workers printed until now."""
        self._stop.set()
        super().close()
        self._output.drain()

    def _watch(self) -> None:
        try:
            self._keep_looking()
        finally:  # whatever ended it: nobody is to wait for a look that does not come
            if not self._stop.is_set():
                self._post(Seen(self.number, {}, over=True))

    def _keep_looking(self) -> None:
        """Look until there is no more need, or nobody answers."""
        heard = excused = time.monotonic()
        cut_off = False
        while not self._stop.wait(LOOK_EVERY):
            try:
                seen = self._look()
            except UNANSWERED:
                if self.client.status == "closed":
                    return
                if time.monotonic() - excused > SILENCE:
                    was, cut_off = cut_off, self._is_cut_off(heard)
                    if not (cut_off or was):
                        return
                    excused = time.monotonic()  # now, or until a moment ago: then it has a while to answer
            else:
                heard = excused = time.monotonic()
                cut_off = False
                self._post(Seen(self.number, seen))

    def _is_cut_off(self, heard: float) -> bool:
        """Whether it is the way to the cluster that is lost, as when a laptop has no network for a minute."""
        with contextlib.suppress(CloudClustersError):  # nobody can tell: then it is not that
            return time.monotonic() - heard < CUT_OFF and self.share.cluster.is_cut_off()
        return False

    def _look(self) -> dict[str, int]:
        scheduler = self.client.scheduler
        if scheduler is None:
            raise OSError("the client has no connection to its scheduler now")
        answer = self.client.sync(scheduler.identity, n_workers=-1, callback_timeout=ANSWER)
        known: Mapping[str, Mapping[str, object]] = answer["workers"]
        self._greet({str(worker["name"]) for worker in known.values()})
        found: dict[str, int] = {}
        for address, worker in known.items():
            pid = self.pids.get(str(worker["name"]))
            if pid is not None:
                found[address] = int(str(worker["nthreads"]))
                self.addresses[pid] = address
        return found

    def _greet(self, names: Set[str]) -> None:
        """Learn the pids of workers that have joined since, where they may take part."""
        now = time.monotonic()
        if not self.share.open or names <= self.pids.keys() or now - self._asked < ASK_EVERY:
            return
        self._asked = now
        with contextlib.suppress(CloudClustersError):  # while a verb is at work: they are greeted at a later look
            self.pids.update({name: pid for pid, name in self.share.cluster.live_workers().items()})
