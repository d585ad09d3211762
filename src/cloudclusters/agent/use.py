"""What counts as use of a node: a task, a command, a verb, and on a machine of its own terminals and transfers.

A connection is no use, nor is a client without tasks. Looks are seconds apart: what may begin and end between two of
them says so itself (`touch`).
"""

from __future__ import annotations

import os
import time

from .system import all_pids, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node

CARRIERS = frozenset(("tar", "rsync", "scp", "sftp-server"))
"""Programs by which files come and go; they are use while bytes move."""
LOOKING = frozenset(("refresh", "reconnect", "reconcile"))
"""Verbs that only look."""


class Use:
    """When a node was last in use, and by what it is now."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.last = time.monotonic()
        self._terminals = _terminals()
        self._moved: dict[int, str] = {}

    def touch(self) -> None:
        """It is in use at this moment."""
        self.last = time.monotonic()

    def look(self) -> list[str]:
        """By what it is in use now, in words."""
        node = self._node
        reasons = [f"{process.name} is busy" for process in node.processes.values() if process.busy]
        if any(run.is_use for run in node.runs.values()):
            reasons.append("a command runs")
        if node.lease.verb_under_way and node.lease.verb_under_way not in LOOKING:
            reasons.append(f"the verb {node.lease.verb_under_way}")
        if node.is_machine:  # else terminals and transfers are those of the machine's owner
            reasons += self._at_terminals() + self._carried()
        if reasons:
            self.touch()
        return reasons

    def _at_terminals(self) -> list[str]:
        """Terminals that were typed at or written to since the last look; by change, as clocks may jump."""
        before, self._terminals = self._terminals, _terminals()
        return [f"terminal {name}" for name, times in self._terminals.items() if before.get(name) != times]

    def _carried(self) -> list[str]:
        """Transfers whose bytes moved since the last look: one that hangs is no use."""
        before, self._moved = self._moved, {}
        try:
            pids = all_pids()
        except OSError:  # no descriptor is free: the next look tells
            return []
        for pid in pids:
            name = read_file(f"/proc/{pid}/comm").strip()
            counters = read_file(f"/proc/{pid}/io") if name in CARRIERS else ""  # those of others cannot be read
            if counters:
                self._moved[pid] = counters
        return ["a transfer"] if any(before.get(pid) != moved for pid, moved in self._moved.items()) else []


def _terminals() -> dict[str, tuple[int, int]]:
    """When each terminal of this machine was last read and written."""
    found = {}
    try:
        for entry in os.scandir("/dev/pts"):
            if entry.name.isdigit():
                times = entry.stat()
                found[entry.name] = (times.st_atime_ns, times.st_mtime_ns)
    except OSError:  # none are there, or one has just gone
        return found
    return found
