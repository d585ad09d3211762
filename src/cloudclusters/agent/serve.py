"""Serving: visitors come in, their requests are carried out, and no mistake in one thing ends the node."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
import time

from .checks import Refused, an_object
from .files import remove
from .identity import take_signs_down
from .requests import act_of
from .rounds import TERM_GRACE, TICK, Rounds
from .spawn import Kernel
from .strays import clear_out
from .system import complain
from .wire import CHUNK, Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .node import Node
    from .wire import Message

MANY_BUGS = 200
"""Mistakes of our own that are printed."""


def listen() -> socket.socket:
    """The socket in our directory, by a relative name because names of sockets are short."""
    remove("agent.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind("agent.sock")
    os.chmod("agent.sock", 0o600)
    listener.listen(512)
    return listener


class Server:
    """The door of a node."""

    def __init__(self, node: Node, listener: socket.socket) -> None:
        self._node, self._listener = node, listener
        self._bugs = 0

    def serve(self) -> None:
        """Answer until told to end; everything that was started is gone afterwards."""
        self._listener.setblocking(False)
        self._hear_signals()
        self._open_door()
        self._node.kernel = Kernel()
        Rounds(self._node).go()
        self._node.limits.go()
        self._node.notices.go()
        while not self._node.done:
            try:
                self._node.turn()
            except Exception as exc:  # noqa: BLE001  the outer edge: a bug in one thing must not end the node
                self._report_bug(exc)
                time.sleep(0.1)  # it may come again and again
        clear_out(self._node)
        take_signs_down(self._node)

    def _hear_signals(self) -> None:
        wake, woken = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        self._node.loop.watch(wake, selectors.EVENT_READ, lambda _: self._on_signals(os.read(wake, CHUNK)))

    def _on_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM not in numbers and signal.SIGINT not in numbers:
            return
        if self._node.limits.struck and self._node.is_machine:
            self._node.done = True  # the machine goes down, as was our wish
        elif not self._node.ending:
            self._node.end(TERM_GRACE)

    def _report_bug(self, bug: Exception) -> None:
        """Leave a trace of a mistake of ours, but not so many that they fill the disk."""
        self._bugs += 1
        if self._bugs > MANY_BUGS:
            return
        try:
            import traceback
        except (ImportError, OSError):  # no descriptor is free to read it
            complain(repr(bug))
        else:
            complain("".join(traceback.format_exception(type(bug), bug, bug.__traceback__)))

    def _open_door(self) -> None:
        self._node.loop.watch(self._listener.fileno(), selectors.EVENT_READ, self._on_visitor)

    def _on_visitor(self, _events: int) -> None:
        try:
            sock = self._listener.accept()[0]
        except OSError as exc:  # gone again, or no descriptor is free: who waits is served later
            complain(f"a visitor could not be let in: {exc}")
            self._node.loop.watch(self._listener.fileno(), 0, self._on_visitor)
            self._node.loop.later(TICK, self._open_door)
            return
        if _is_one_of_us(sock):
            Connection(self._node.loop, sock, self._carry_out)
        else:
            sock.close()

    def _carry_out(self, connection: Connection, line: bytes) -> None:
        """Carry out one request. Whatever is wrong with it is answered, and nobody else notices."""
        number: object = None
        try:
            message = _parsed(line)
            number = message.get("id")
            act_of(message)(self._node, connection, number, message)
        except Refused as exc:
            connection.send(number, "error", {"kind": exc.kind, "text": str(exc)})
        except OSError as exc:
            connection.send(number, "error", {"kind": "system", "text": str(exc)})
        except Exception as exc:  # noqa: BLE001  the outer edge: a bug in one request must not end the node
            self._report_bug(exc)
            connection.send(number, "error", {"kind": "internal", "text": repr(exc)})


def _is_one_of_us(sock: socket.socket) -> bool:
    """Whether it is the same user, or root, who asks."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)  # three C ints: pid, uid, gid
    return int.from_bytes(credentials[4:8], sys.byteorder) in (os.getuid(), 0)


def _parsed(line: bytes) -> Message:
    try:
        return an_object(json.loads(line), "a request")
    except (ValueError, RecursionError) as exc:
        raise Refused("bad-request", f"a request is one line of JSON: {exc}") from exc
