"""A machine that is entered over SSH: one kept connection, made again at the next use when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.base.waiting import Clock, Pace, SystemClock
from cloudclusters.errors import NodeUnreachable
from cloudclusters.remote.ssh.access import Opener
from cloudclusters.remote.ssh.dial import dial
from cloudclusters.remote.ssh.trouble import ConnectionLost, NoAnswer, lost

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHClientProcess

    from cloudclusters.remote.ssh.forwarding import Forward

T = TypeVar("T")

SILENT = 5.0
"""Seconds in which a kept connection must open a channel; else a new connection is made for it."""
BACK_OFF = Pace(first=0.05, most=5.0, growth=2.0)
"""How long a machine that we had a connection to is left alone after each attempt that failed."""


class Done(msgspec.Struct, frozen=True):
    """A command that ended: its exit code, negative for a signal, and what it wrote."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """What it wrote, errors last."""
        return (self.out + self.err).decode(errors="replace").strip()


class Host:
    """One machine. All uses share its connection; none of them makes a second one.

    `alias` is its name in the known hosts; `trust` replaces what is pinned there, for the first contact.
    """

    def __init__(
        self,
        alias: str,
        endpoint: SshEndpoint,
        opener: Opener,
        *,
        jump: Host | None = None,
        trust: Sequence[str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.alias = alias
        self.endpoint = endpoint
        self.opener = opener
        self.jump = jump
        self.home = ""
        """The login directory there, known once connected."""
        self.forwards: dict[tuple[str, int], Forward] = {}
        self._trust = trust
        self._clock = clock or SystemClock()
        self._connection: SSHClientConnection | None = None
        self._silent: list[SSHClientConnection] = []
        """Connections that did not answer in time, for what still goes through them."""
        self._attempt: asyncio.Task[SSHClientConnection] | None = None
        self._pause = 0.0
        self._not_before = 0.0
        self._closed = False

    @property
    def where(self) -> str:
        """What it is called in messages."""
        return f"{self.alias} ({self.endpoint.host} port {self.opener.port(self.endpoint)})"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that is not known to be lost."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def trusted(self) -> tuple[str, ...]:
        """The host keys that it may show."""
        return tuple(self._trust) if self._trust is not None else self.opener.known_hosts.of(self.alias)

    async def connection(self) -> SSHClientConnection:
        """The kept connection, or a new one where it was lost; raises `NodeUnreachable`.

        Uses at the same time share one attempt. After an attempt that failed the next one waits a little,
        longer each time, once there has been a connection.
        """
        if self._closed:
            raise NodeUnreachable(f"we have let go of {self.where}")
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._try())
            self._attempt.add_done_callback(_seen)
        return await asyncio.shield(self._attempt)

    async def connect(self, *, timeout: float) -> None:
        """Have a connection within `timeout` seconds; raises `NodeUnreachable`."""
        try:
            async with asyncio.timeout(timeout):
                await self.connection()
        except TimeoutError as exc:
            raise NoAnswer(f"{self.where} did not answer within {timeout:g} s") from exc

    async def run(self, command: str, *, stdin: bytes = b"") -> Done:
        """Run a shell command there to its end; raises `ConnectionLost` when we do not see its end.

        For what must be short: a command that nobody waits for any more is not killed there, as `Node.run` does.
        """
        connection = await self.connection()
        with lost(self.where):
            process = await connection.create_process(command, encoding=None)
            with contextlib.suppress(BrokenPipeError):  # it ended without reading: what it said tells why
                if stdin:
                    process.stdin.write(stdin)
                    process.stdin.write_eof()
            ended = await process.wait()
        if ended.returncode is None:
            raise ConnectionLost(f"the connection to {self.where} was lost before the end of: {command[:60]}")
        return Done(ended.returncode, bytes(ended.stdout or b""), bytes(ended.stderr or b""))

    async def opening(self, attempt: Callable[[SSHClientConnection], Awaitable[T]]) -> T:
        """Open a channel, and once more on a new connection when the kept one turns out to be lost, or is silent.

        A silent connection is set aside, not ended: after a network that was away TCP takes up to two minutes to try
        again, and what goes through it comes back then. Only for what may be repeated. Raises `NodeUnreachable`; when
        the connection is well and the channel was refused, `ConnectionLost` with asyncssh's `ChannelOpenError` as its
        cause.
        """
        was_kept = self.is_connected
        connection = await self.connection()
        try:
            async with asyncio.timeout(SILENT if was_kept else None):
                with lost(self.where):
                    return await attempt(connection)
        except TimeoutError:
            self._set_aside(connection)
        except ConnectionLost:
            if not was_kept or not connection.is_closed():
                raise
        connection = await self.connection()
        with lost(self.where):
            return await attempt(connection)

    @contextlib.asynccontextmanager
    async def process(self, command: str) -> AsyncIterator[SSHClientProcess]:
        """A shell command there whose streams of bytes are ours; it is closed when we are done with it."""
        connection = await self.connection()
        with lost(self.where):
            process = await connection.create_process(command, encoding=None)
            try:
                yield process
            finally:
                process.close()

    async def forward(self, address: str, port: int) -> str:
        """Make a port that the machine reaches answer at `127.0.0.1:PORT` here, and return that.

        The same address and port again give the same one. It stays the same when the connection is lost:
        whoever comes then makes it anew.
        """
        from cloudclusters.remote.ssh.forwarding import Forward

        found = self.forwards.get((address, port))
        if found is None:
            found = self.forwards[address, port] = Forward(self, address, port)
        await self.connection()
        return await found.open()

    async def move(self, endpoint: SshEndpoint, *, jump: Host | None = None) -> None:
        """It answers elsewhere from now on; forwards keep their ports."""
        if endpoint != self.endpoint or jump is not self.jump:
            self.endpoint, self.jump = endpoint, jump
            await self.hang_up()

    async def hang_up(self) -> None:
        """End the connection; the next use makes a new one."""
        self._pause = self._not_before = 0.0
        attempt, self._attempt = self._attempt, None
        if attempt is not None and not attempt.done():
            attempt.cancel()
            await asyncio.wait([attempt])
        connections = [*self._silent, *([self._connection] if self._connection is not None else [])]
        self._connection = None
        self._silent.clear()
        for connection in connections:
            connection.abort()
            await connection.wait_closed()

    async def close(self) -> None:
        """Let go of the connection and the forwards; may be repeated. What runs there goes on."""
        self._closed = True
        for forward in self.forwards.values():
            forward.close()
        await self.hang_up()

    def _set_aside(self, connection: SSHClientConnection) -> None:
        self._silent = [each for each in self._silent if not each.is_closed()]
        if self._connection is connection:
            self._connection = None
            self._silent.append(connection)

    async def _try(self) -> SSHClientConnection:
        wait = self._not_before - self._clock.monotonic()
        if wait > 0:
            await self._clock.sleep(wait)
        try:
            through = await self.jump.connection() if self.jump is not None else None
            self._connection, self.home = await dial(self, through)
        except NodeUnreachable:
            if self.home:
                self._pause = min(max(self._pause * BACK_OFF.growth, BACK_OFF.first), BACK_OFF.most)
                self._not_before = self._clock.monotonic() + self._pause
            raise
        self._pause = self._not_before = 0.0
        return self._connection


def _seen(attempt: asyncio.Task[SSHClientConnection]) -> None:
    """Nobody may be waiting for this attempt any more; its failure is then no news."""
    if not attempt.cancelled():
        attempt.exception()
