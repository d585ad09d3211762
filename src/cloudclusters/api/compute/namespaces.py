"""`everywhere` and `fetchfrom`: code that runs once on each worker, and the names that it leaves there.

Every worker process has one namespace. A function that travels by value (from `__main__`, a notebook, or a
module beside the script), and a text of code, run with the namespace as their globals: what they assign with
`global` (in a text: at the top) stays there for later calls, and `pmap` sees it too.
"""

from __future__ import annotations

import itertools
import queue
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ParamSpec, cast

from cloudclusters.api.compute import travel
from cloudclusters.api.compute.lane import JOIN, Done, Event, Failed, Gone, Lane, Seen, Shipped, shipped
from cloudclusters.api.compute.team import HasWorkers, Share, shares
from cloudclusters.errors import UnknownName, WorkersLost

P = ParamSpec("P")


def everywhere(
    code: Callable[P, object] | str,
    *arguments: object,
    clusters: Sequence[HasWorkers],
    pids: Iterable[int] | None = None,
) -> dict[int, object]:
    """Run a function, or a text of code, once on each worker, and give the results by pid.

    Blocks until all are done. A function that is installed on the nodes (say `os.getpid`) runs as it is; any other
    runs in the worker's namespace. A text gives None. Raises the user's exception when one worker failed or all
    failed alike, else an `ExceptionGroup`; `WorkersLost` when a worker died; `NotPicklable`, `UnknownName` (pids).
    """
    function = travel.pack_function(code)
    data = travel.pack_items(arguments, of=travel.name_of(code), first=0)
    return _Round(shares(clusters, pids), travel.name_of(code)).run(shipped("run_here"), function, data)


def fetchfrom(pid: int, what: Callable[P, object] | str, *arguments: object, clusters: Sequence[HasWorkers]) -> object:
    """The value of a name in one worker's namespace, or what a function gives there.

    A `what` that is a text is a name; a function may use the names of the namespace.
    Raises `UnknownName` for a name or pid that is not there, and as `everywhere`.
    """
    team = shares(clusters, [pid])
    if not isinstance(what, str):
        function = travel.pack_function(what)
        data = travel.pack_items(arguments, of=travel.name_of(what), first=0)
        return _Round(team, travel.name_of(what)).run(shipped("run_here"), function, data)[pid]
    if arguments:
        raise TypeError(f"{what!r} is a name: it takes no arguments; give the function itself")
    try:
        return _Round(team, what).run(shipped("read_name"), what)[pid]
    except LookupError as exc:
        raise UnknownName(
            f"pid {pid} has no name {what!r}; it has {exc}", hint="define it with `everywhere`, on that worker too"
        ) from None


class _Round:
    """One task on each of some workers."""

    def __init__(self, team: Sequence[Share], name: str) -> None:
        self._team = team
        self._name = name
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lanes: list[Lane] = []
        self._waiting: dict[int, tuple[Lane, int]] = {}
        self._results: dict[int, object] = {}
        self._errors: dict[int, BaseException] = {}

    def run(self, call: Shipped, *arguments: object) -> dict[int, object]:
        """Send, wait for all, and give the results by pid in the order of the pids."""
        try:
            for number, share in enumerate(self._team):
                self._lanes.append(Lane(number, share, self._events.put))
            self._send(call, arguments)
            while self._waiting:
                self._handle(self._events.get())
        finally:
            for lane in self._lanes:
                lane.close()
        if self._errors:
            raise _together(self._errors)
        return {pid: self._results[pid] for share in self._team for pid in share.workers}

    def _send(self, call: Shipped, arguments: Sequence[object]) -> None:
        tickets = itertools.count()
        token = uuid.uuid4().hex
        for lane in self._lanes:
            for pid in lane.share.workers:
                ticket = next(tickets)
                self._await_joining(lane, pid)
                self._waiting[ticket] = lane, pid
                lane.submit(ticket, f"everywhere-{token}-{ticket}", call, *arguments, workers=[lane.addresses[pid]])

    def _await_joining(self, lane: Lane, pid: int) -> None:
        """A worker that just started joins its scheduler in a moment."""
        deadline = time.monotonic() + JOIN
        while pid not in lane.addresses:
            try:
                self._handle(self._events.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise self._lost(lane, pid) from None

    def _handle(self, event: Event) -> None:
        if isinstance(event, Seen):
            for lane, pid in self._waiting.values():
                if lane.number == event.lane and lane.addresses[pid] not in event.workers:
                    raise self._lost(lane, pid)
            return
        if event.ticket not in self._waiting:
            return
        lane, pid = self._waiting.pop(event.ticket)
        match event:
            case Done(value=value):
                (good, data), _ = cast("tuple[tuple[bool, bytes], str]", value)
                if good:
                    self._results[pid] = travel.unpack(data)
                else:
                    self._errors[pid] = travel.unpack_error(data, note=f"raised on pid {pid}")
            case Failed(error=error) if type(error).__name__ != "KilledWorker":
                error.add_note(f"while {self._name!r} was unpacked on pid {pid}: is every module installed there?")
                raise error
            case Failed() | Gone():
                raise self._lost(lane, pid)

    def _lost(self, lane: Lane, pid: int) -> WorkersLost:
        handle = lane.share.cluster.handle
        return WorkersLost(
            f"the worker with pid {pid} was lost while {self._name!r} ran there",
            hint=f"`cloudclusters logs {handle}` shows its last lines; `nodes` gives the pids that live",
        )


def _together(errors: Mapping[int, BaseException]) -> BaseException:
    """One error for what several workers raised: the error itself when all raised alike."""
    first = next(iter(errors.values()))
    if len(errors) == 1:
        return first
    if all(type(e) is type(first) and str(e) == str(first) for e in errors.values()):
        first.add_note(f"and alike on all of pid {', '.join(map(str, errors))}")
        return first
    return BaseExceptionGroup(f"{len(errors)} workers failed", list(errors.values()))
