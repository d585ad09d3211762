"""One process of a Dask cluster: `python process.py scheduler node.json`, `python process.py worker node.json NAME`.

Sent to every node with the layout and started there by the agent; standard library and distributed only.
It is quicker than Dask's own command line (no click, no nanny: the agent is the nanny), writes a ready line,
and sends what a worker prints to the drivers that listen.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import io
import json
import os
import platform
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from distributed import Scheduler, Security, Worker
    from distributed.scheduler import SchedulerState
    from distributed.worker_state_machine import WorkerState

READY = "CLOUDCLUSTERS_READY_FD"
SILENCE = "20s"
"""How long a peer may leave data unanswered: the kernel notices a machine that vanished, even under a busy GIL."""
PATIENCE = 600.0
"""Seconds to wait for a scheduler before giving up, so that the agent starts a fresh process."""
EVERY = 0.05
"""Seconds between batches."""
TAKEN = 20.0
"""Seconds in which others have taken a retiring worker's results; then it is asked again."""
USE = 0.5
"""Seconds between looks whether there is work."""
MOST = 64 * 1024
"""Characters per batch; what is beyond stands in the log only, and a line says so."""


class Settings:
    """What the layout says of this node."""

    def __init__(self, path: str) -> None:
        said = json.loads(Path(path).read_text("utf-8"))
        self.folder = Path(path).parent
        self.address = str(said["address"])
        self.scheduler = str(said["scheduler"])
        self.port = int(said["port"])
        self.dashboard_port = int(said["dashboard_port"])
        self.threads = int(said["threads"])
        self.memory_bytes = int(said["memory_bytes"])
        self.topic = str(said["topic"])

    def security(self) -> Security:
        """TLS for every connection, with the cluster's own certificate."""
        from distributed import Security

        ca, cert, key = (str(self.folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        return Security(
            require_encryption=True,
            tls_ca_file=ca,
            tls_client_cert=cert,
            tls_client_key=key,
            tls_worker_cert=cert,
            tls_worker_key=key,
            tls_scheduler_cert=cert,
            tls_scheduler_key=key,
        )


def configure(dashboard: bool) -> None:
    """Dask's settings on our nodes; the user's own Dask configuration stays for everything else."""
    import dask

    quiet: dict[str, object] = (
        {} if dashboard else {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
    )
    dask.config.set(
        {
            **quiet,
            # A worker whose function holds the GIL is not lost: the agent beside it tells who lives.
            "distributed.scheduler.worker-ttl": None,
            "distributed.scheduler.idle-timeout": None,
            "distributed.scheduler.no-workers-timeout": None,
            "distributed.scheduler.allowed-failures": 2,
            "distributed.scheduler.work-stealing-interval": "100ms",
            "distributed.comm.timeouts.tcp": SILENCE,
            "distributed.worker.memory.terminate": False,
            "distributed.worker.daemon": False,
            "distributed.worker.profile.enabled": dashboard,
            "distributed.admin.tick.limit": "60s",
        }
    )


def versions() -> dict[str, str]:
    """Our Python, and the packages that must be the driver's, as far as they are imported anyway."""
    found = {"python": platform.python_version()}
    for name in ("dask", "distributed", "cloudpickle"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found[name] = version
    return found


class Agent:
    """The agent that started us, as far as it listens: told that we are ready, and whenever our use changes."""

    def __init__(self) -> None:
        number = os.environ.pop(READY, "")
        self._pipe = int(number) if number else None
        if self._pipe is not None:
            os.set_inheritable(self._pipe, False)
            os.set_blocking(self._pipe, False)  # an agent that does not read must not hold us up
        self._busy: bool | None = None
        self._count = 0

    def tell(self, line: dict[str, object]) -> None:
        """Write a line."""
        if self._pipe is not None:
            os.write(self._pipe, json.dumps(line).encode() + b"\n")

    def keep_telling(self, state: SchedulerState | WorkerState, is_busy: Callable[[], bool]) -> None:
        """Look again and again whether we are busy, or were since the last look, and tell every change."""
        from tornado.ioloop import PeriodicCallback

        def look() -> None:
            before, self._count = self._count, state.transition_counter
            busy = self._count != before or is_busy()
            if busy is not self._busy:
                with contextlib.suppress(BlockingIOError):  # told at the next look
                    self.tell({"busy": busy})
                    self._busy = busy

        self._count = state.transition_counter
        if self._pipe is not None:
            PeriodicCallback(look, USE * 1000).start()


def has_dashboard() -> bool:
    """Whether the dashboard's pages can be drawn here."""
    from importlib.util import find_spec

    return find_spec("bokeh") is not None


async def serve(settings: Settings) -> None:
    """Run the scheduler until it is told to end."""
    from distributed import Scheduler

    dashboard = has_dashboard()
    configure(dashboard)
    scheduler = await Scheduler(
        host=settings.address,
        port=settings.port,
        protocol="tls",
        security=settings.security(),
        dashboard=dashboard,
        dashboard_address=f"{settings.address}:{settings.dashboard_port if dashboard else 0}",
    )
    said = {"address": scheduler.address, "dashboard": dashboard, "os_pid": os.getpid(), "versions": versions()}
    agent = Agent()
    agent.tell(said)
    agent.keep_telling(scheduler, lambda: has_work(scheduler))
    await scheduler.finished()


def has_work(scheduler: Scheduler) -> bool:
    """Whether a task computes or waits its turn; one that no worker may run, and results that are kept, are no use."""
    return bool(scheduler.queued) or any(worker.processing for worker in scheduler.workers.values())


class Output:
    """The text that waits for the next batch."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._waiting: list[list[str]] = []
        self._size = 0
        self._left_out = 0

    def add(self, stream: str, text: str) -> None:
        """Keep text of `stdout` or `stderr` for the next batch; quick, from any thread."""
        with self._lock:
            if self._size + len(text) > MOST:
                self._left_out += len(text)
                return
            self._size += len(text)
            if self._waiting and self._waiting[-1][0] == stream:
                self._waiting[-1][1] += text
            else:
                self._waiting.append([stream, text])

    def take(self) -> list[list[str]]:
        """All that waits, as `[stream, text]`, with a line about what was left out."""
        with self._lock:
            taken, self._waiting, self._size = self._waiting, [], 0
            if self._left_out:
                line = f"[{self._left_out} more characters stand in the log of this worker]\n"
                taken.append(["stderr", line])
                self._left_out = 0
            return taken

    def send(self, worker: Worker) -> None:
        """Send what waits; on the worker's event loop only."""
        lines = self.take() if self._waiting else []
        if lines:
            worker.log_event(self._topic, {"name": worker.name, "lines": lines})


class Tee(io.TextIOBase):
    """A text stream that writes to the log file and remembers for the driver."""

    def __init__(self, log: TextIO, stream: str, output: Output) -> None:
        self._log = log
        self._stream = stream
        self._output = output

    def write(self, text: str, /) -> int:
        """Write to the log, then keep for the next batch."""
        count = self._log.write(text)
        self._output.add(self._stream, text)
        return count

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]  # typeshed wants bytes here
        """Write each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flush the log."""
        self._log.flush()

    def writable(self) -> bool:
        """Yes."""
        return True

    def fileno(self) -> int:
        """The log's own descriptor: what C code and child processes write goes to the log only."""
        return self._log.fileno()

    def isatty(self) -> bool:
        """No."""
        return False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute in typeshed
        """The log's encoding."""
        return self._log.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # a plain attribute in typeshed
        """How the log treats what it cannot encode."""
        return self._log.errors

    @property
    def buffer(self) -> object:
        """The log's bytes below; what is written there goes to the log only."""
        return self._log.buffer


def begin(topic: str) -> Output:
    """Put tees in the place of this process's stdout and stderr."""
    output = Output(topic)
    for stream in ("stdout", "stderr"):
        log = getattr(sys, stream)
        setattr(sys, stream, Tee(log, stream, output))
    return output


def keep_sending(output: Output, worker: Worker) -> None:
    """Send batches for as long as the worker lives."""
    from tornado.ioloop import PeriodicCallback

    PeriodicCallback(lambda: output.send(worker), EVERY * 1000).start()


async def hand_over(worker: Worker, *, remove: bool) -> bool:
    """Have others take the results; with `remove` the scheduler then forgets the worker. Whether they were taken.

    The scheduler sometimes waits for ever for a result that is on its way elsewhere already: then it is not waited for.
    """
    asked = worker.scheduler.retire_workers(
        workers=[worker.address], close_workers=False, remove=remove, stimulus_id="retire"
    )
    try:
        return worker.address in await asyncio.wait_for(asked, TAKEN)
    except asyncio.TimeoutError:  # noqa: UP041  (before Python 3.11 it is another one)
        return False


async def retire(worker: Worker) -> None:
    """Take no more tasks, have others take the results, let the tasks that run end, and close.

    Results go first, so that a task which does not end in time takes none with it. While there is nobody who could
    take them, it goes on computing and asks again; the agent ends it in time.
    """
    while True:
        worker.handle_worker_status_change("closing_gracefully", "retire")
        await hand_over(worker, remove=False)
        while worker.state.executing_count:  # noqa: ASYNC110  (there is no event for it)
            await asyncio.sleep(EVERY)
        if await hand_over(worker, remove=True):
            break
        worker.handle_worker_status_change("running", "retire")
        await asyncio.sleep(1.0)
    await worker.close(nanny=False, reason="retired")


def retire_on_signal(worker: Worker) -> None:
    """Let SIGUSR1, by which the agent asks for it, retire the worker."""
    tasks: list[asyncio.Task[None]] = []

    def hear() -> None:
        if not tasks:
            tasks.append(asyncio.create_task(retire(worker)))

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, hear)


async def work(settings: Settings, name: str, output: Output) -> None:
    """Compute until the scheduler says goodbye or is gone."""
    from distributed import Worker

    configure(has_dashboard())
    worker = Worker(
        settings.scheduler,
        host=settings.address,
        protocol="tls",
        security=settings.security(),
        name=name,
        nthreads=settings.threads,
        memory_limit=settings.memory_bytes or None,
        local_directory=str(settings.folder / "scratch"),
        dashboard=False,
        dashboard_address=f"{settings.address}:0",
    )
    # When the scheduler is gone, what still runs is lost: a fresh life must not wait for it.
    worker.close = functools.partial(worker.close, executor_wait=False)
    # Connecting is retried inside, so workers need not wait for their scheduler before they start.
    await asyncio.wait_for(worker, PATIENCE)
    worker.cloudclusters_output = output  # where functions of the driver find it, to send before they end
    keep_sending(output, worker)
    retire_on_signal(worker)
    said = {"address": worker.address, "name": name, "threads": settings.threads, "os_pid": os.getpid()}
    agent = Agent()
    agent.tell({**said, "versions": versions()})
    agent.keep_telling(worker.state, lambda: bool(worker.state.executing or worker.state.long_running))
    gc.freeze()
    await worker.finished()


def main(kind: str, path: str, name: str = "") -> None:
    """Be the scheduler, or the worker of this name."""
    # Our folder is no place to import from: it could hide a module of the user's.
    sys.path.pop(0)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    gc.disable()
    import distributed  # noqa: F401  (its own log lines keep the plain stderr: they are for the log, not the driver)

    gc.enable()
    settings = Settings(path)
    asyncio.run(work(settings, name, begin(settings.topic)) if kind == "worker" else serve(settings))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:  # noqa: BLE001  (the outer edge of this process)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # A function that still runs in a thread must not keep the process, and with it the node's memory.
    # Whatever the reason, ending was not the agent's wish: it starts a fresh life.
    os._exit(1)
