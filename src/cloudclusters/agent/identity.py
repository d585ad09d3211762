"""Who the agent is: one for each directory, known for good by its number, its start and the boot of its machine."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time

from .files import remove, write_file
from .memory import memory_of_machine
from .system import stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node
    from .wire import Message

VERSION = "1"
"""Of the language that we speak."""


def take(directory: str) -> None:
    """Make the directory ours for as long as we live, or exit: it has one agent."""
    lock = os.open(os.path.join(directory, "agent.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(100):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.02)  # the last agent may be on its way out
    sys.exit(f"another agent has {directory}")


def write_identity(node: Node) -> None:
    """Tell in `agent.json` who we are; we can be talked to from now on."""
    identity = {
        "agent": VERSION,
        "node": node.name,
        "instance": node.instance,
        "os_pid": os.getpid(),
        "start": (stat_fields(os.getpid()) + ["0"] * 20)[19],
        "boot": node.boot,
        "started": node.started,
    }
    write_file(os.path.join(node.directory, "agent.json"), json.dumps(identity).encode(), 0o600)


def take_signs_down(node: Node) -> None:
    """Tell that we are gone, in order."""
    for name in ("agent.sock", "agent.json"):
        remove(os.path.join(node.directory, name))


def facts(node: Node) -> Message:
    """Who and where we are: what `hello` answers."""
    return {
        "agent": VERSION,
        "node": node.name,
        "instance": node.instance,
        "hostname": socket.gethostname(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "vcpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_bytes": memory_of_machine(),
        "directory": node.directory,
        "os_pid": os.getpid(),
        "boot": node.boot,
        "started": node.started,
        "machine": os.uname().machine,
    }
