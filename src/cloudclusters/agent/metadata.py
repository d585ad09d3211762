"""Asking the machine's metadata service (IMDSv2): a token first, then questions, all on the agent's loop."""

from __future__ import annotations

import errno
import selectors
import socket

from .wire import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Loop

    Answer = Callable[[int, str], None]
    """Told the status and the text of an answer; status 0 is that none came."""

PATIENCE = 3.0
"""Seconds for one answer."""
LONGEST = 64 << 10
"""Bytes of an answer; what is longer is none."""
TOKEN_SECONDS = "21600"


class Metadata:
    """The metadata service at one address, `HOST:PORT`."""

    def __init__(self, loop: Loop, address: str) -> None:
        self.address = address
        self._loop = loop
        self._token = ""

    def ask(self, path: str, then: Answer) -> None:
        """Ask for the text below `/latest/meta-data/`; gets a token when there is none or it is over."""
        if self._token:
            self._get(path, then)
            return

        def have(status: int, text: str) -> None:
            if status == 200 and text.isprintable():
                self._token = text
                self._get(path, then)
            else:
                then(0, "")

        headers = {"X-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS, "Content-Length": "0"}
        Exchange(self._loop, self.address, "PUT", "/latest/api/token", headers, have)

    def _get(self, path: str, then: Answer) -> None:
        def answered(status: int, text: str) -> None:
            if status == 401:
                self._token = ""
            then(status, text)

        headers = {"X-aws-ec2-metadata-token": self._token}
        Exchange(self._loop, self.address, "GET", f"/latest/meta-data/{path}", headers, answered)


class Exchange:
    """One request over HTTP and its answer; never raises, and always ends."""

    def __init__(self, loop: Loop, address: str, verb: str, path: str, headers: dict[str, str], then: Answer) -> None:
        self._loop, self._then = loop, then
        host, _, port = address.rpartition(":")
        lines = [f"{verb} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._request = "\r\n".join([*lines, "", ""]).encode("ascii", "replace")
        self._heard = b""
        self._timer = loop.later(PATIENCE, self._fail)
        try:
            self._sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError:  # no descriptor is free
            self._timer.cancel()
            loop.later(0, lambda: then(0, ""))
            return
        self._sock.setblocking(False)
        try:
            code = self._sock.connect_ex((host, int(port)))
        except (OSError, ValueError, OverflowError):  # no numeric address: names are not looked up, which may block
            code = errno.EINVAL
        if code in (0, errno.EINPROGRESS):
            loop.watch(self._sock.fileno(), selectors.EVENT_WRITE, self._write)
        else:
            self._timer.cancel()
            self._timer = loop.later(0, self._fail)

    def _write(self, _events: int) -> None:
        try:
            self._request = self._request[self._sock.send(self._request) :]
        except BlockingIOError:
            return
        except OSError:
            self._fail()
            return
        if not self._request:
            self._loop.watch(self._sock.fileno(), selectors.EVENT_READ, self._read)

    def _read(self, _events: int) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._fail()
            return
        self._heard += data
        if len(self._heard) > LONGEST:
            self._fail()
        elif not data:
            self._end(*_parsed(self._heard))

    def _fail(self) -> None:
        self._end(0, "")

    def _end(self, status: int, text: str) -> None:
        self._timer.cancel()
        self._loop.watch(self._sock.fileno(), 0, self._read)
        self._sock.close()
        self._then(status, text)


def _parsed(heard: bytes) -> tuple[int, str]:
    """The status and the text of a whole answer; status 0 when it is none."""
    head, _, body = heard.partition(b"\r\n\r\n")
    words = head.split(b"\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return 0, ""
    return int(words[1]), body.decode("utf-8", "replace").strip()
