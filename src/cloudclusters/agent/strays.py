"""What dead processes leave behind: it is found by its session, its parent and its marks, and killed."""

from __future__ import annotations

import os
import signal
import time

from .system import all_pids, read_file, send_signal, stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import Node

INSTANCE, LIFE = "CLOUDCLUSTERS_INSTANCE", "CLOUDCLUSTERS_LIFE"
"""Marks in the environment of everything that is started."""


def sweep(node: Node, leader: int, life: str, then: Callable[[], None], patience: int = 500) -> None:
    """Kill what a dead process left behind, in its session or with its mark, and then go on."""
    left = [pid for pid in _strays(node) if _belongs(pid, leader, LIFE, life)]
    for pid in left:
        send_signal(pid, signal.SIGKILL)
    if left and patience:
        node.loop.later(0.01, lambda: sweep(node, leader, life, then, patience - 1))
    else:
        then()


def clear_out(node: Node) -> None:
    """Kill what still is a child of the agent, which itself is about to end."""
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        node.reap()
        left = [pid for pid in _strays(node) if node.kernel.subreaper or _belongs(pid, 0, INSTANCE, node.instance)]
        if not left:
            break
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        time.sleep(0.005)


def kill_leftovers(directory: str, instance: str) -> None:
    """Kill what an agent that died without clearing out has left behind."""
    if os.path.exists(os.path.join(directory, "agent.json")):
        for pid in all_pids():
            if pid != os.getpid() and _belongs(pid, 0, INSTANCE, instance):
                send_signal(pid, signal.SIGKILL)


def _strays(node: Node) -> list[int]:
    """Processes that may have lost their parent: they become our children, where Linux allows."""
    children = read_file(f"/proc/self/task/{os.getpid()}/children") if node.kernel.subreaper else ""
    pids = [int(pid) for pid in children.split()] if node.kernel.subreaper else all_pids()
    ours = {process.os_pid for process in node.processes.values() if process.os_pid} | set(node.runs)
    return [pid for pid in pids if pid not in ours and pid != os.getpid()]


def _belongs(pid: int, leader: int, mark: str, value: str) -> bool:
    """Whether a process is of this session or bears the mark with this value, and is not dead."""
    fields = stat_fields(pid)
    if len(fields) <= 3 or fields[0] in "ZX":
        return False
    if leader and int(fields[3]) == leader:
        return True
    return bool(value) and f"{mark}={value}" in _environment(pid)


def _environment(pid: int) -> list[str]:
    """The environment of a process. It is empty for a moment while it becomes another program: look again."""
    for _ in range(10):
        text = read_file(f"/proc/{pid}/environ")
        if text:
            return text.split("\0")
        time.sleep(0.0005)
    return []
