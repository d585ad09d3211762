"""The door: the only way from the core loop to blocking code, and it never abandons a call that has begun.

A launch that ends unseen is a machine that nobody deletes. `asyncio.to_thread` and a single `shield`
both give way to a (second) cancellation; the door waits for the call however often it is cancelled,
and only then lets the cancellation through.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallThrough(Protocol):
    """What lifecycle needs of a door; tests wrap it to crash before or after a call."""

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the blocking `call` to its end and return its result."""
        ...


class Door:
    """A bounded pool of threads for blocking calls.

    Not a `ThreadPoolExecutor`, which takes no calls once the main thread has ended: a deploy that goes on then is
    waited for, and has to go on.
    """

    def __init__(self, *, width: int = 16) -> None:
        self._width = width
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the blocking `call` in a thread and return its result.

        Raises what the call raises. When cancelled, waits for the call's end first.
        """
        future: Future[T] = Future()

        def work() -> None:
            try:
                result = call(*args, **kwargs)
            except BaseException as exc:  # noqa: BLE001  # raised where the call is awaited
                future.set_exception(exc)
            else:
                future.set_result(result)

        self._begin(work)
        return await finish(asyncio.wrap_future(future))

    def _begin(self, work: Callable[[], None]) -> None:
        self._calls.put(work)
        if self._idle.acquire(blocking=False) or len(self._threads) >= self._width:
            return
        thread = threading.Thread(target=self._serve, name=f"cloudclusters-door-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the program ends: no new threads any more, but the old ones still serve
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _serve(self) -> None:
        while (work := self._calls.get()) is not None:
            work()
            del work  # what it holds may be large
            self._idle.release()

    def close(self) -> None:
        """Wait for calls that have begun, and let the threads go."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()


async def finish(work: Awaitable[T]) -> T:
    """Await `work` to its end however often we are cancelled, then let the cancellation through.

    For calls that have begun and for clean-up. An exception of the work goes before the cancellation.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is not None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            raise cancelled from failure
        raise cancelled
    return task.result()
