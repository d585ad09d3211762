"""What the maps of this program still have to hand out: Dask's scheduler never sees more than the next tasks."""

from __future__ import annotations

import threading


class Backlog:
    """The work that waits for one cluster, by map; told by the maps, read by `adapt`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[object, tuple[int, float]] = {}

    def tell(self, by: object, items: int, seconds: float) -> None:
        """So many items wait, each of which takes a thread so many seconds."""
        with self._lock:
            self._waiting[by] = items, seconds

    def end(self, by: object) -> None:
        """Nothing of this map waits any more."""
        with self._lock:
            self._waiting.pop(by, None)

    def threads(self, within: float) -> float:
        """How many threads would end it within so many seconds; never more than there are items."""
        with self._lock:
            return sum(items * min(1.0, seconds / within) for items, seconds in self._waiting.values())
