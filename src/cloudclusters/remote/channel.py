"""One connection to an agent: JSON lines both ways, many requests at a time, over any stream of bytes."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from cloudclusters.errors import NodeError, NodeUnreachable, Remedy

MANY = 64
"""Unread events of a connection beyond which nothing more is read from it."""
FEW = 16
LONGEST_NAME = 100
"""Bytes that the name of a Unix socket may have, with something to spare."""


class Pipe(Protocol):
    """The writing half of a stream of bytes: a transport of asyncio, or a channel of an SSH connection."""

    def write(self, data: bytes, /) -> None:
        """Send these bytes, now or later."""
        ...

    def abort(self) -> None:
        """End it at once; `connection_lost` follows."""
        ...

    def pause_reading(self) -> None:
        """Let nothing more arrive."""
        ...

    def resume_reading(self) -> None:
        """Let it arrive again."""
        ...


class NotStarted(NodeError):
    """A command that a node could not even begin: no such program, or it may not be executed."""

    remedy = Remedy.FIX

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class LeaseRefused(NodeError):
    """The agent does not give its lease (`held`), or not any longer (`lost`); `reason` names who has it."""

    def __init__(self, message: str, *, hint: str = "", reason: str = "", held: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.held = held


class _Fault(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    kind: str = ""
    text: str = ""


class _Line(msgspec.Struct, frozen=True):
    """A line from the agent: an event, an answer, or a refusal."""

    id: int | None = None
    event: dict[str, object] | None = None
    ok: dict[str, object] | None = None
    error: _Fault | None = None


class Request:
    """A request on its way: its events as they come, and its answer."""

    def __init__(self, answer: asyncio.Future[dict[str, object]]) -> None:
        self.answer = answer
        self.events: deque[dict[str, object]] | None = None
        """Events not read yet; None when nobody wants them."""
        self.news = asyncio.Event()


class Channel(asyncio.Protocol):
    """A connection. When it ends, every request that waits fails with `NodeUnreachable`."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._requests: dict[int, Request] = {}
        self._count = 0
        self._rest = bytearray()
        self._decode = msgspec.json.Decoder(_Line).decode
        self._transport: Pipe | None = None
        self._paused = False
        self._room = asyncio.Event()
        self._room.set()
        self._ended = asyncio.Event()
        self._reason = "the connection was closed"

    # What asyncio calls, or whoever carries us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        assert isinstance(transport, asyncio.Transport)
        self.attach(transport)

    def attach(self, pipe: Pipe) -> None:
        """The connection is there, whatever carries it."""
        self._transport = pipe

    def data_received(self, data: bytes) -> None:
        """Take the lines that have arrived whole."""
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        for line in lines:
            self._take(line)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything that waits."""
        self._ended.set()
        self._room.set()
        if exc is not None:
            self._reason = str(exc)
        requests, self._requests = self._requests, {}
        for request in requests.values():
            if not request.answer.done():
                request.answer.set_exception(self._unreachable())
            request.news.set()

    def pause_writing(self) -> None:
        """The agent reads more slowly than we write."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._room.set()

    # What we call

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self._ended.is_set()

    async def ask(self, do: str, arguments: Mapping[str, object], *, events: bool = False) -> Request:
        """Send a request; raises `NodeUnreachable` when the connection has ended."""
        await self._room.wait()
        if self._transport is None or self.is_closed:
            raise self._unreachable()
        self._count += 1
        request = Request(asyncio.get_running_loop().create_future())
        request.answer.add_done_callback(_seen)
        request.events = deque() if events else None
        self._requests[self._count] = request
        line = msgspec.json.encode({**arguments, "id": self._count, "do": do})
        self._transport.write(line + b"\n")
        return request

    def read(self, request: Request) -> dict[str, object] | None:
        """The next event of a request, or None when none has come."""
        assert request.events is not None
        event = request.events.popleft() if request.events else None
        if self._paused and len(request.events) <= FEW and self._transport is not None and not self.is_closed:
            self._paused = False
            self._transport.resume_reading()
        return event

    async def close(self) -> None:
        """End the connection; may be repeated."""
        if self._transport is not None:
            self._transport.abort()
            await self._ended.wait()

    def _take(self, line: bytes) -> None:
        try:
            said = self._decode(line)
        except msgspec.DecodeError as exc:
            self._reason = f"it does not speak our language: {exc}"
            if self._transport is not None:
                self._transport.abort()
            return
        request = self._requests.get(said.id or 0)
        if request is None:
            return
        if said.event is not None:
            self._keep(request, said.event)
            return
        self._requests.pop(said.id or 0)
        if not request.answer.done():
            if said.error is not None:
                request.answer.set_exception(self._refusal(said.error))
            else:
                request.answer.set_result(said.ok or {})
        request.news.set()

    def _keep(self, request: Request, event: dict[str, object]) -> None:
        if request.events is None:
            return
        request.events.append(event)
        request.news.set()
        if len(request.events) > MANY and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _refusal(self, fault: _Fault) -> NodeError:
        if fault.kind == "not-started":
            return NotStarted(f"{self.where}: {fault.text}", reason=fault.text)
        if fault.kind in ("held", "lost"):
            return LeaseRefused(f"{self.where}: {fault.text}", reason=fault.text, held=fault.kind == "held")
        return NodeError(f"{self.where}: {fault.text} ({fault.kind})")

    def _unreachable(self) -> NodeUnreachable:
        return NodeUnreachable(f"the agent at {self.where} does not answer any more: {self._reason}")


def _seen(answer: asyncio.Future[dict[str, object]]) -> None:
    """Nobody may be waiting for this answer any more; its failure is then no news."""
    if not answer.cancelled():
        answer.exception()


async def open_channel(path: str) -> Channel:
    """Connect to the Unix socket at `path`, however long its name is; raises `NodeUnreachable`."""
    loop = asyncio.get_running_loop()
    folder = -1
    try:
        name = path
        if len(os.fsencode(path)) > LONGEST_NAME:
            folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
            name = f"/proc/self/fd/{folder}/{Path(path).name}"
        _, channel = await loop.create_unix_connection(lambda: Channel(path), name)
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else str(exc)
        raise NodeUnreachable(f"no agent answers at {path}: {reason}") from exc
    finally:
        if folder >= 0:
            os.close(folder)
    return channel
