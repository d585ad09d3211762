"""The one core loop: a daemon thread with an asyncio loop, which blocking methods bridge onto.

`run` blocks the caller; Ctrl-C, SIGTERM and SIGHUP cancel the work, wait for its clean-up and then
raise. A second one lets go. `bridge` does the same for a caller's own event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, ParamSpec, Self, TypeVar

HEAR = 0.2
"""Seconds after which a signal is heard at the latest."""
P = ParamSpec("P")
T = TypeVar("T")


def has_ended(work: concurrent.futures.Future[T], patience: float | None = None) -> bool:
    """Wait until `work` is done, at most `patience` seconds (None: for ever); whether it is.

    With a limit, again and again: a signal that comes just before Python blocks is heard only when it wakes.
    """
    end = None if patience is None else time.monotonic() + patience
    while not work.done():
        left = HEAR if end is None else min(HEAR, end - time.monotonic())
        if left <= 0:
            return False
        concurrent.futures.wait([work], timeout=left)
    return True


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP ended a verb; `signal_number` tells which.

    `result` is what the verb returned when the signal came too late to cancel it, else None. `let_go` says that a
    second signal came before the clean-up had ended: then something may be left, which the next command finds.
    """

    def __init__(self, signal_number: int = signal.SIGINT, *, result: object = None, let_go: bool = False) -> None:
        name = signal.Signals(signal_number).name
        left = ": something may be left; `cloudclusters clusters` and `cloudclusters sweep` find it"
        super().__init__(name + left * let_go)
        self.signal_number = signal_number
        self.result = result
        self.let_go = let_go


class CoreLoop:
    """An asyncio loop in a daemon thread of this process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(_Threads(thread_name_prefix="cloudclusters"))
        self._thread = threading.Thread(target=self._serve, name="cloudclusters-core", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` on the core loop and wait for it, in any thread but the loop's own.

        Raises what the work raises. Ctrl-C, SIGTERM and SIGHUP cancel it, wait for its clean-up, then raise
        `Interrupted`, which holds the result if the work had ended all the same; a second one stops waiting.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a blocking method of cloudclusters was called from its own loop")
        with _Signals() as signals:
            job = _Job(self.loop, work)
            signals.cancel_on_arrival(job)
            try:
                result = job.result()
            except KeyboardInterrupt:  # raised by somebody else's handler, or by the second signal
                job.cancel()
                if not signals.number:
                    job.wait()
                raise
            except asyncio.CancelledError:
                if signals.number:
                    raise Interrupted(signals.number) from None
                raise
        if signals.number:
            raise Interrupted(signals.number, result=result)
        return result

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

    def close(self, *, patience: float = 30.0) -> None:
        """Cancel what still runs, wait at most `patience` seconds for its clean-up, and end the thread."""

        async def drain() -> None:
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        if self._thread.is_alive():
            has_ended(asyncio.run_coroutine_threadsafe(drain(), self.loop), patience)
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(timeout=5)
        if not self.loop.is_running():
            self.loop.close()


class _Threads(ThreadPoolExecutor):
    """The loop's threads, which libraries use as well; takes calls also once the main thread has ended.

    A deploy that goes on then is waited for, and has to go on.
    """

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> concurrent.futures.Future[T]:
        """Run a call in a thread of the pool; in one of its own when the pool has been closed."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            future: concurrent.futures.Future[T] = concurrent.futures.Future()
            threading.Thread(target=_answer, args=(future, lambda: fn(*args, **kwargs)), daemon=True).start()
            return future


def _answer(future: concurrent.futures.Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except BaseException as exc:  # noqa: BLE001  # raised where the call is awaited
        future.set_exception(exc)
    else:
        future.set_result(result)


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
        self._task.add_done_callback(self._ended)
        if self._cancelled:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # after a second signal nobody asks for it, and asyncio is not to complain of that
        self.done.set_result(None)

    def wait(self) -> None:
        """Wait for the task's end."""
        has_ended(self.done)

    def cancel(self) -> None:
        """Ask the task to end; `result` still waits for its clean-up."""
        self._cancelled = True
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)

    def result(self) -> T:
        """Wait for the task's end and return or raise what it did."""
        self.wait()
        assert self._task is not None
        return self._task.result()


class _Signals:
    """While a verb runs in the main thread, the first signal cancels it and a second one raises at once.

    A handler that raised would do so between any two steps: after the work has begun and before anybody waits for it.
    """

    def __init__(self) -> None:
        self.number = 0
        """The signal that came; 0 is none."""
        self._job: _Job[object] | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` itself gave back

    def cancel_on_arrival(self, job: _Job[T]) -> None:
        """Let the signal, which may have come already, cancel this job."""
        self._job = job  # type: ignore[assignment]  # only `cancel` is used, whatever the result
        if self.number:
            job.cancel()

    def _hear(self, number: int, _frame: object) -> None:
        if self.number:
            raise Interrupted(number, let_go=True)
        self.number = number
        if self._job is not None:
            self._job.cancel()


_lock = threading.Lock()
_core: tuple[int, CoreLoop] | None = None


def core_loop() -> CoreLoop:
    """The core loop of this process, made at first use; a forked child makes its own."""
    global _core
    with _lock:
        if _core is None or _core[0] != os.getpid():
            _core = (os.getpid(), CoreLoop())
        return _core[1]
