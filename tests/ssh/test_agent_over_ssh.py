"""The agent of a node that is reached over SSH: sent, started, found again, and talked to as one here."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ssh_relay import Relay
from ssh_site import Site

from cloudclusters.agent import bundle
from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import NodeError, NodeUnreachable
from cloudclusters.remote import Node
from cloudclusters.remote.ssh import Hosts
from cloudclusters.remote.ssh.agent import Seat, connect_node


def seat(directory: Path, **other: str) -> Seat:
    """The seat of the tests' node; its instance is its directory, by which it is found and killed."""
    return Seat(**{"node": "node0", "instance": str(directory), "directory": str(directory), **other})


@contextlib.asynccontextmanager
async def met(site, directory: Path) -> AsyncIterator[Node]:
    """The node, its agent started; let go of at the end."""
    async with site.entered() as host:
        node = await connect_node(host, seat(directory), bundle())
        try:
            yield node
        finally:
            await node.close()


def is_there(os_pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{os_pid}").exists()


def test_agent_is_sent_and_answers(site, directory: Path) -> None:
    """Nothing of ours was there."""

    async def main() -> None:
        async with met(site, directory) as node:
            assert node.facts["node"] == "node0"
            assert node.facts["directory"] == str(directory)

    asyncio.run(main())


def test_second_connect_finds_the_agent_that_runs(site, directory: Path) -> None:
    """It outlives the connection that started it."""

    async def main() -> None:
        async with met(site, directory) as node:
            first = node.facts
        site.sshd.cut()
        async with met(site, directory) as node:
            assert node.facts == first

    asyncio.run(main())


def test_agent_that_died_is_started_again(site, directory: Path) -> None:
    """As after a reboot: its socket is still there, and nobody listens."""

    async def main() -> None:
        async with met(site, directory) as node:
            os.kill(int(str(node.facts["os_pid"])), signal.SIGKILL)
            while not node.is_closed:
                await asyncio.sleep(0)
            assert (directory / "agent.sock").exists()
            async with met(site, directory) as again:
                assert again.facts["os_pid"] != node.facts["os_pid"]

    asyncio.run(main())


def test_two_that_start_it_at_once_get_the_same_agent(site, directory: Path) -> None:
    """A node has one."""

    async def main() -> None:
        async with met(site, directory) as one, met(site, directory) as other:
            assert one.facts == other.facts

    async def race() -> None:
        async with site.entered() as host:
            nodes = await asyncio.gather(*(connect_node(host, seat(directory), bundle()) for _ in range(3)))
            assert len({node.facts["os_pid"] for node in nodes}) == 1
            for node in nodes:
                await node.close()

    asyncio.run(race())
    asyncio.run(main())


def test_run_streams_both_outputs_and_gives_the_code(site, directory: Path) -> None:
    """Exactly as on this machine."""

    async def main() -> None:
        async with met(site, directory) as node:
            heard: list[tuple[int, str]] = []
            code = await node.run(
                ["sh", "-c", "cat; echo err >&2; exit 3"], stdin="in", heard=lambda fd, text: heard.append((fd, text))
            )
            assert code == 3
            assert sorted(heard) == [(1, "in"), (2, "err\n")]

    asyncio.run(main())


def test_stream_that_is_left_kills_its_command(site, directory: Path) -> None:
    """To stop reading is to end the request."""

    async def main() -> None:
        async with met(site, directory) as node:
            events = node.stream("run", argv=["sh", "-c", "echo $$; exec sleep 60"])
            os_pid = int(str((await anext(events))["text"]))
            await events.aclose()
            async with asyncio.timeout(10):
                while is_there(os_pid):
                    await node.call("list")

    asyncio.run(main())


def test_slow_reader_holds_up_nobody(site, directory: Path) -> None:
    """Its channel is paused; others go on."""

    async def main() -> None:
        async with met(site, directory) as node:
            argv = ["sh", "-c", "yes 0123456789012345678901234567890123456789 | head -c 20000000"]
            slow = node.stream("run", argv=argv)
            first = await anext(slow)
            for _ in range(20):
                await node.call("list")
            count = len(str(first["text"]))
            async for event in slow:
                count += len(str(event.get("text", "")))
            assert count == 20_000_000

    asyncio.run(main())


def test_lost_connection_fails_what_waits_and_the_node_is_found_again(site, directory: Path) -> None:
    """`NodeUnreachable`, at once; the agent goes on."""

    async def main() -> None:
        async with met(site, directory) as node:
            waiting = asyncio.create_task(node.run(["sleep", "60"]))
            await node.call("list")
            site.sshd.cut()
            with pytest.raises(NodeUnreachable):
                await waiting
            assert node.is_closed
        async with met(site, directory) as node:
            await node.call("list")

    asyncio.run(main())


def test_forward_outlives_the_node_that_asked_for_it(site, directory: Path) -> None:
    """A client that is connected through it finds it again at the same port."""

    async def main() -> None:
        async with site.entered() as host:
            first = await connect_node(host, seat(directory), bundle())
            where = await first.forward("127.0.0.1", 9)
            await first.close()
            site.sshd.cut()
            second = await connect_node(host, seat(directory), bundle())
            assert await second.forward("127.0.0.1", 9) == where
            await second.close()

    asyncio.run(main())


def test_directory_may_be_relative_to_the_login_directory(site, directory: Path) -> None:
    """`~/x` and `x` are the same place there."""
    from cloudclusters.remote.ssh.agent import place

    async def main() -> None:
        async with site.entered() as host:
            await host.connect(timeout=5)
            home = (await host.run('printf %s "$HOME"')).out.decode()
            assert place(host, "~/a") == place(host, "a") == f"{home}/a"
            assert place(host, "/a/../b") == "/b"

    asyncio.run(main())


def test_long_directory_is_reached_over_a_bridge(site, directory: Path) -> None:
    """Names of sockets are short; directories need not be."""

    async def main() -> None:
        async with met(site, directory / ("x" * 60) / ("y" * 60)) as node:
            assert await node.run(["true"]) == 0

    asyncio.run(main())


def test_sshd_without_socket_forwarding_is_bridged(start_sshd, access, directory: Path) -> None:
    """A few lines of Python do it then."""
    site = Site(start_sshd(more="AllowStreamLocalForwarding no\n"), access)

    async def main() -> None:
        async with met(site, directory) as node:
            assert await node.run(["true"]) == 0
        async with met(site, directory) as node:
            assert await node.run(["true"]) == 0

    asyncio.run(main())


def test_agent_that_does_not_start_shows_its_log(site, directory: Path) -> None:
    """And not only that it does not answer."""

    async def main() -> None:
        async with site.entered() as host:
            await connect_node(host, seat(directory), b"raise SystemExit('no, I will not')")

    with pytest.raises(NodeError, match="no, I will not"):
        asyncio.run(main())


def test_missing_python_is_told(site, directory: Path) -> None:
    """With what was looked for."""

    async def main() -> None:
        async with site.entered() as host:
            await connect_node(host, seat(directory, python="python9"), bundle())

    with pytest.raises(NodeError, match="has no python9"):
        asyncio.run(main())


def test_agent_of_another_version_is_reported(site, directory: Path) -> None:
    """It is not replaced behind the back of whoever started it."""
    program = (
        "import socket\nlistener = socket.socket(socket.AF_UNIX)\nlistener.bind('agent.sock')\nlistener.listen()\n"
        "while True:\n    talk = listener.accept()[0]\n    if talk.recv(9999):\n"
        f"        talk.sendall({json.dumps({'id': 1, 'ok': {'agent': '0.0'}})!r}.encode() + b'\\n')\n"
    )

    async def main() -> None:
        async with site.entered() as host:
            await connect_node(host, seat(directory), program.encode())

    with pytest.raises(NodeError, match=r"(?s)version '0.0'.*started by another release"):
        asyncio.run(main())


def test_close_does_not_wait_for_a_silent_connection(site, directory: Path) -> None:
    """Letting go is at once, whatever the network does."""

    async def main() -> None:
        async with Relay(site.sshd.address, site.sshd.port) as relay:
            hosts = Hosts("c", site.access)
            endpoint = SshEndpoint("127.0.0.1", relay.port, getpass.getuser())
            node = await hosts.connect(seat(directory), endpoint, bundle())
            relay.flows.clear()
            async with asyncio.timeout(2):
                await node.close()
                await hosts.close()

    asyncio.run(main())
