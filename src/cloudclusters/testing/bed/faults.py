"""What goes wrong on order: throttling, missing capacity, errors before or after the effect, delay, late news.

A test says what shall happen; the front asks at every call. All of it is taken back by `clear`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from cloudclusters.testing.bed.calls import Call

LOST = "connection lost"
"""As an error's code: the connection breaks and no answer comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One error on order."""

    code: str
    message: str
    status: int
    after: bool
    """The call takes effect, but its answer is replaced."""


@dataclass(slots=True)
class _Order:
    action: str
    first: int
    times: int
    fault: Fault
    seen: int = 0


@dataclass(slots=True)
class Faults:
    """The orders that stand."""

    latency: dict[str, float] = field(default_factory=dict)
    """Seconds by action; `*` for all others."""
    invisible: float = 0.0
    """Seconds for which describes do not know a new instance: eventual consistency."""
    fail_launch: int = 0
    """So many of the next instances go from pending to terminated."""
    never_boot: int = 0
    """So many of the next instances are running by the cloud's word, and never answer."""
    _capacity: dict[tuple[str, str], int] = field(default_factory=dict)
    _orders: list[_Order] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def error(
        self,
        action: str,
        code: str,
        message: str = "on order",
        *,
        on_call: int = 1,
        times: int = 1,
        after: bool = False,
        status: int = 400,
    ) -> None:
        """Answer the next `times` calls of an action, beginning with the `on_call`-th from now, with this error.

        With `after` the call takes effect first. The code `LOST` breaks the connection instead of answering.
        """
        with self._lock:
            fault = Fault(code=code, message=message, status=status, after=after)
            self._orders.append(_Order(action, on_call, times, fault))

    def throttle(self, action: str, times: int) -> None:
        """Answer the next calls of an action with `RequestLimitExceeded`."""
        self.error(action, "RequestLimitExceeded", "Request limit exceeded.", times=times, status=503)

    def capacity(self, instance_type: str, places: int, *, zone: str = "*") -> None:
        """Let at most this many of a type live, in one zone or in each; launches get what is left."""
        self._capacity[instance_type, zone] = places

    def places(self, instance_type: str, zone: str) -> int | None:
        """How many of a type may live in a zone; None for no limit."""
        return self._capacity.get((instance_type, zone), self._capacity.get((instance_type, "*")))

    def due(self, call: Call) -> Fault | None:
        """The fault for this call; every order counts it."""
        found = None
        with self._lock:
            for order in self._orders:
                if order.action not in (call.action, "*"):
                    continue
                order.seen += 1
                if found is None and order.first <= order.seen < order.first + order.times:
                    found = order.fault
        return found

    def take(self, order: str) -> bool:
        """Whether one of `fail_launch` or `never_boot` is ordered; takes it."""
        with self._lock:
            left = int(getattr(self, order))
            setattr(self, order, max(0, left - 1))
            return left > 0

    def wait(self, call: Call) -> None:
        """Let the call take the time that was ordered."""
        seconds = self.latency.get(call.action, self.latency.get("*", 0.0))
        if seconds:
            time.sleep(seconds)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self.latency.clear()
            self.invisible, self.fail_launch, self.never_boot = 0.0, 0, 0
            self._capacity.clear()
            self._orders.clear()
