"""A kept connection to a node's agent."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.base.cloud import Endpoint, SocketEndpoint, SshEndpoint
from cloudclusters.errors import NodeError, NodeUnreachable, NotSupported
from cloudclusters.remote.channel import Channel
from cloudclusters.remote.way import SocketWay, Way

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.pack import Progress, Told
    from cloudclusters.remote.ssh.tree import Load, Synced

AGENT = "1"
"""The version of the agent's language that we speak."""
NOTES = "synced"
"""Where in its directory a node remembers what `sync` brought."""


async def connect(endpoint: Endpoint, /, *, timeout: float = 10.0) -> Node:
    """Connect to the agent of a node on this machine and hear its hello.

    Raises `NodeUnreachable` when it has not answered within `timeout` seconds. A node that answers over SSH
    needs keys to be entered: see `remote.ssh.Hosts`; here it is `NotSupported`.
    """
    match endpoint:
        case SocketEndpoint():
            way = SocketWay(endpoint.path)
        case SshEndpoint():
            raise NotSupported(
                f"{endpoint.host} is reached by SSH, and no keys were given for it",
                hint="enter it through `cloudclusters.remote.ssh.Hosts`",
            )
    try:
        async with asyncio.timeout(timeout):
            return await meet(way)
    except TimeoutError as exc:
        raise NodeUnreachable(f"the agent at {way.where} did not answer within {timeout:g} s") from exc


async def meet(way: Way) -> Node:
    """Hear the hello of the agent at the end of this way.

    Raises `NodeUnreachable` when none answers, and `NodeError` for one of another version.
    """
    channel = await way.open()
    try:
        facts = await (await channel.ask("hello", {})).answer
        if facts.get("agent") != AGENT:
            raise NodeError(
                f"the agent at {way.where} has version {facts.get('agent')!r}, not {AGENT!r}",
                hint="it was started by another release of cloudclusters: terminate the cluster with that one",
            )
    except BaseException:
        await channel.close()
        raise
    return Node(way, channel, facts)


class Node:
    """A node that answers.

    Calls share one connection. Every stream has one of its own: a slow reader holds up nobody but itself,
    and to stop reading is to end the request.
    """

    def __init__(self, way: Way, channel: Channel, facts: Mapping[str, object]) -> None:
        self.facts = facts
        """What the agent said of itself and its node when we met."""
        self._way = way
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
            raise NodeUnreachable(f"the connection to {self._way.where} was closed")
        channel = await self._way.open()
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
            raise NodeError(f"the agent at {self._way.where} did not say how {argv[0]} ended")
        return code

    async def put(self, source: Path | Load, to: str = "", *, told: Told | None = None) -> Progress:
        """Send a file, or what is in a folder, to a path on the node; what is there is overwritten, not deleted.

        A path that is not absolute lies in the node's directory, `~/x` in the login directory. A file goes to exactly
        that path, in one step, or into it when it is a folder or ends with `/`; of a folder travels what its ignore
        files let through, and the file that is written when we are cancelled may stay cut off. Raises `NodeError`,
        `UnknownName`.
        """
        from cloudclusters.remote.ssh import tree

        return await tree.put(self._way.machine, source, self._path(to), told=told or tree.nobody)

    async def get(self, remote: str, local: Path, *, told: Told | None = None) -> Progress:
        """Fetch a file, or what is in a folder of the node, to a path here; a file goes into a folder that exists.

        Every file comes whole or not at all. Paths as for `put`. Raises `NodeError`.
        """
        from cloudclusters.remote.ssh import tree

        return await tree.get(self._way.machine, self._path(remote), local, told=told or tree.nobody)

    async def sync(
        self, folder: Path | Load, to: str = "", *, delete: bool = False, told: Told | None = None
    ) -> Synced:
        """Make a folder of the node have what this folder has, by sending only what differs in content.

        With `delete`, what an earlier `sync` brought and is no longer here is deleted there; nothing else ever is.
        Paths, and what travels, as for `put`. Raises `NodeError`, `UnknownName`.
        """
        from cloudclusters.remote.ssh import tree

        return await tree.sync(
            self._way.machine,
            folder,
            self._path(to),
            delete=delete,
            told=told or tree.nobody,
            python=self._way.python,
            notes=posixpath.join(self._directory, NOTES),
        )

    @property
    def _directory(self) -> str:
        return str(self.facts["directory"])

    def _path(self, path: str) -> str:
        return path if path == "~" or path.startswith("~/") else posixpath.join(self._directory, path)

    async def forward(self, address: str, port: int) -> str:
        """Make a port that the node reaches answer on this machine; returns `host:port`.

        A node behind a socket is on this machine, so its ports are here already. Over SSH the port that is
        made here outlives this node and a lost connection: it stays the same until its `Hosts` are closed.
        """
        return await self._way.forward(address, port)

    async def close(self) -> None:
        """Let go of the connection and of its streams; may be repeated. What runs on the node goes on."""
        self._closed = True
        for channel in [self._channel, *self._streams]:
            await channel.close()
