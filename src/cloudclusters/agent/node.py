"""What all parts of an agent share: the loop, the logs, what runs, who watches, and when all of it ends."""

from __future__ import annotations

import os
import time

from .lease import Lease
from .limits import Limits
from .logs import Logs
from .loop import Loop
from .memory import Memory
from .notices import Notices
from .spawn import Kernel, spawn
from .strays import INSTANCE, LIFE
from .system import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .process import Process
    from .run import Run
    from .wire import Connection, Message


class Node:
    """The node that an agent looks after."""

    def __init__(self, directory: str, name: str, instance: str, is_machine: bool = False) -> None:
        self.directory, self.name, self.instance = directory, name, instance
        self.is_machine = is_machine
        """The whole machine is the node: to let go of the node is to power it off."""
        self.loop = Loop()
        self.logs = Logs(os.path.join(directory, "logs"))
        self.processes: dict[str, Process] = {}
        self.runs: dict[int, Run] = {}
        self.null = os.open(os.devnull, os.O_RDWR)
        self.started = time.time()
        self.boot = read_file("/proc/sys/kernel/random/boot_id").strip()
        self.lease = Lease(directory, self.boot)
        self.ending = self.done = False
        self.kernel: Kernel
        """Set by who serves, after the door is open: it takes a while."""
        self.notices = Notices(self)
        self.limits = Limits(self)
        self._watchers: list[tuple[Connection, object]] = []
        self._waiting: list[tuple[Callable[[], bool], Callable[[], None]]] = []
        self._memory = Memory()

    def turn(self) -> None:
        """Wait for the next event, and deal with it and all that comes of it."""
        self.loop.turn()
        self.reap()
        for entry in [entry for entry in self._waiting if entry[0]()]:
            self._waiting.remove(entry)
            entry[1]()

    def when(self, condition: Callable[[], bool], act: Callable[[], None]) -> None:
        """Do something as soon as a condition holds."""
        self._waiting.append((condition, act))

    def spawn(self, life: str, argv: list[str], env: dict[str, str], cwd: str, fds: tuple[int, ...]) -> int:
        """Start a program with our marks in its environment, by which all of its kind can be found."""
        marks = {INSTANCE: self.instance, "CLOUDCLUSTERS_NODE": self.name, LIFE: life}
        return spawn(self.kernel, argv, {**os.environ, **env, **marks}, cwd, fds)

    def reap(self) -> None:
        """Take notice of every child that has died."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            run = self.runs.pop(pid, None)
            if run is not None:
                run.ended(status)
            for process in self.processes.values():
                if process.leads and process.os_pid == pid:
                    process.ended(status)

    def watched_by(self, to: Connection, number: object) -> None:
        """Let somebody hear of every process, now and at every change, and of notices."""
        self._watchers.append((to, number))
        for process in list(self.processes.values()):
            to.send(number, "event", {"process": process.as_message()})
        if self.notices.latest is not None:
            to.send(number, "event", {"notice": self.notices.latest})

    def tell(self, process: Process) -> None:
        """Let everybody who watches know of a change."""
        self.announce({"process": process.as_message()})

    def announce(self, event: Message) -> None:
        """Let everybody who watches know of an event."""
        self._watchers = [watcher for watcher in self._watchers if not watcher[0].closed]
        for to, number in self._watchers:
            to.send(number, "event", event)

    def workers(self) -> list[Process]:
        """The processes that compute."""
        return [process for process in self.processes.values() if process.spec.get("kind") == "worker"]

    def measure(self) -> None:
        """Look how much memory each process has."""
        living = {process.os_pid: process for process in self.processes.values() if process.os_pid}
        for pid, resident in (self._memory.look(list(living)) if living else {}).items():
            living[pid].rss_bytes = resident

    def end(self, grace: float, then: Callable[[], None] | None = None) -> None:
        """Stop everything, and then end, or do this."""
        first, self.ending = not self.ending, True
        for process in self.processes.values():
            process.stop(grace)
        for run in list(self.runs.values()):
            run.end()
        if first:
            self.when(lambda: not self.runs and not any(p.alive for p in self.processes.values()), then or self._finish)

    def _finish(self) -> None:
        self.done = True
