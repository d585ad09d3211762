"""The loop: it waits for files and timers, and calls who is concerned."""

from __future__ import annotations

import selectors
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """Something to do later, unless it is cancelled."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """Let it be; it may be done or cancelled already."""
        self.act = None


class Loop:
    """Waits for files and timers, and calls who is concerned."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0

    def watch(self, fd: int, events: int, act: Callable[[int], None]) -> None:
        """Call `act(events)` whenever `fd` is ready; no events is not watched. Replaces an earlier watch."""
        known = fd in self._selector.get_map()
        if known and events:
            self._selector.modify(fd, events, act)
        elif events:
            self._selector.register(fd, events, act)
        elif known:
            self._selector.unregister(fd)

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call `act()` after so many seconds."""
        timer = Timer(act)
        self._count += 1
        self._timers.append((time.monotonic() + seconds, self._count, timer))
        self._timers.sort()  # they are few, and in order but for this one
        return timer

    def turn(self) -> None:
        """Wait for the next event and deal with all that are due."""
        while self._timers and self._timers[0][2].act is None:
            self._timers.pop(0)
        timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        for key, events in self._selector.select(timeout):
            if self._selector.get_map().get(key.fd) is key:  # not unwatched by an earlier one of this turn
                key.data(events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            act = self._timers.pop(0)[2].act
            if act is not None:
                act()
