"""What of this machine is ours to use: containers and batch systems give a process less than there is."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path("/")
_NO_LIMIT = 1 << 60
"""What version 1 says where there is no limit is about 2^63."""


def usable_vcpus(*, root: Path = _ROOT) -> int:
    """How many processors this process may run on, quotas included; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min((_quota(folder) for folder in _folders(root)), default=None, key=lambda each: each or _NO_LIMIT)
    return max(1, min(count, int(quota))) if quota else count


def usable_memory(total: int, *, root: Path = _ROOT) -> int:
    """How much of `total` bytes this process may use."""
    found = (_read(folder / name) for folder in _folders(root) for name in ("memory.max", "memory.limit_in_bytes"))
    limits = [int(each) for each in found if each.isdigit()]
    return min([total, *(limit for limit in limits if 0 < limit < _NO_LIMIT)])


def _quota(folder: Path) -> float | None:
    """Processors that a cgroup may use at once; None is no limit."""
    text = _read(folder / "cpu.max") or f"{_read(folder / 'cpu.cfs_quota_us')} {_read(folder / 'cpu.cfs_period_us')}"
    quota, _, period = text.partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else None


def _folders(root: Path) -> list[Path]:
    """The folders of our own cgroups and those around them."""
    folders: dict[Path, None] = {}
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        top = root / "sys/fs/cgroup" / controllers
        inner = top / own.lstrip("/")
        folders.update(dict.fromkeys([top, *(each for each in (inner, *inner.parents) if top in each.parents)]))
    return [folder for folder in folders if folder.is_dir()]


def _read(file: Path) -> str:
    """The text of a small system file; empty where there is none to read."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return ""
