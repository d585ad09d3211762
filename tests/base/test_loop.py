"""The core loop: results, errors, signals, foreign loops and forks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from cloudclusters.base.loop import CoreLoop, Interrupted, core_loop, has_ended


@pytest.fixture
def core() -> CoreLoop:
    """A loop of the test's own."""
    loop = CoreLoop()
    yield loop
    loop.close()


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Interrupted)])
def test_a_signal_cancels_waits_for_the_clean_up_and_raises(
    core: CoreLoop, number: int, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left half-way when the caller gets the exception."""
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)  # a shell's background job ignores Ctrl-C
    steps: list[str] = []

    async def verb() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            steps.append("cleaned up")

    with pytest.raises(kind):
        core.run(verb())
    assert steps == ["cleaned up"]


def test_a_signal_that_does_not_wake_a_blocked_thread_is_heard_all_the_same() -> None:
    """It is like one that comes just before Python blocks: another thread takes it, and the wait goes on."""
    work: Future[None] = Future()
    blocked = threading.Event()

    def send() -> None:
        blocked.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        ended.wait(30)
        work.set_result(None)

    def wait() -> None:
        blocked.set()
        has_ended(work)

    ended = threading.Event()
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            wait()
        assert not work.done()
    finally:
        ended.set()
        sender.join()
        signal.signal(signal.SIGUSR1, before)


def test_what_has_not_ended_in_time_is_not_waited_for() -> None:
    """Within the patience: no; without an end to it: until it has."""
    work: Future[None] = Future()
    assert not has_ended(work, 0)
    assert not has_ended(work, 0.01)
    work.set_result(None)
    assert has_ended(work)


def test_results_and_errors_come_back(core: CoreLoop) -> None:
    """`run` is as good as a plain call."""

    async def good() -> int:
        return 7

    async def bad() -> None:
        raise LookupError("nothing there")

    assert core.run(good()) == 7
    with pytest.raises(LookupError, match="nothing there"):
        core.run(bad())


def test_a_cancelled_foreign_task_waits_for_the_clean_up_on_the_core_loop(core: CoreLoop) -> None:
    """Async callers get the same promise as blocking ones."""
    steps: list[str] = []
    begun = threading.Event()

    async def verb() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")

    async def caller() -> None:
        task = asyncio.create_task(core.bridge(verb()))
        while not begun.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(caller())
    assert steps == ["cleaned up"]


def test_a_blocking_call_from_the_core_loop_itself_is_refused(core: CoreLoop) -> None:
    """It would wait for itself for ever."""

    async def inner() -> None:
        """Never runs."""

    async def outer() -> None:
        core.run(inner())

    with pytest.raises(RuntimeError, match="its own loop"):
        core.run(outer())


def test_the_core_loop_is_one_per_process() -> None:
    """Asked twice, the same loop."""
    assert core_loop() is core_loop()


_ENDING = """
import asyncio, atexit
from cloudclusters.base.loop import core_loop

async def work():
    return await asyncio.to_thread(sum, [1, 2])

async def fails():
    await asyncio.to_thread(int, "no number")

def end():
    print(core_loop().run(work()))
    try:
        core_loop().run(fails())
    except ValueError as exc:
        print(exc)

core_loop()
atexit.register(end)
"""


def test_threads_are_there_when_the_program_ends() -> None:
    """A deploy in the background that is waited for then goes on: asyncio's own pool would refuse."""
    ended = subprocess.run([sys.executable, "-c", _ENDING], capture_output=True, text=True, check=True, timeout=30)
    assert ended.stdout.splitlines() == ["3", "invalid literal for int() with base 10: 'no number'"]
