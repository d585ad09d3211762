"""A port of this machine that leads to one which a node reaches; it outlives the connection that carries it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import asyncssh

from cloudclusters.errors import NodeUnreachable

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.host import Host

SPEAKS = 1.0
"""Seconds in which a visitor has said something. Ended before, Dask takes it for a fault of its own, and gives up."""


class Forward:
    """A listener on 127.0.0.1. Each visitor gets a channel of the connection there is, made anew if need be."""

    def __init__(self, host: Host, address: str, port: int) -> None:
        self._host = host
        self.target = (address, port)
        self.failure: Exception | None = None
        """Why the latest visitor who was turned away was."""
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._carriers: set[_Local] = set()
        self._works: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Listen, if we do not yet, and return `127.0.0.1:PORT`."""
        async with self._opening:
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(lambda: _Local(self), "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Listen no more, and end what goes through."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for work in self._works:
            work.cancel()
        for carrier in list(self._carriers):
            carrier.abort()

    def come(self, visitor: _Local) -> None:
        """Somebody connected."""
        self._carriers.add(visitor)
        work = asyncio.get_running_loop().create_task(self._carry(visitor))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    def gone(self, visitor: _Local) -> None:
        """Somebody left."""
        self._carriers.discard(visitor)

    async def _carry(self, visitor: _Local) -> None:
        far = _Far(visitor)
        try:
            await self._host.opening(
                lambda on: on.create_connection(lambda: far, *self.target, orig_host="127.0.0.1", orig_port=1)
            )
        except (NodeUnreachable, OSError) as exc:
            self.failure = exc
            # As when a port is closed or a network is down: the visitor sees its connection end, and may try again.
            await visitor.spoken(SPEAKS)
            visitor.abort()


class _Local(asyncio.Protocol):
    """A visitor of the port here."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self.transport: asyncio.Transport | None = None
        self.channel: asyncssh.SSHTCPChannel | None = None
        self._spoke = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        self._forward.come(self)

    def carried_by(self, channel: asyncssh.SSHTCPChannel) -> None:
        """The other side is there."""
        if self.transport is None or self.transport.is_closing():
            channel.abort()
            return
        self.channel = channel
        self.transport.resume_reading()

    async def spoken(self, patience: float) -> None:
        """Wait, for so many seconds at most, until it has sent something or left; what it sent is not kept."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._spoke.wait(), patience)

    def data_received(self, data: bytes) -> None:
        self._spoke.set()
        if self.channel is not None:
            self.channel.write(data)

    def eof_received(self) -> bool:
        self._spoke.set()
        if self.channel is not None:
            self.channel.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._spoke.set()
        self._forward.gone(self)
        if self.channel is not None:
            self.channel.abort() if exc is not None else self.channel.close()

    def pause_writing(self) -> None:
        if self.channel is not None:
            self.channel.pause_reading()

    def resume_writing(self) -> None:
        if self.channel is not None:
            self.channel.resume_reading()

    def abort(self) -> None:
        """End it at once."""
        if self.transport is not None:
            self.transport.abort()


class _Far(asyncssh.SSHTCPSession):  # type: ignore[misc]  # asyncssh is not followed by the type checker
    """The channel to the port there."""

    def __init__(self, local: _Local) -> None:
        self._local = local
        self._channel: asyncssh.SSHTCPChannel | None = None

    def connection_made(self, chan: asyncssh.SSHTCPChannel) -> None:
        self._channel = chan

    def session_started(self) -> None:
        self._local.carried_by(self._channel)

    def data_received(self, data: bytes, _datatype: int | None) -> None:
        assert self._local.transport is not None
        self._local.transport.write(data)

    def eof_received(self) -> bool:
        if self._local.transport is not None and not self._local.transport.is_closing():
            with contextlib.suppress(OSError):  # the visitor has gone already, which we hear next
                self._local.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._local.transport is not None:
            self._local.transport.abort() if exc is not None else self._local.transport.close()

    def pause_writing(self) -> None:
        if self._local.transport is not None and not self._local.transport.is_closing():
            self._local.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._local.transport is not None and not self._local.transport.is_closing():
            self._local.transport.resume_reading()
