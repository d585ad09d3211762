"""The agent of a node far away: sent there once, started so that it outlives us, and talked to over the connection."""

from __future__ import annotations

import asyncio
import posixpath

import asyncssh
import msgspec

from cloudclusters.errors import NodeError, NodeUnreachable
from cloudclusters.remote.channel import Channel
from cloudclusters.remote.machine import Machine, place
from cloudclusters.remote.node import Node, meet
from cloudclusters.remote.ssh.host import Host
from cloudclusters.remote.ssh.onnode import command
from cloudclusters.remote.ssh.trouble import ConnectionLost, lost

SOCKET = "agent.sock"
LONGEST_NAME = 100
"""Bytes that the name of a Unix socket may have, with something to spare."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's agent is told: who it is, where its directory is, and which Python runs it.

    A directory that is not absolute lies in the login directory, with or without `~/`.
    """

    node: str
    instance: str
    directory: str
    python: str = "python3"


class NoAgent(NodeUnreachable):
    """The machine is there, and no agent answers on it."""


async def connect_node(host: Host, seat: Seat, bundle: bytes, *, timeout: float = 30.0) -> Node:
    """Connect to the agent of a node and hear its hello; where none runs it is sent and started first.

    `bundle` is the agent as one file. May be repeated: a second call finds the agent that runs. Raises
    `NodeUnreachable`, by what is wrong, and `NodeError` for an agent of another version or that does not start.
    """
    try:
        async with asyncio.timeout(timeout):
            await host.connection()
            return await _meet(host, seat, bundle)
    except TimeoutError as exc:
        raise NodeUnreachable(f"the agent of {host.where} did not answer within {timeout:g} s") from exc


async def _meet(host: Host, seat: Seat, bundle: bytes) -> Node:
    way = SshWay(host, place(host, seat.directory), seat.python)
    try:
        return await meet(way)
    except NoAgent:
        await start_agent(host, seat, bundle)
    try:
        return await meet(way)
    except NoAgent:
        # It answers there: so sshd forwards no sockets, and says the same of that as of a socket without a listener.
        way.is_bridged = True
        return await meet(way)


async def start_agent(host: Host, seat: Seat, bundle: bytes) -> None:
    """Send the agent and start it in a session of its own, unless one answers already; raises `NodeError`."""
    line = command(seat.python, "start", place(host, seat.directory), seat.node, seat.instance)
    done = await host.run(line, stdin=bundle)
    if done.code == 127:
        raise NodeError(
            f"{host.where} has no {seat.python}: {done.text}", hint="choose an image with Python 3.8 or later"
        )
    if done.code != 0:
        raise NodeError(f"{host.where}: {done.text[-3000:]}")


class SshWay:
    """To an agent far away: every channel is one of the host's connection."""

    def __init__(self, host: Host, directory: str, python: str) -> None:
        self._host = host
        self._path = posixpath.join(directory, SOCKET)
        self.python = python
        self.is_bridged = len(self._path.encode()) > LONGEST_NAME
        """Whether sshd does not carry us to the socket: a few lines of Python there do then."""
        self.where = f"{host.where}:{self._path}"

    @property
    def machine(self) -> Machine:
        """Where files go."""
        return self._host

    async def open(self) -> Channel:
        """Open a channel; raises `NoAgent` when nobody listens, and `ConnectionLost`."""
        if self.is_bridged:
            return await self._open_bridge()
        try:
            return await self._host.opening(self._open_socket)
        except ConnectionLost as exc:
            if isinstance(exc.__cause__, asyncssh.ChannelOpenError) and self._host.is_connected:
                raise NoAgent(f"no agent answers at {self.where}") from exc
            raise

    async def _open_socket(self, on: asyncssh.SSHClientConnection) -> Channel:
        channel = Channel(self.where)
        await on.create_unix_connection(lambda: _Carrier(channel), self._path)
        return channel

    async def _open_bridge(self) -> Channel:
        probe = await self._host.run(command(self.python, "bridge", self._path, "probe"))
        if probe.code != 0:
            raise NoAgent(f"no agent answers at {self.where}")
        channel, line = Channel(self.where), command(self.python, "bridge", self._path)
        connection = await self._host.connection()
        with lost(self.where):
            await connection.create_session(lambda: _Carrier(channel), line, encoding=None)
        return channel

    async def forward(self, address: str, port: int) -> str:
        """A port here that leads there."""
        return await self._host.forward(address, port)


class _Carrier(asyncssh.SSHClientSession):  # type: ignore[misc]  # asyncssh is not followed by the type checker
    """A channel of SSH that carries a `Channel`."""

    def __init__(self, carried: Channel) -> None:
        self._carried = carried
        self._over = False
        self._channel: asyncssh.SSHChannel | None = None

    # What asyncssh calls

    def connection_made(self, chan: asyncssh.SSHChannel) -> None:
        self._channel = chan
        self._carried.attach(self)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if datatype is None:
            self._carried.data_received(data)

    def eof_received(self) -> bool:
        self.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._over = True
            self._carried.connection_lost(exc)

    def pause_writing(self) -> None:
        self._carried.pause_writing()

    def resume_writing(self) -> None:
        self._carried.resume_writing()

    # What the channel that we carry calls

    def write(self, data: bytes) -> None:
        """Send."""
        if self._channel is not None and not self._over:
            self._channel.write(data)

    def abort(self) -> None:
        """End at once: a connection that is silent is not waited for."""
        if self._channel is not None:
            self._channel.abort()
        self.connection_lost(None)

    def pause_reading(self) -> None:
        """Read no more."""
        if self._channel is not None:
            self._channel.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if self._channel is not None and not self._over:
            self._channel.resume_reading()
