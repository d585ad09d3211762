"""Connections that speak JSON lines, with bounded buffers: streams wait for their reader, then it is dropped."""

from __future__ import annotations

import json
import selectors

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from .loop import Loop

    Message = dict[str, object]

LINE_LIMIT = 128 << 20
"""Bytes of the longest request; the connection that sends more is dropped."""
CALM = 256 << 10
"""Unsent bytes of a connection beyond which its streams and further requests wait."""
DROP = 8 << 20
"""Unsent bytes beyond which a connection is dropped: its other end does not read."""
CHUNK = 64 << 10
"""Bytes that are read at once."""


class Stream:
    """A request that goes on answering: `resume` when there is room again, `end` when the connection ends."""

    def resume(self) -> None:
        """Go on sending."""

    def end(self) -> None:
        """Let go of everything; nobody listens any more."""


class Connection:
    """Somebody who asks. Its unsent bytes are bounded: streams wait, then it is dropped."""

    def __init__(self, loop: Loop, sock: socket.socket, carry_out: Callable[[Connection, bytes], None]) -> None:
        sock.setblocking(False)
        self._loop, self._sock, self._carry_out = loop, sock, carry_out
        self._in, self._out = bytearray(), bytearray()
        self._searched = 0
        self.closed = False
        self.streams: list[Stream] = []
        self._interest()

    @property
    def full(self) -> bool:
        """So much is unsent that streams must wait."""
        return len(self._out) > CALM

    def send(self, number: object, what: str, value: object) -> None:
        """Send `{"id": number, what: value}`; after the connection's end nothing happens."""
        if self.closed:
            return
        self._out += json.dumps({"id": number, what: value}, separators=(",", ":")).encode() + b"\n"
        self._flush()
        if len(self._out) > DROP:
            self.close()

    def _interest(self) -> None:
        events = 0 if self.full else selectors.EVENT_READ
        self._loop.watch(self._sock.fileno(), events | (selectors.EVENT_WRITE if self._out else 0), self._on_ready)

    def _on_ready(self, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            was_full = self.full
            self._flush()
            if was_full and not self.full:
                self._work()
                for stream in list(self.streams):
                    stream.resume()
        if events & selectors.EVENT_READ and not self.closed:
            self._receive()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: self._sock.send(self._out)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.close()
        if not self.closed:
            self._interest()

    def _receive(self) -> None:
        try:
            data = self._sock.recv(4 * CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._in += data
        if not data or len(self._in) > LINE_LIMIT:
            self.close()
        else:
            self._work()

    def _work(self) -> None:
        """Carry out the requests that have arrived whole, while there is room for answers."""
        while not self.closed and not self.full:
            end = self._in.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._in)
                return
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            self._searched = 0
            if line.strip():
                self._carry_out(self, line)

    def close(self) -> None:
        """Hang up, and end all streams."""
        if self.closed:
            return
        self.closed = True
        self._loop.watch(self._sock.fileno(), 0, self._on_ready)
        self._sock.close()
        for stream in list(self.streams):
            stream.end()
        self.streams.clear()
