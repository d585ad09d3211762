"""Ports that lead to a node: they keep their number through lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import time
from collections.abc import AsyncIterator

import pytest
from ssh_site import Site

from cloudclusters.remote.ssh.forwarding import _Far, _Local
from cloudclusters.remote.ssh.host import Host


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets, and then ends; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 20):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def visit(where: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to `host:port`."""
    host, port = where.split(":")
    return await asyncio.open_connection(host, int(port))


async def talk(where: str, data: bytes) -> bytes:
    """What comes back for these bytes, to the end."""
    reader, writer = await visit(where)
    try:
        writer.write(data)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


def test_bytes_go_there_and_back_to_the_end(site) -> None:
    """Many megabytes, with an end in each direction."""
    data = bytes(range(256)) * 40_000

    async def test(host: Host) -> None:
        async with echo() as port:
            where = await host.forward("127.0.0.1", port)
            assert await asyncio.gather(*(talk(where, data) for _ in range(3))) == [data] * 3

    site.play(test)


def test_same_target_is_the_same_port(site) -> None:
    """However many ask, and when they ask at once."""

    async def test(host: Host) -> None:
        found = await asyncio.gather(*(host.forward("127.0.0.1", 9) for _ in range(5)))
        assert len(set(found)) == 1
        assert await host.forward("127.0.0.1", 10) not in found

    site.play(test)


def test_port_stays_when_the_connection_is_lost(site) -> None:
    """Who comes next has it made anew."""

    async def test(host: Host) -> None:
        async with echo() as port:
            where = await host.forward("127.0.0.1", port)
            reader, writer = await visit(where)
            writer.write(b"x")
            await reader.readexactly(1)
            site.sshd.cut()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            assert await talk(where, b"again") == b"again"
            assert await host.forward("127.0.0.1", port) == where

    site.play(test)


def test_port_stays_when_the_machine_moves(start_sshd, access) -> None:
    """A machine that was stopped has another address afterwards."""
    site, other = Site(start_sshd(), access), start_sshd(address="127.0.0.2")

    async def test(host: Host) -> None:
        async with echo() as port:
            where = await host.forward("127.0.0.1", port)
            site.sshd.stop()
            host.opener.known_hosts.pin("c-node0", other.host_key.public)
            await host.move(other.endpoint)
            assert await talk(where, b"there") == b"there"

    site.play(test)


def test_nobody_behind_the_port_ends_the_visit(site) -> None:
    """As a closed port does; the port itself stays."""

    async def test(host: Host) -> None:
        async with echo() as port:
            pass
        where = await host.forward("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            assert await talk(where, b"x") == b""
        assert "refused" in str(host.forwards["127.0.0.1", port].failure).lower()
        assert await host.forward("127.0.0.1", port) == where

    site.play(test)


def test_visitor_that_nobody_answers_is_turned_away_after_its_first_word(site) -> None:
    """A Dask client whose connection ends between its opening and its first word fails for good."""

    async def test(host: Host) -> None:
        async with echo() as port:
            pass
        where = await host.forward("127.0.0.1", port)
        reader, writer = await visit(where)
        ended = asyncio.ensure_future(reader.read())
        while host.forwards["127.0.0.1", port].failure is None:
            await asyncio.sleep(0.01)
        assert not ended.done()
        writer.write(b"x")
        with contextlib.suppress(ConnectionError):
            assert await ended == b""
        silent, idle = await visit(where)
        with contextlib.suppress(ConnectionError):
            assert await silent.read() == b""
        writer.close()
        idle.close()

    site.play(test)


def test_machine_that_is_away_is_asked_less_and_less_often(site) -> None:
    """Each failure doubles the pause before the next attempt, up to some seconds."""

    class Clock:
        def __init__(self) -> None:
            self.time, self.slept = 0.0, []

        def now(self) -> float:
            return self.time

        def monotonic(self) -> float:
            return self.time

        async def sleep(self, seconds: float) -> None:
            self.slept.append(round(seconds, 3))
            self.time += seconds

    from cloudclusters.remote.ssh.trouble import PortClosed

    async def test(host: Host) -> None:
        clock = host._clock = Clock()
        await host.run("true")
        site.sshd.stop()
        while host.is_connected:
            await asyncio.sleep(0)
        for _ in range(10):
            with pytest.raises(PortClosed):
                await host.run("true")
        assert clock.slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
        site.sshd.start()
        assert (await host.run("true")).code == 0

    site.play(test)


def test_messages_of_60_kb_do_not_stall(site) -> None:
    """Most of 30 echoes take well under the 40 ms of Nagle's algorithm."""

    async def test(host: Host) -> None:
        async with echo() as port:
            reader, writer = await visit(await host.forward("127.0.0.1", port))
            times = []
            for _ in range(30):
                began = time.perf_counter()
                writer.write(bytes(60_000))
                await reader.readexactly(60_000)
                times.append(time.perf_counter() - began)
            writer.close()
            assert sorted(times)[15] < 0.03

    site.play(test)


def test_closed_host_forwards_nothing(site) -> None:
    """Its ports are closed, and those who are in are put out."""

    async def test(host: Host) -> None:
        async with echo() as port:
            where = await host.forward("127.0.0.1", port)
            reader, writer = await visit(where)
            writer.write(b"x")
            await reader.readexactly(1)
            await host.close()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            with pytest.raises(ConnectionError):
                await visit(where)

    site.play(test)


def test_visitor_that_resets_harms_nobody_else(site) -> None:
    """Dask's client ends its connections so when it is closed; the machine's connection carries others."""

    async def test(host: Host) -> None:
        async with echo() as port:
            where = await host.forward("127.0.0.1", port)
            connection = await host.connection()
            for _ in range(20):
                reader, writer = await visit(where)
                writer.write(b"x")
                await reader.readexactly(1)
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.close()
            assert await talk(where, b"still") == b"still"
            assert await host.connection() is connection

    site.play(test)


def test_far_end_after_a_reset_is_no_error(site) -> None:
    """The socket is gone already when the other side says that nothing more comes."""

    class Gone:
        def is_closing(self) -> bool:
            return False

        def write_eof(self) -> None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    local = _Local(None)
    local.transport = Gone()
    assert _Far(local).eof_received()
