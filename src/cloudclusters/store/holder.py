"""Who holds a lease: a process, named so that a later one with the same number is not taken for it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

_PROC = Path("/proc")


class Holder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process on a host: `boot` names the host's running system, `started` the process's own start."""

    host: str
    boot: str
    os_pid: int
    started: str
    machine: str = ""
    """The host's own id, so that two hosts of one name are told apart."""
    space: str = ""
    """The process-number namespace: in another one the numbers mean other processes."""


def this_process() -> Holder:
    """The process that asks."""
    return Holder(
        host=os.uname().nodename,
        boot=_boot(),
        os_pid=os.getpid(),
        started=_started(os.getpid()),
        machine=_text(Path("/etc/machine-id")),
        space=_space(),
    )


def is_dead(holder: Holder, *, me: Holder) -> bool | None:
    """Whether the holder's process is surely gone; None when it cannot be told from here."""
    if holder.boot == me.boot:
        if holder.space != me.space:
            return None
        return _started(holder.os_pid) != holder.started
    if (holder.host, holder.machine) == (me.host, me.machine) and holder.boot and me.boot:
        return True  # the host was started anew since
    return None


def _started(os_pid: int) -> str:
    """When a process started, in the system's own measure; empty when it does not run."""
    if not (_PROC / "self" / "stat").exists():
        return _started_elsewhere(os_pid)
    stat = _text(_PROC / str(os_pid) / "stat")
    # the command's name may hold blanks and brackets, so count from its last bracket
    fields = stat.rpartition(")")[2].split()
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _started_elsewhere(os_pid: int) -> str:
    """`_started` on systems without /proc."""
    import psutil

    try:
        return str(psutil.Process(os_pid).create_time())
    except psutil.NoSuchProcess:
        return ""


def _boot() -> str:
    boot = _text(_PROC / "sys/kernel/random/boot_id")
    if boot:
        return boot
    import psutil

    return str(int(psutil.boot_time()))


def _space() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
