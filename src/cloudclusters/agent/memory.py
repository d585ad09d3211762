"""How much memory there is, and who has it."""

from __future__ import annotations

import os

from .system import all_pids, read_file, stat_fields


class Memory:
    """How much memory each process and its descendants have: looked up cheaply, by remembering who is whose."""

    def __init__(self) -> None:
        self._owners: dict[int, int] = {}
        self._looks = 0
        self._page = os.sysconf("SC_PAGE_SIZE")

    def look(self, leaders: list[int]) -> dict[int, int]:
        """Resident bytes by leader, of its session and of all who descend from it."""
        self._looks += 1
        known = self._owners if self._looks % 20 else {}
        owners: dict[int, int] = {}
        totals = dict.fromkeys(leaders, 0)
        for pid in all_pids():
            owner = known.get(pid, -1)
            if owner not in totals and owner != 0:
                fields = stat_fields(pid)
                session, parent = (int(fields[3]), int(fields[1])) if len(fields) > 3 else (0, 0)
                owner = session if session in totals else owners.get(parent, 0)
            owners[pid] = owner
            if owner:
                resident = read_file(f"/proc/{pid}/statm").split()
                totals[owner] += int(resident[1]) * self._page if resident else 0
        self._owners = owners
        return totals


def memory_of_machine() -> int:
    """Bytes of memory that this machine has, or that its container may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = read_file("/sys/fs/cgroup/memory.max").strip()
    return min(total, int(limit)) if limit.isdigit() else total
