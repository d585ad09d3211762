"""The one core loop: a daemon thread with an asyncio loop, which blocking methods bridge onto.

`run` blocks the caller; Ctrl-C, SIGTERM and SIGHUP cancel the work, wait for its clean-up and then
raise. A second one lets go. `bridge` does the same for a caller's own event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import signal
import threading
from collections.abc import Coroutine, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP ended a verb; `signal_number` tells which."""

    def __init__(self, signal_number: int = signal.SIGINT) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class CoreLoop:
    """An asyncio loop in a daemon thread of this process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="cloudclusters-core", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` on the core loop and wait for it, in any thread but the loop's own.

        Raises what the work raises. Ctrl-C, SIGTERM and SIGHUP cancel it, wait for its clean-up, then raise;
        a second one stops waiting.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a blocking method of cloudclusters was called from its own loop")
        with _signals_raise():
            job = _Job(self.loop, work)
            try:
                return job.result()
            except KeyboardInterrupt:
                job.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    job.result()
                raise

    async def bridge(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` on the core loop and await it from the caller's loop, cancellation included."""
        job = _Job(self.loop, work)
        waiting = asyncio.wrap_future(job.done)
        while not waiting.done():
            try:
                await asyncio.wait([waiting])
            except asyncio.CancelledError:
                job.cancel()
        return job.result()

    def close(self) -> None:
        """Cancel what still runs, wait for its clean-up, and end the thread."""

        async def drain() -> None:
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        if self._thread.is_alive():
            with contextlib.suppress(concurrent.futures.TimeoutError):
                asyncio.run_coroutine_threadsafe(drain(), self.loop).result(timeout=30)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=5)
        if not self.loop.is_running():
            self.loop.close()


class _Job(Generic[T]):
    """A task on the core loop, seen from another thread.

    Not `run_coroutine_threadsafe`: its future counts as done at once when cancelled, while clean-up still
    runs.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, T]) -> None:
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop = loop
        self._task: asyncio.Task[T] | None = None
        self._cancelled = False
        loop.call_soon_threadsafe(self._begin, work)

    def _begin(self, work: Coroutine[object, object, T]) -> None:
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(lambda _: self.done.set_result(None))
        if self._cancelled:
            self._task.cancel()

    def cancel(self) -> None:
        """Ask the task to end; `result` still waits for its clean-up."""
        self._cancelled = True
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    def result(self) -> T:
        """Wait for the task's end and return or raise what it did."""
        self.done.result()
        assert self._task is not None
        return self._task.result()


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """While a verb runs in the main thread, SIGTERM and SIGHUP act as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_lock = threading.Lock()
_core: tuple[int, CoreLoop] | None = None


def core_loop() -> CoreLoop:
    """The core loop of this process, made at first use; a forked child makes its own."""
    global _core
    with _lock:
        if _core is None or _core[0] != os.getpid():
            _core = (os.getpid(), CoreLoop())
        return _core[1]
