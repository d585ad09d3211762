"""Reading a log to its end, or following it."""

from __future__ import annotations

import codecs
import os

from .checks import Refused, a_name, a_number, a_text, is_name
from .logs import tail_offset
from .wire import CHUNK, Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .loop import Timer
    from .node import Node
    from .wire import Connection, Message

FOLLOW = 0.1
"""Seconds between looks at a log that somebody follows."""


class Tail(Stream):
    """Sends a log, and goes on with `follow`: to the end of the given life, else over restarts until nobody listens."""

    def __init__(self, node: Node, to: Connection, number: object, message: Message) -> None:
        self._node, self._to, self._number = node, to, number
        self._name = a_name(message)
        self._only = a_text(message, "life", "") if message.get("life") else ""
        if self._only and not is_name(self._only):
            raise Refused("bad-request", f"no life is named {self._only!r:.60}")
        self._follow = bool(message.get("follow"))
        self._life, self._fd, self._position = "", -1, 0
        self._timer: Timer | None = None
        life = self._only or node.logs.latest(self._name)
        if life and not os.path.exists(node.logs.path(self._name, life)):
            raise Refused("not-found", f"no log of {self._name}, life {life}")
        if not life and self._name not in node.processes:
            raise Refused("not-found", f"no log of {self._name}")
        if life:
            lines = None if message.get("tail") is None else int(a_number(message, "tail", 0))
            self._open(life, lines)

    def begin(self) -> None:
        self._to.streams.append(self)
        self.resume()

    def _open(self, life: str, lines: int | None = None) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = os.open(self._node.logs.path(self._name, life), os.O_RDONLY)
        self._life, self._position = life, tail_offset(self._fd, lines)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def resume(self) -> None:
        """Send what there is, as long as it is read."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._send()
        except OSError as exc:
            self._conclude("error", {"kind": "system", "text": str(exc)})

    def _send(self) -> None:
        while not self._to.closed:
            if self._to.full:
                return
            alive = self._alive()  # asked before reading: what a dead process wrote is all there
            data = self._read()
            if data:
                self._to.send(self._number, "event", {"text": self._decoder.decode(data)})
            elif self._follow and not self._only and self._next_life():
                continue
            elif self._follow and alive:
                self._timer = self._node.loop.later(FOLLOW, self.resume)
                return
            else:
                self._conclude("ok", {})
                return

    def _conclude(self, what: str, value: Message) -> None:
        if self in self._to.streams:
            self._to.streams.remove(self)
        self._to.send(self._number, what, value)
        self.end()

    def _alive(self) -> bool:
        process = self._node.processes.get(self._name)
        return not self._only or (process is not None and process.life == self._only and process.alive)

    def _read(self) -> bytes:
        if self._fd < 0:
            return b""
        self._position = min(self._position, os.fstat(self._fd).st_size)  # shortened meanwhile
        data = os.pread(self._fd, CHUNK, self._position)
        self._position += len(data)
        return data

    def _next_life(self) -> bool:
        process = self._node.processes.get(self._name)
        if process is None or process.life in ("", self._life):
            return False
        if not os.path.exists(self._node.logs.path(self._name, process.life)):
            return False
        self._open(process.life)
        return True

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
