"""What is looked at again and again: our directory, memory limits, what stands still, the size of logs."""

from __future__ import annotations

import os
import time

from .system import complain, stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node

TICK = 0.5
"""Seconds between two rounds."""
TERM_GRACE = 1.0
"""Seconds that processes have to end by themselves when nobody says how many."""
STILL = 15.0
"""Seconds that a process may be stopped by a signal: its connections live on, so nobody else misses it."""


class Rounds:
    """The rounds of one agent."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._count = 0
        self._still: dict[str, float] = {}
        """Since when each life stands still."""
        facts = os.stat(node.directory)
        self._place = (facts.st_dev, facts.st_ino)

    def go(self) -> None:
        """Make a round, and another one later."""
        self._node.loop.later(TICK, self.go)
        self._count += 1
        there = self._is_there()
        if not there and not self._node.ending:
            complain("the directory is gone: leaving")
            self._node.end(TERM_GRACE)
        self._limit_memory()
        if self._count % 4 == 0:
            self._end_what_stands_still()
        if there and self._count % 10 == 0:
            for process in self._node.processes.values():
                if process.os_pid:
                    self._node.logs.shorten(process.name, process.life)

    def _is_there(self) -> bool:
        try:
            facts = os.stat(self._node.directory)
        except OSError:
            return False
        return (facts.st_dev, facts.st_ino) == self._place

    def _limit_memory(self) -> None:
        limits = {
            process: int(str(process.spec["memory_bytes"]))
            for process in self._node.processes.values()
            if process.os_pid and process.spec["memory_bytes"]
        }
        if limits:
            self._node.measure()
        for process, limit in limits.items():
            if process.rss_bytes > limit:
                process.kill("memory", f"killed: {process.rss_bytes} bytes are over its limit of {limit} bytes")

    def _end_what_stands_still(self) -> None:
        """Kill what was stopped and not continued; it is started again as after any end. A debugger may hold it."""
        before, self._still = self._still, {}
        now = time.monotonic()
        for process in self._node.processes.values():
            if process.leads and stat_fields(process.os_pid)[:1] == ["T"]:
                since = self._still[process.life] = before.get(process.life, now)
                if now - since >= STILL:
                    process.kill("hung", f"killed: it was stopped by a signal for {now - since:.0f} s")
