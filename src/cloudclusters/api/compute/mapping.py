"""`pmap`: a function over many items on many workers, results in order.

The driver keeps the book of items. Chunks of them travel to the clusters' schedulers, restricted to the chosen
workers and never more than the workers can soon begin, so that a quick cluster takes more than a slow one.
"""

from __future__ import annotations

import itertools
import queue
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, ParamSpec, TypeVar, cast

from cloudclusters.api.compute import travel
from cloudclusters.api.compute.book import BOX, Book, ChunkSize, Item
from cloudclusters.api.compute.lane import Done, Event, Failed, Gone, Lane, Seen, shipped
from cloudclusters.api.compute.progress import Progress, shown
from cloudclusters.api.compute.team import HasWorkers, Share, lost, shares
from cloudclusters.errors import WorkersLost

P = ParamSpec("P")
R = TypeVar("R")
OnError = Literal["raise", "return"]

SHORT = 0.25
"""Chunks shorter than this are sent ahead, one more per thread, to hide the way there and back."""
INLINE = 64 << 10
"""A packed function larger than this is sent to each cluster once, not with every chunk."""
MOST_GONE = 200
"""Chunks that may vanish without any coming back, before giving up."""
MOST_LOSSES = 3
"""Workers that may die while they have one item, before the item is to blame."""


def pmap(
    function: Callable[P, R],
    *iterables: Iterable[object],
    clusters: Sequence[HasWorkers],
    pids: Iterable[int] | None = None,
    on_error: OnError = "raise",
    chunk: int | None = None,
    progress: Progress | bool | None = None,
) -> list[R]:
    """Call `function` on every item, as `map` does, on the workers of one or several clusters.

    Blocks; results come in the order of the items. `pids` are the workers to use (None: all that live, and those that
    join later).
    Input is read lazily. Short items travel in chunks whose size is learned (`chunk` fixes it).
    A failed item raises the user's exception and drops the rest, or stands in the results with `on_error="return"`.
    What was on a lost worker is computed again on the remaining ones, so an item may run more than once; when none
    remains, `WorkersLost`. Raises `NotPicklable`, `UnknownName` (pids). Ctrl-C drops what has not begun.
    """
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error is 'raise' or 'return', not {on_error!r}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is at least 1, not {chunk}")
    if not callable(function):
        raise TypeError(f"pmap needs a function, not {function!r}")
    if not iterables:
        raise TypeError("pmap needs at least one iterable of items")
    name = travel.name_of(function)
    packed = travel.pack_function(function)
    with shown(progress, name) as listener:
        run = _Map(name, packed, Book(iterables), shares(clusters, pids), keep_errors=on_error == "return", chunk=chunk)
        return cast("list[R]", run.run(listener))


@dataclass(slots=True)
class _Chunk:
    """Items on their way."""

    lane: Lane
    items: list[Item]
    workers: frozenset[str]
    """The addresses that it was sent to; the scheduler gives it to no other."""


class _Map:
    """One call of `pmap`."""

    def __init__(
        self, name: str, packed: bytes, book: Book, team: Sequence[Share], *, keep_errors: bool, chunk: int | None
    ) -> None:
        self._name = name
        self._packed = packed
        self._book = book
        self._team = team
        self._keep_errors = keep_errors
        self._key = uuid.uuid4().hex
        self._tickets = itertools.count()
        self._flying: dict[int, _Chunk] = {}
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lanes: list[Lane] = []
        self._sizes = [ChunkSize(chunk) for _ in team]
        self._box = BOX if chunk is None else None
        self._sent: dict[int, object] = {}
        self._gone = 0

    def run(self, progress: Progress) -> list[object]:
        """Compute everything, or raise; leaves nothing on its way."""
        try:
            for number, share in enumerate(self._team):
                self._lanes.append(Lane(number, share, self._events.put))
            progress(0, self._book.total)
            self._top_up()
            while self._flying or not self._book.is_empty:
                self._handle(self._events.get())
                while not self._events.empty():
                    self._handle(self._events.get())
                progress(self._book.done, self._book.total)
                self._top_up()
                self._tell_backlog()
        finally:
            for lane in self._lanes:
                lane.share.cluster.backlog.end(self)
                lane.close()
        return self._book.results()

    # Out

    def _top_up(self) -> None:
        """Send chunks until every thread has one, and one more ahead when chunks are short."""
        busy = {lane.number: 0 for lane in self._lanes}
        for chunk in self._flying.values():
            busy[chunk.lane.number] += 1
        ready = [lane for lane in self._lanes if lane.can_submit]
        while ready and not self._book.is_empty:
            # The emptiest cluster first, so that the clusters share the last items too.
            lane = min(ready, key=lambda each: busy[each.number] / each.threads)
            if busy[lane.number] >= self._room(lane):
                ready.remove(lane)
                continue
            self._send(lane)
            busy[lane.number] += 1

    def _room(self, lane: Lane) -> int:
        size = self._sizes[lane.number]
        ahead = size.is_known and size.chunk_seconds < SHORT
        return lane.threads * 2 if ahead else lane.threads

    def _send(self, lane: Lane) -> None:
        size = self._sizes[lane.number]
        threads = sum(each.threads for each in self._lanes)
        items = self._book.take(size.next(self._book.remaining, threads))
        if not items:
            return
        ticket = next(self._tickets)
        chunk = self._flying[ticket] = _Chunk(lane, items, frozenset(lane.workers))
        data = travel.pack_items([item.arguments for item in items], of=self._name, first=items[0].index)
        size.learn_bytes(len(items), len(data))
        key = f"{self._name}-{self._key}-{ticket}"
        lane.submit(
            ticket, key, shipped("run_chunk"), self._key, self._function(lane), data, self._box, workers=chunk.workers
        )

    def _function(self, lane: Lane) -> object:
        """The packed function, or where it lies on this cluster when it is large."""
        if len(self._packed) <= INLINE:
            return self._packed
        held = self._sent.get(lane.number)
        if held is None or getattr(held, "status", "") != "finished":
            held = self._sent[lane.number] = lane.client.scatter(self._packed, direct=False, hash=False)
        return held

    def _tell_backlog(self) -> None:
        """Say what waits, to clusters that may grow for it: in equal parts, as whoever is quicker takes more anyway."""
        items = self._book.remaining
        items = self._book.done if items is None else items  # of an input without length: as much again
        for lane in self._lanes:
            size = self._sizes[lane.number]
            if lane.share.open and size.is_known:
                lane.share.cluster.backlog.tell(self, items // len(self._lanes), size.item_seconds)

    # In

    def _handle(self, event: Event) -> None:
        if isinstance(event, Seen):
            self._see(self._lanes[event.lane], event)
            return
        chunk = self._flying.pop(event.ticket, None)
        if chunk is None:
            return
        match event:
            case Done(value=value):
                self._enter(chunk, value)
            case Failed(error=error):
                self._fail(chunk, error)
            case Gone():
                self._gone += 1
                if self._gone > MOST_GONE:
                    raise lost(f"{self._name} stopped after {self._book.done} items, nothing comes back", self._team)
                self._book.put_back(chunk.items)

    def _see(self, lane: Lane, seen: Seen) -> None:
        lane.see(seen)
        if lane.is_lost:
            for chunk in self._recall(lane):
                self._book.put_back(chunk.items)
        else:
            # Workers that joined later are not among those that these were sent to: they would wait for ever.
            for chunk in self._recall(lane, unless=seen.workers):
                self._repeat(chunk)
        if all(each.is_lost for each in self._lanes):
            silent = [each.share for each in self._lanes if each.is_silent]
            raise lost(f"{self._name} stopped after {self._book.done} items", self._team, silent=silent)

    def _recall(self, lane: Lane, *, unless: Collection[str] = ()) -> list[_Chunk]:
        """Take back what is on its way to a lane, but for chunks that one of these workers may still compute."""
        stuck = {
            ticket: chunk
            for ticket, chunk in self._flying.items()
            if chunk.lane is lane and chunk.workers.isdisjoint(unless)
        }
        lane.drop(stuck)
        return [self._flying.pop(ticket) for ticket in stuck]

    def _enter(self, chunk: _Chunk, value: object) -> None:
        outcomes, seconds, worker = cast("tuple[list[tuple[bool, bytes]], float, str]", value)
        self._gone = 0
        self._sizes[chunk.lane.number].learn(len(outcomes), seconds)
        for item, (good, data) in zip(chunk.items, outcomes, strict=False):
            pid = chunk.lane.pids.get(worker)
            if good:
                self._finish(item, data)
            else:
                self._blame(item, travel.unpack_error(data, note=f"raised on pid {pid} for item {item.index}"))
        self._book.put_back(chunk.items[len(outcomes) :])

    def _finish(self, item: Item, data: bytes) -> None:
        try:
            result = travel.unpack(data)
        except Exception as exc:  # noqa: BLE001  (unpickling runs the user's code)
            exc.add_note(f"while the result of item {item.index} was unpacked here")
            self._blame(item, exc)
        else:
            self._book.finish(item, result)

    def _fail(self, chunk: _Chunk, error: BaseException) -> None:
        """Dask gave a chunk up: its workers died one after the other, or it could not be unpacked there."""
        if type(error).__name__ != "KilledWorker":
            error.add_note(
                f"while {self._name!r} and its items were unpacked on a worker: is every module installed there?"
            )
            raise error
        self._repeat(chunk, blamed=True)

    def _repeat(self, chunk: _Chunk, *, blamed: bool = False) -> None:
        """Hand out what a chunk's workers died with, one by one; an item that goes on killing is to blame."""
        if len(chunk.items) > 1 or not (blamed or chunk.items[0].losses >= MOST_LOSSES):
            self._book.put_back(Item(item.index, item.arguments, item.losses + 1) for item in chunk.items)
            return
        (item,) = chunk.items
        text = f"{self._name} on item {item.index}: {MOST_LOSSES} workers died one after the other while they had it"
        handle = chunk.lane.share.cluster.handle
        self._blame(item, WorkersLost(text, hint=f"out of memory, or a crash? `cloudclusters logs {handle}`"))

    def _blame(self, item: Item, error: BaseException) -> None:
        if not self._keep_errors:
            raise error
        self._book.finish(item, error)
