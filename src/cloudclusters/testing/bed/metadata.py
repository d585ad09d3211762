"""The instance metadata service at 169.254.169.254: tokens (IMDSv2), and what an instance may know about itself.

The source address names the instance, so no host can ask for another.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudclusters.testing.bed.network import METADATA

Facts = Mapping[str, str]
"""Path below `/latest/` to text."""
Lookup = Callable[[str], tuple[Facts, bool] | None]
"""For a private address: the facts, and whether a token is required."""


class MetadataService:
    """A small HTTP server that hosts reach and the client does not."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._tokens: dict[str, str] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Answer from now on."""
        service = self

        class Answer(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                service._put(self)

            def do_GET(self) -> None:
                service._get(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((METADATA, 80), Answer)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _put(self, request: BaseHTTPRequestHandler) -> None:
        seconds = request.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if request.path != "/latest/api/token":
            _answer(request, 404, "")
        elif not (seconds.isdecimal() and 1 <= int(seconds) <= 21600):
            _answer(request, 400, "")
        else:
            token = secrets.token_urlsafe(32)
            self._tokens[token] = request.client_address[0]
            _answer(request, 200, token)

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        known = self._lookup(request.client_address[0])
        if known is None:
            _answer(request, 404, "")
            return
        facts, token_required = known
        token = request.headers.get("X-aws-ec2-metadata-token")
        if (token is None and token_required) or (
            token is not None and self._tokens.get(token) != request.client_address[0]
        ):
            _answer(request, 401, "")
            return
        path = request.path.removeprefix("/latest/")
        text = facts.get(path.rstrip("/"), _listing(facts, path.rstrip("/")))
        _answer(request, 404 if text is None else 200, text or "")


def _listing(facts: Facts, folder: str) -> str | None:
    """The names in a folder, those of folders with a slash at the end; None when there is no such folder."""
    prefix = f"{folder}/" if folder else ""
    names = set()
    for path in facts:
        if path.startswith(prefix):
            name, slash, _ = path[len(prefix) :].partition("/")
            names.add(name + slash)
    return "\n".join(sorted(names)) if names else None


def _answer(request: BaseHTTPRequestHandler, status: int, text: str) -> None:
    data = text.encode()
    request.send_response(status)
    request.send_header("Content-Type", "text/plain")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)
