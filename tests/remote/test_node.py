"""Talking to a node's agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cloudclusters.base.cloud import SocketEndpoint, SshEndpoint
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import NodeError, NodeUnreachable, NotSupported
from cloudclusters.remote import Node, connect, process_status, process_statuses

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Play = Callable[[Answer], contextlib.AbstractAsyncContextManager[SocketEndpoint]]


@contextlib.asynccontextmanager
async def met(endpoint: SocketEndpoint) -> AsyncIterator[Node]:
    """A node, let go of at the end."""
    node = await connect(endpoint, timeout=10)
    try:
        yield node
    finally:
        await node.close()


def with_node(endpoint: SocketEndpoint, test: Callable[[Node], Awaitable[None]]) -> None:
    """Run a test with a node."""

    async def main() -> None:
        async with met(endpoint) as node:
            await test(node)

    asyncio.run(main())


def test_node_tells_what_it_is(endpoint: SocketEndpoint) -> None:
    """The agent's hello is kept."""

    async def test(node: Node) -> None:
        assert node.facts["node"] == "node0"
        assert node.facts == await node.call("hello")

    with_node(endpoint, test)


def test_many_calls_share_a_connection(play: Play) -> None:
    """Each gets its own answer, in whatever order they come."""

    async def backwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(_hello())
        asked = [json.loads(await reader.readline()) for _ in range(8)]
        for said in reversed(asked):
            writer.write(json.dumps({"id": said["id"], "ok": {"code": said["code"]}}).encode() + b"\n")
        await reader.read()
        writer.close()

    async def main() -> None:
        async with play(backwards) as there, met(there) as node:
            answers = await asyncio.gather(*(node.call("run", code=n) for n in range(8)))
            assert [answer["code"] for answer in answers] == list(range(8))

    asyncio.run(main())


def test_refusal_is_an_error(endpoint: SocketEndpoint) -> None:
    """With the agent's words; the connection goes on."""

    async def test(node: Node) -> None:
        with pytest.raises(NodeError, match="no request is called 'dance'"):
            await node.call("dance")
        assert "processes" in await node.call("list")

    with_node(endpoint, test)


def test_stream_gives_events_and_then_the_answer(endpoint: SocketEndpoint) -> None:
    """The exit code of a run comes last."""

    async def test(node: Node) -> None:
        events = [event async for event in node.stream("run", argv=["sh", "-c", "echo a; exit 2"])]
        assert events == [{"fd": 1, "text": "a\n"}, {"code": 2}]

    with_node(endpoint, test)


def test_run_gives_output_and_code(endpoint: SocketEndpoint) -> None:
    """The short form of the stream."""
    heard: list[tuple[int, str]] = []

    async def test(node: Node) -> None:
        code = await node.run(["sh", "-c", "cat; exit 1"], stdin="x", heard=lambda fd, text: heard.append((fd, text)))
        assert code == 1

    with_node(endpoint, test)
    assert heard == [(1, "x")]


def test_cancelled_run_is_killed(endpoint: SocketEndpoint) -> None:
    """Ctrl-C on the driver ends the command on the node."""

    async def test(node: Node) -> None:
        handles: asyncio.Queue[int] = asyncio.Queue()
        script = "echo $$; exec sleep 60"
        heard = lambda _, text: handles.put_nowait(os.pidfd_open(int(text)))  # noqa: E731
        run = asyncio.create_task(node.run(["sh", "-c", script], heard=heard))
        handle = await handles.get()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert select.select([handle], [], [], 10)[0]
        os.close(handle)

    with_node(endpoint, test)


def test_slow_reader_holds_up_nobody(endpoint: SocketEndpoint) -> None:
    """A stream that is not read leaves calls alone, and loses nothing."""

    async def test(node: Node) -> None:
        total = 0
        async for event in node.stream("run", argv=["seq", "200000"]):
            await node.call("list") if total % 50 == 0 else None
            total += len(str(event.get("text", "")))
        assert total == sum(len(f"{n}\n") for n in range(1, 200_001))

    with_node(endpoint, test)


def test_stream_can_be_left(endpoint: SocketEndpoint) -> None:
    """The request ends with the iteration."""

    async def test(node: Node) -> None:
        async with contextlib.aclosing(node.stream("run", argv=["yes"])) as events:
            assert (await anext(events))["fd"] == 1
        assert await node.call("list")

    with_node(endpoint, test)


def test_forward_of_a_socket_is_the_address_itself(endpoint: SocketEndpoint) -> None:
    """The node is on this machine."""

    async def test(node: Node) -> None:
        assert await node.forward("127.1.2.3", 8786) == "127.1.2.3:8786"

    with_node(endpoint, test)


def test_processes_have_types(endpoint: SocketEndpoint) -> None:
    """Answers and events become structs."""

    async def test(node: Node) -> None:
        spec = {"name": "p", "kind": "worker", "argv": ["sh", "-c", "exit 4"], "restarts": 0}
        assert [s.kind for s in process_statuses(await node.call("start", processes=[spec]))] == [Kind.WORKER]
        async with contextlib.aclosing(node.stream("watch")) as events:
            async for event in events:
                status = process_status(event)
                if status.state == "failed":
                    break
        assert status.exit is not None
        assert (status.exit.code, status.exit.reason) == (4, "exited")
        with pytest.raises(NodeError, match="not understood"):
            process_status({})

    asyncio.run(_with_cleared(endpoint, test))


async def _with_cleared(endpoint: SocketEndpoint, test: Callable[[Node], Awaitable[None]]) -> None:
    async with met(endpoint) as node:
        await test(node)
        await node.call("stop", names=None)


def test_closed_node_says_so(endpoint: SocketEndpoint) -> None:
    """Calls and streams that wait, and those that come later."""

    async def test(node: Node) -> None:
        waiting = asyncio.create_task(node.call("run", argv=["sleep", "60"]))
        await node.call("list")
        await node.close()
        await node.close()
        for late in (waiting, node.call("list"), anext(node.stream("watch"))):
            with pytest.raises(NodeUnreachable):
                await late
        assert node.is_closed

    with_node(endpoint, test)


def test_nobody_there(tmp_path: Path) -> None:
    """No socket, and one that nobody listens on."""
    with pytest.raises(NodeUnreachable, match="No such file"):
        asyncio.run(connect(SocketEndpoint(path=str(tmp_path / "agent.sock"))))


def test_ssh_needs_keys() -> None:
    """And is not mistaken for a node that does not answer."""
    with pytest.raises(NotSupported, match="no keys were given"):
        asyncio.run(connect(SshEndpoint(host="example")))


def test_silent_agent_is_unreachable(play: Play) -> None:
    """After the time given."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def main() -> None:
        async with play(silent) as there:
            with pytest.raises(NodeUnreachable, match=r"within 0\.05 s"):
                await connect(there, timeout=0.05)

    asyncio.run(main())


def _hello(version: str = "1") -> bytes:
    return json.dumps({"id": 1, "ok": {"agent": version}}).encode() + b"\n"


@pytest.mark.parametrize(("answer", "message"), [(_hello("0"), "version '0'"), (b"SSH-2.0\n", "language")])
def test_strange_agent_is_refused(play: Play, answer: bytes, message: str) -> None:
    """Another version, or something else altogether."""

    async def strange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()

    async def main() -> None:
        async with play(strange) as there:
            with pytest.raises(NodeError, match=message):
                await connect(there)

    asyncio.run(main())


def test_lost_connection_fails_everything_that_waits(play: Play) -> None:
    """And everything that comes later."""

    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_hello())
        for _ in range(4):
            await reader.readline()
        writer.close()

    async def main() -> None:
        async with play(dying) as there, met(there) as node:
            results = await asyncio.gather(*(node.call("list") for _ in range(3)), return_exceptions=True)
            assert [type(result) for result in results] == [NodeUnreachable] * 3
            with pytest.raises(NodeUnreachable):
                await node.call("list")

    asyncio.run(main())


def test_path_may_be_long(play: Play, tmp_path: Path) -> None:
    """Longer than the name of a socket may be."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()

    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_hello())
        await reader.read()
        writer.close()

    async def main() -> None:
        async with play(polite):
            (tmp_path / "agent.sock").rename(folder / "agent.sock")
            async with met(SocketEndpoint(path=str(folder / "agent.sock"))) as node:
                assert not node.is_closed

    asyncio.run(main())


@pytest.mark.slow
def test_connections_are_cheap(endpoint: SocketEndpoint) -> None:
    """256 of them at once."""

    async def main() -> None:
        nodes = await asyncio.gather(*(connect(endpoint, timeout=20) for _ in range(256)))
        await asyncio.gather(*(node.call("list") for node in nodes))
        await asyncio.gather(*(node.close() for node in nodes))

    asyncio.run(main())
