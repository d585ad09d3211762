"""What workers print reaches the driver: each line prefixed with the pid that wrote it."""

from __future__ import annotations

import atexit
import queue
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from cloudclusters.engine.dask import OUTPUT_TOPIC
from cloudclusters.errors import CloudClustersError

if TYPE_CHECKING:
    from distributed import Client

    from cloudclusters.api.compute.team import HasWorkers

ASK_EVERY = 1.0
"""Seconds between questions about pids that are not known yet."""
LONGEST = 8192
"""Characters without a line end that are shown at once."""


class Writer(Protocol):
    """Where lines go: a text file, or anything with `write`."""

    def write(self, text: str, /) -> object:
        """Write some text."""
        ...


class Output:
    """Shows what the workers of one cluster print, as `  from pid 3: text`, whole lines only.

    Writes to this process's present stdout and stderr unless other writers are given, from a thread of its own:
    a terminal that blocks holds up neither Dask nor a computation.
    """

    def __init__(self, cluster: HasWorkers, *, out: Writer | None = None, err: Writer | None = None) -> None:
        self._cluster = cluster
        self._writers = {"stdout": out, "stderr": err}
        self._pids: dict[str, int] = {}
        self._asked = -ASK_EVERY
        self._begun: dict[tuple[str, str], str] = {}
        self._waiting: queue.Queue[Mapping[str, object] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._show, name="cloudclusters-output", daemon=True)
        self._thread.start()

    def hear(self, event: tuple[float, object]) -> None:
        """Take a Dask event of our topic; returns at once, from any thread."""
        _, message = event
        if isinstance(message, dict):
            self._waiting.put(message)

    def drain(self, timeout: float = 2.0) -> None:
        """Wait until what has arrived is shown."""
        deadline = time.monotonic() + timeout
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks and (left := deadline - time.monotonic()) > 0:
                self._waiting.all_tasks_done.wait(left)

    def end(self) -> None:
        """Show what is left, unfinished lines too, then nothing more; returns at once."""
        self._waiting.put(None)

    def close(self) -> None:
        """As `end`, and wait for it."""
        self.end()
        self._thread.join(timeout=2)

    def _show(self) -> None:
        while True:
            message = self._waiting.get()
            try:
                if message is None:
                    for (worker, stream), text in self._begun.items():
                        self._write(worker, stream, text)
                    return
                worker = str(message.get("name"))
                lines = message.get("lines")
                for stream, text in lines if isinstance(lines, (list, tuple)) else ():
                    self._add(worker, str(stream), str(text))
            finally:
                self._waiting.task_done()

    def _add(self, worker: str, stream: str, text: str) -> None:
        *whole, rest = (self._begun.pop((worker, stream), "") + text).split("\n")
        if len(rest) > LONGEST:
            whole, rest = [*whole, rest], ""
        if rest:
            self._begun[worker, stream] = rest
        for line in whole:
            self._write(worker, stream, line)

    def _write(self, worker: str, stream: str, line: str) -> None:
        pid = self._pid(worker)
        who = worker if pid is None else f"pid {pid}"
        # A bar on the terminal replaces sys.stdout while it lives, so look it up each time.
        writer = self._writers.get(stream) or (sys.stderr if stream == "stderr" else sys.stdout)
        try:
            writer.write(f"  from {who}: {line}\n")
        except ValueError:
            return  # the driver closed its own output

    def _pid(self, worker: str) -> int | None:
        now = time.monotonic()
        if worker not in self._pids and now - self._asked >= ASK_EVERY:
            self._asked = now
            try:
                self._pids.update({name: pid for pid, name in self._cluster.live_workers().items()})
            except CloudClustersError:
                return None  # the cluster is on its way out: its name for the worker must do
        return self._pids.get(worker)


_lock = threading.RLock()
_heard: weakref.WeakKeyDictionary[Client, Output] = weakref.WeakKeyDictionary()


def hear_output(cluster: HasWorkers, client: Client) -> Output:
    """Show what this cluster's workers print from now on, for as long as the client lives. May be repeated."""
    with _lock:
        if client not in _heard:
            if not _heard:
                # A thread that still writes to stdout while Python ends would bring it down.
                atexit.register(_close_all)
            _heard[client] = output = Output(cluster)
            weakref.finalize(client, output.end)
            client.subscribe_topic(OUTPUT_TOPIC, output.hear)
        return _heard[client]


def _close_all() -> None:
    for output in list(_heard.values()):
        output.close()
