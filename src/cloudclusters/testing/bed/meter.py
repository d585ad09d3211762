"""What the cloud bills: the seconds that each instance was in a state, by the cloud's own clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping


class Meter:
    """Turned by every change of state of every instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: dict[str, list[tuple[str, float]]] = {}

    def turned(self, instance: str, state: str) -> None:
        """An instance has entered a state, or stays in it."""
        with self._lock:
            states = self._states.setdefault(instance, [])
            if not states or states[-1][0] != state:
                states.append((state, time.time()))

    def seconds(self, state: str, *, least: float = 0.0) -> Mapping[str, float]:
        """By instance that ever was in this state, how long it was until now; `least` for every time."""
        with self._lock:
            every, now = {name: list(states) for name, states in self._states.items()}, time.time()
        found: dict[str, float] = {}
        for name, states in every.items():
            ends = [began for _, began in states[1:]] + [now]
            times = [max(end - began, least) for (each, began), end in zip(states, ends, strict=True) if each == state]
            found |= {name: sum(times)} if times else {}
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._states.clear()
