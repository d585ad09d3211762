"""A machine to which files travel: a shell command there whose streams are ours. This one, or one over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from cloudclusters.base.door import finish

PIPE = asyncio.subprocess.PIPE
LIMIT = 256 << 10
"""Bytes of output that wait to be read."""


class Ended(Protocol):
    """A command that ended; without a code we did not see its end."""

    @property
    def returncode(self) -> int | None: ...
    @property
    def stderr(self) -> bytes | str | None: ...


class Input(Protocol):
    """What a command reads."""

    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def write_eof(self) -> None: ...


class Output(Protocol):
    """What a command writes."""

    async def read(self, n: int) -> bytes: ...
    async def readline(self) -> bytes: ...


class Running(Protocol):
    """A command that runs."""

    @property
    def stdin(self) -> Input: ...
    @property
    def stdout(self) -> Output: ...
    async def wait(self, *, check: bool) -> Ended: ...
    def close(self) -> None: ...


class Machine(Protocol):
    """Where commands run: `remote.ssh.host.Host`, or `Here`."""

    @property
    def where(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def home(self) -> str:
        """The login directory, once connected."""
        ...

    async def connection(self) -> object:
        """Have a connection; raises `NodeUnreachable`."""
        ...

    def process(self, command: str) -> AbstractAsyncContextManager[Running]:
        """A shell command there; it ends when we are done with it."""
        ...


def place(machine: Machine, path: str) -> str:
    """The absolute path of a path there: one that is not absolute lies in the login directory, with or without `~`."""
    below = path.removeprefix("~/") if path != "~" else ""
    return posixpath.normpath(posixpath.join(machine.home, below))


class Here:
    """This machine."""

    def __init__(self) -> None:
        self.where = "this machine"
        self.home = str(Path.home())

    async def connection(self) -> None:
        """Nothing to do."""

    @contextlib.asynccontextmanager
    async def process(self, command: str) -> AsyncIterator[Running]:
        """A shell command; when we are done with it, its streams are closed and its end is waited for."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_shell(
            lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=LIMIT, loop=loop),
            command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
        running = _Process(transport, asyncio.subprocess.Process(transport, protocol, loop))
        try:
            yield running
        finally:
            running.close()
            await finish(running.wait())


class _Result(NamedTuple):
    returncode: int | None
    stderr: bytes


class _Process:
    """A command on this machine, with the manner of those over SSH."""

    def __init__(self, transport: asyncio.SubprocessTransport, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.stdin, self.stdout = process.stdin, _Lines(process.stdout)
        self._transport, self._process = transport, process
        self._errors = asyncio.create_task(process.stderr.read())

    async def wait(self, *, check: bool = False) -> _Result:  # noqa: ARG002  # as asyncssh has it
        """Its end, and what it wrote to stderr."""
        errors = await asyncio.shield(self._errors)
        return _Result(await self._process.wait(), errors)

    def close(self) -> None:
        """Nobody writes or reads any more: a command that does so ends, and cleans up as after a lost connection."""
        for number in (0, 1):
            pipe = self._transport.get_pipe_transport(number)
            if pipe is not None:
                pipe.close()


class _Lines:
    """A stream whose lines may have any length."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self.read = stream.read

    async def readline(self) -> bytes:
        """The next line with its end; less at the end of all."""
        line = b""
        while True:
            try:
                return line + await self._stream.readuntil()
            except asyncio.LimitOverrunError as exc:
                line += await self._stream.readexactly(exc.consumed)
            except asyncio.IncompleteReadError as exc:
                return line + exc.partial
