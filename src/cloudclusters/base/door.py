"""The door: the only way from the core loop to blocking code, and it never abandons a call that has begun.

A launch that ends unseen is a machine that nobody deletes. `asyncio.to_thread` and a single `shield`
both give way to a (second) cancellation; the door waits for the call however often it is cancelled,
and only then lets the cancellation through.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class CallThrough(Protocol):
    """What lifecycle needs of a door; tests wrap it to crash before or after a call."""

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the blocking `call` to its end and return its result."""
        ...


class Door:
    """A bounded pool of threads for blocking calls."""

    def __init__(self, *, width: int = 16) -> None:
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="cloudclusters-door")

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the blocking `call` in a thread and return its result.

        Raises what the call raises. When cancelled, waits for the call's end first.
        """
        loop = asyncio.get_running_loop()
        return await finish(loop.run_in_executor(self._pool, functools.partial(call, *args, **kwargs)))

    def close(self) -> None:
        """Wait for calls that have begun, and let the threads go."""
        self._pool.shutdown(wait=True)


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
