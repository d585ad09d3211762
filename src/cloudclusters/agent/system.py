"""What the operating system says of processes, and signals to them."""

from __future__ import annotations

import os
import sys


def complain(text: str) -> None:
    """Print for whoever looks for the cause of trouble; a full disk or a closed pipe must not be trouble itself."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        return


def read_file(path: str) -> str:
    """The text of a small file, or nothing when it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on: [0] state, [1] parent, [3] session, [19] start; or nothing."""
    return read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()


def all_pids() -> list[int]:
    """Everybody on this machine."""
    return [int(entry) for entry in os.listdir("/proc") if entry[0] in "123456789"]


def send_signal(pid: int, number: int, group: bool = False) -> None:
    """Signal a process or its group; one that is gone is no news."""
    if pid <= 1:
        raise ValueError("never everybody")
    try:
        (os.killpg if group else os.kill)(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def new_life() -> str:
    """A random word."""
    return "".join(chr(97 + byte % 26) for byte in os.urandom(10))
