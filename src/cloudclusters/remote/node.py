"""A kept connection to a node's agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from cloudclusters.base.cloud import Endpoint, SocketEndpoint, SshEndpoint
from cloudclusters.errors import NodeError, NodeUnreachable, NotSupported
from cloudclusters.remote.channel import Channel, open_channel

AGENT = "1"
"""The version of the agent's language that we speak."""


async def connect(endpoint: Endpoint, /, *, timeout: float = 10.0) -> Node:
    """Connect to the agent at an endpoint and hear its hello.

    Raises `NodeUnreachable` when it has not answered within `timeout` seconds, and `NotSupported` for an
    endpoint that this release cannot reach.
    """
    match endpoint:
        case SocketEndpoint():
            path = endpoint.path
        case SshEndpoint():
            raise NotSupported(
                f"{endpoint.host} is reached by SSH, which comes with the first cloud provider",
                hint="use the provider `local` for now",
            )
    try:
        async with asyncio.timeout(timeout):
            return await _meet(path)
    except TimeoutError as exc:
        raise NodeUnreachable(f"the agent at {path} did not answer within {timeout:g} s") from exc


async def _meet(path: str) -> Node:
    channel = await open_channel(path)
    try:
        facts = await (await channel.ask("hello", {})).answer
        if facts.get("agent") != AGENT:
            raise NodeError(
                f"the agent at {path} has version {facts.get('agent')!r}, not {AGENT!r}",
                hint="it was started by another release of cloudclusters: terminate the cluster with that one",
            )
    except BaseException:
        await channel.close()
        raise
    return Node(path, channel, facts)


class Node:
    """A node that answers.

    Calls share one connection. Every stream has one of its own: a slow reader holds up nobody but itself,
    and to stop reading is to end the request.
    """

    def __init__(self, path: str, channel: Channel, facts: Mapping[str, object]) -> None:
        self.facts = facts
        """What the agent said of itself and its node when we met."""
        self._path = path
        self._channel = channel
        self._streams: set[Channel] = set()
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether we let go of it, or the connection was lost."""
        return self._closed or self._channel.is_closed

    async def call(self, do: str, /, **arguments: object) -> dict[str, object]:
        """Send one request and return its answer.

        Raises `NodeUnreachable` when the connection ends first, and `NodeError` when the agent refuses. A
        call that is cancelled may still be carried out.
        """
        return await (await self._channel.ask(do, arguments)).answer

    async def stream(self, do: str, /, **arguments: object) -> AsyncGenerator[dict[str, object], None]:
        """Send one request and yield its events, and its answer at last when that says something.

        The request ends with the iteration: a `run` that nobody reads any more is killed. Raises as `call`.
        """
        if self._closed:
            raise NodeUnreachable(f"the connection to {self._path} was closed")
        channel = await open_channel(self._path)
        self._streams.add(channel)
        try:
            request = await channel.ask(do, arguments, events=True)
            while True:
                request.news.clear()
                while (event := channel.read(request)) is not None:
                    yield event
                if request.answer.done():
                    break
                await request.news.wait()
            if answer := request.answer.result():
                yield answer
        finally:
            self._streams.discard(channel)
            await channel.close()

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str = "",
        stdin: str = "",
        heard: Callable[[int, str], None] | None = None,
    ) -> int:
        """Run a command on the node to its end and return its exit code, negative for a signal.

        `heard` is told the file descriptor (1 or 2) and the text. The command is killed when we are cancelled
        or the connection ends.
        """
        code: object = None
        events = self.stream("run", argv=list(argv), env=dict(env or {}), cwd=cwd, stdin=stdin)
        async with contextlib.aclosing(events):
            async for event in events:
                if "code" in event:
                    code = event["code"]
                elif heard is not None:
                    heard(int(str(event["fd"])), str(event["text"]))
        if not isinstance(code, int):
            raise NodeError(f"the agent at {self._path} did not say how {argv[0]} ended")
        return code

    async def forward(self, address: str, port: int) -> str:
        """Make a port that the node reaches answer on this machine; returns `host:port`.

        A node behind a socket is on this machine, so its ports are here already.
        """
        return f"{address}:{port}"

    async def close(self) -> None:
        """Let go of the connection and of its streams; may be repeated. What runs on the node goes on."""
        self._closed = True
        for channel in [self._channel, *self._streams]:
            await channel.close()
