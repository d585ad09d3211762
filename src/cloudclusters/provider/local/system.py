"""Processes of this machine, named so that a reused number never means another one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

MARK = b"CLOUDCLUSTERS_INSTANCE="
"""The variable that every process of a node has in its environment."""

_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD among the flags of /proc/PID/stat."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A process: its number, its start in ticks since the boot, and the boot. No other process has all three."""

    os_pid: int
    start: str
    boot: str


def boot_id() -> str:
    """What names the present boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(os_pid: int) -> Identity | None:
    """The living process of this number, or None."""
    try:
        fields = Path(f"/proc/{os_pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Identity(os_pid=os_pid, start=fields[19], boot=boot_id())


def is_alive(process: Identity) -> bool:
    """Whether this very process lives."""
    return identity(process.os_pid) == process


def send(process: Identity, number: signal.Signals) -> None:
    """Signal this very process and no other; nothing happens when it is gone or somebody else's."""
    with _held(process.os_pid) as handle:
        if is_alive(process):
            _signal(process.os_pid, handle, number)


def marked(instances: Collection[str]) -> dict[str, list[int]]:
    """The living processes of these instances, found by the mark in their environment."""
    found: dict[str, list[int]] = {instance: [] for instance in instances}
    marks = {MARK + instance.encode(): instance for instance in instances}
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and marks:
            for line in _environment(int(entry.name)):
                if line in marks and identity(int(entry.name)) is not None:
                    found[marks[line]].append(int(entry.name))
    return found


def kill_marked(instance: str, *, patience: float = 1.0) -> bool:
    """Kill every process of an instance; whether all were gone within `patience` seconds."""
    deadline = time.monotonic() + patience
    while pids := marked([instance])[instance]:
        for os_pid in pids:
            with _held(os_pid) as handle:
                if MARK + instance.encode() in _environment(os_pid):
                    _signal(os_pid, handle, signal.SIGKILL)
                    _wait_dead(handle, deadline)
        if time.monotonic() > deadline:
            return False
    return True


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of this file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _environment(os_pid: int) -> list[bytes]:
    """The environment of a process; nothing when it is gone or not ours.

    For a moment, while a process becomes another program, it has none: then we look again.
    """
    for _ in range(10):
        try:
            if text := Path(f"/proc/{os_pid}/environ").read_bytes():
                return text.split(b"\0")
            if not Path(f"/proc/{os_pid}/cmdline").read_bytes() and _is_kernel(os_pid):
                return []
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return []
        select.select([], [], [], 0.0005)
    return []


def _is_kernel(os_pid: int) -> bool:
    """Whether this is a thread of the kernel or a dead process, which have no environment at all."""
    fields = Path(f"/proc/{os_pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0] in "ZX" or bool(int(fields[6]) & _KERNEL_THREAD)


@contextlib.contextmanager
def _held(os_pid: int) -> Iterator[int | None]:
    """A handle that goes on meaning this process after its end; None when it is gone or the system has no handles."""
    handle = None
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # gone; or an old kernel, or a container that forbids it
            handle = os.pidfd_open(os_pid)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def _signal(os_pid: int, handle: int | None, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone meanwhile, or never ours
        if handle is None:
            os.kill(os_pid, number)
        else:
            signal.pidfd_send_signal(handle, number)


def _wait_dead(handle: int | None, deadline: float) -> None:
    """Wait a moment for a process that was killed."""
    if handle is None:
        select.select([], [], [], 0.005)
    else:
        select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
