"""Calls of the cloud's interface, as the bed's front sees them: read, logged, counted and answered."""

from __future__ import annotations

import re
import secrets
import threading
import time
import xml.sax.saxutils
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that reached the front."""

    service: str
    region: str
    action: str
    parameters: Mapping[str, str]
    """Of services that speak in queries; empty for those that speak JSON."""

    def values(self, prefix: str) -> list[str]:
        """The list under `prefix.1`, `prefix.2` and so on, whatever the names between."""
        found = []
        for number in range(1, len(self.parameters) + 1):
            value = self.parameters.get(f"{prefix}.{number}")
            if value is None:
                break
            found.append(value)
        return found

    def filters(self) -> Iterator[tuple[str, list[str]]]:
        """Every filter with its values."""
        for number in range(1, len(self.parameters) + 1):
            name = self.parameters.get(f"Filter.{number}.Name")
            if name is None:
                return
            yield name, self.values(f"Filter.{number}.Value")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    content_type: str = "text/xml;charset=UTF-8"


@dataclass(slots=True)
class Done:
    """A call with its outcome."""

    call: Call
    status: int
    error: str
    """The error's code; empty for success."""
    injected: bool
    """The bed made this error on order."""
    at: float = field(default_factory=time.monotonic)
    """When it was answered, in seconds of this machine's clock."""


@dataclass(slots=True)
class Calls:
    """The log of all calls, and their number by action."""

    done: list[Done] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, done: Done) -> None:
        """Log one more."""
        with self._lock:
            self.done.append(done)

    def count(self, action: str) -> int:
        """How often an action was called, failures included."""
        return sum(done.call.action == action for done in list(self.done))

    def errors(self, action: str) -> list[str]:
        """The error codes that an action was answered with, in order."""
        return [done.error for done in list(self.done) if done.call.action == action and done.error]

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self.done.clear()


def read_call(authorization: str, target: str, parameters: Mapping[str, str]) -> Call:
    """A call from its signature, its JSON target if it has one, and its form."""
    scope = _SCOPE.search(authorization)
    region, service = (scope.group(1), scope.group(2)) if scope else ("us-east-1", "")
    action = parameters.get("Action") or target.rpartition(".")[2]
    return Call(service=service, region=region, action=action, parameters=parameters)


def result(call: Call, inner: str) -> Answer:
    """A success in EC2's form."""
    space = "http://ec2.amazonaws.com/doc/2016-11-15/"
    text = (
        f'<{call.action}Response xmlns="{space}"><requestId>{_request_id()}</requestId>{inner}</{call.action}Response>'
    )
    return Answer(200, text.encode())


def failure(call: Call, code: str, message: str, status: int = 400) -> Answer:
    """An error in the form of the call's service."""
    text = xml.sax.saxutils.escape(message)
    error = f"<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    if call.service == "ec2":
        body = f"<Response><Errors>{error}</Errors><RequestID>{_request_id()}</RequestID></Response>"
    elif call.parameters:
        body = f"<ErrorResponse>{error}<RequestId>{_request_id()}</RequestId></ErrorResponse>"
    else:
        import json

        return Answer(status, json.dumps({"__type": code, "message": message}).encode(), "application/x-amz-json-1.1")
    return Answer(status, body.encode())


def error_code(answer: Answer) -> str:
    """The error's code in an answer; empty for success."""
    if answer.status < 400:
        return ""
    found = re.search(rb'<Code>([^<]+)</Code>|"__type":\s*"([^"]+)"', answer.body)
    return (found.group(1) or found.group(2)).decode() if found else f"HTTP {answer.status}"


def element(name: str, value: object) -> str:
    """One element of XML with text in it."""
    return f"<{name}>{xml.sax.saxutils.escape(str(value))}</{name}>"


def _request_id() -> str:
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
