"""The agent's word to the guard of its machine, and the end of the machine.

The guard is root's (the first-boot text installs it); it reads `agent.guard`, one line of four words: the boot
in which it was written, the last use in seconds of that boot, the idle limit, and the deadline in seconds since the
epoch. `-` is no limit, `=` the one that the machine was launched with.
"""

from __future__ import annotations

import os
import time

from .files import write_file, write_over
from .strays import sweep
from .system import complain, new_life, read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node

FILE = "agent.guard"
AGAIN = 5.0
"""Seconds between two attempts to power off."""
_WAYS = ("systemctl poweroff", "shutdown -h now", "poweroff")
_POWER_OFF = " || ".join([*(f"sudo -n {way}" for way in _WAYS), *_WAYS])


def uptime() -> float:
    """Seconds of this boot, those in which the machine slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def vouch(node: Node, ago: float, idle: float | None, deadline: float | None, known: bool = True) -> None:
    """Tell the guard when the cluster was last in use, and its limits; not `known` are those of the launch."""
    words = [node.boot, f"{max(0.0, uptime() - ago):.0f}"]
    words += [_word(idle), _word(deadline)] if known else ["=", "="]
    path, line = os.path.join(node.directory, FILE), (" ".join(words) + "\n").encode()
    try:
        try:
            write_file(path, line, 0o600)
        except OSError:  # a full disk, which has the room of the file that is there
            write_over(path, line)
    except OSError as exc:  # then the guard does what it is for
        complain(f"the guard cannot be told: {exc}")


def is_of_this_boot(node: Node) -> bool:
    """Whether an agent vouched since the machine booted; then ours is not the first one."""
    return read_file(os.path.join(node.directory, FILE)).split(" ", 1)[0] == node.boot


def power_off(node: Node) -> None:
    """Power the machine off, by whatever way works, again and again until it goes; the guard is told to do so, too."""
    vouch(node, uptime(), 0.0, None)
    life = new_life()
    try:
        pid = node.spawn(life, ["sh", "-c", _POWER_OFF], {}, "/", (node.null, 2, 2))
    except OSError as exc:
        complain(f"no power-off: {exc}")
    else:
        node.loop.later(AGAIN, lambda: sweep(node, pid, life, lambda: None))
    node.loop.later(AGAIN, lambda: power_off(node))


def _word(limit: float | None) -> str:
    return "-" if limit is None else f"{-(-limit // 1):.0f}"
