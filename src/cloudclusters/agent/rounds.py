"""What is looked at again and again: our directory, memory limits, the size of logs."""

from __future__ import annotations

import os

from .system import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node

TICK = 0.5
"""Seconds between two rounds."""
TERM_GRACE = 1.0
"""Seconds that processes have to end by themselves when nobody says how many."""


class Rounds:
    """The rounds of one agent."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._count = 0
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
