"""pmap's book: which items wait, which came back, and how many travel together. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass, field

TARGET = 0.08
"""Seconds of work that a chunk should hold: long against the few milliseconds that a task costs."""
LEAST = 0.01
"""Seconds of work below which a chunk is not worth its task, not even at the end."""
BOX = 0.4
"""Seconds after which a worker sends back what it has not begun, so that no chunk holds the others up."""
GROWTH = 32
"""How many times longer a chunk may be than the one before."""
MOST_BYTES = 4 << 20
"""Most bytes of items in a chunk of several."""

Arguments = tuple[object, ...]


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """One call of the mapped function; `losses` counts the workers that died or vanished while they had it."""

    index: int
    arguments: Arguments = field(compare=False)
    losses: int = field(default=0, compare=False)


class Book:
    """The items of a map. Reads its input lazily: never further than what is asked for."""

    def __init__(self, iterables: Iterable[Iterable[object]]) -> None:
        columns = list(iterables)
        lengths = [len(column) for column in columns if isinstance(column, Sized)]
        self.total: int | None = min(lengths) if len(lengths) == len(columns) else None
        self.done = 0
        self._source: Iterator[Arguments] = zip(*columns, strict=False)
        self._again: list[Item] = []
        self._results: dict[int, object] = {}
        self._read = 0
        self._dry = False

    @property
    def remaining(self) -> int | None:
        """Items that nobody works on, as far as known."""
        if self._dry:
            return len(self._again)
        return None if self.total is None else self.total - self._read + len(self._again)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to hand out."""
        return self._dry and not self._again

    def take(self, count: int) -> list[Item]:
        """Up to `count` items: first those that came back, the lowest first. An item that was lost travels alone."""
        taken: list[Item] = []
        while len(taken) < count:
            if self._again:
                if self._again[0].losses and taken:
                    break
                taken.append(heapq.heappop(self._again))
                if taken[-1].losses:
                    break
                continue
            arguments = next(self._source, None)
            if arguments is None:
                self._dry = True
                if self.total is None:
                    self.total = self._read
                break
            taken.append(Item(self._read, arguments))
            self._read += 1
        return taken

    def put_back(self, items: Iterable[Item]) -> None:
        """Items that must be handed out again."""
        for item in items:
            heapq.heappush(self._again, item)

    def finish(self, item: Item, result: object) -> None:
        """Enter a result."""
        self._results[item.index] = result
        self.done += 1

    def results(self) -> list[object]:
        """All results in the order of the items."""
        return [self._results[index] for index in range(self._read)]


class ChunkSize:
    """How many items travel together, learned from how long they took."""

    def __init__(self, fixed: int | None = None) -> None:
        self.fixed = fixed
        self._seconds = 0.0
        self._bytes = 0.0
        self._last = 0

    @property
    def is_known(self) -> bool:
        """Whether anything was measured yet."""
        return self._last > 0

    @property
    def item_seconds(self) -> float:
        """About how long an item takes."""
        return self._seconds

    @property
    def chunk_seconds(self) -> float:
        """About how long a chunk will take."""
        if self.fixed is not None:
            return self._seconds * self.fixed
        return max(self._seconds, min(TARGET, self._seconds * self._last * GROWTH))

    def learn(self, items: int, seconds: float) -> None:
        """Enter a chunk that came back. Recent chunks weigh more."""
        mean = seconds / items
        self._seconds = mean if not self.is_known else 0.5 * mean + 0.5 * self._seconds
        self._last = max(self._last, items)

    def learn_bytes(self, items: int, size: int) -> None:
        """Enter how large a chunk was when it left."""
        mean = size / items
        self._bytes = mean if not self._bytes else 0.5 * mean + 0.5 * self._bytes

    def next(self, remaining: int | None, slots: int) -> int:
        """Items of the next chunk, with so many left for so many task threads."""
        if self.fixed is not None:
            return self.fixed
        if not self.is_known:
            return 1
        count = min(self._last * GROWTH, math.floor(TARGET / max(self._seconds, 1e-9)))
        if self._bytes:
            count = min(count, math.floor(MOST_BYTES / self._bytes))
        if remaining is not None:
            # Ever smaller towards the end, so that all threads end together.
            fair = math.ceil(remaining / (2 * max(1, slots)))
            count = min(count, max(fair, math.floor(LEAST / max(self._seconds, 1e-9))))
        return max(1, count)
