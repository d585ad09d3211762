"""The points of a verb: the moments before and after whatever changes the store, the cloud or a node.

Whatever shall happen at a point (the process dies, or stops, the clock jumps, the disk is full) is a `Strike`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from cloudclusters.base.door import Door
from cloudclusters.lifecycle.context import Link, Reach
from cloudclusters.store.record import ClusterRecord, NodeRecord

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.pack import Progress, Told
    from cloudclusters.remote.ssh.tree import Load, Synced

P = ParamSpec("P")
T = TypeVar("T")
Strike = Callable[[], None]

_READS = frozenset(
    {
        "_provider",
        "check",
        "find",
        "left_open",
        "lives",
        "notes",
        "open_steps",
        "record",
        "records",
        "steps",
        "summaries",
        "describe",
        "zones",
    }
)
"""Calls through the door that only look; what lies between two of them is no other point."""
_SYSTEM = frozenset(
    {"os.kill", "os.killpg", "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "shutil.rmtree"}
)
"""What a provider of this machine does: the interpreter's own names of it."""


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def fall_asleep() -> None:
    """Stop this process as a closed lid would, until somebody wakes it."""
    os.kill(os.getpid(), signal.SIGSTOP)


class Points:
    """Counts the points that are passed once it is armed, and strikes at the wanted one, or the first called `at`."""

    def __init__(self, told: Callable[[str], None], strike: Strike = die, *, at: str = "") -> None:
        self._told = told
        self._strike = strike
        self._at = at
        self._fatal: int | None = None
        self.passed = 0

    def arm(self, fatal: int) -> None:
        """Strike at this point from now on; 0 only counts."""
        self.passed, self._fatal = 0, fatal

    def reach(self, what: str) -> None:
        """Pass a point, or be struck at it."""
        if self._fatal is None:
            return
        self.passed += 1
        if self.passed == self._fatal or (self._at and what == self._at):
            self._at = ""
            self._told(what)
            self._strike()

    def watch_system(self) -> None:
        """Make a point of whatever this process does to files and processes, for good."""

        def hear(event: str, _: tuple[object, ...]) -> None:
            if event in _SYSTEM:
                self.reach(f"before {event}")

        sys.addaudithook(hear)

    def around(self, name: str, call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        """The same call with a point before it and one after it."""

        @functools.wraps(call)
        async def pointed(*args: P.args, **kwargs: P.kwargs) -> T:
            self.reach(f"before {name}")
            result = await call(*args, **kwargs)
            self.reach(f"after {name}")
            return result

        return pointed


class PointedDoor(Door):
    """A door with a point before and after every call that changes something."""

    def __init__(self, points: Points) -> None:
        super().__init__(width=4)
        self._points = points

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call, between two points."""
        name = getattr(call, "__name__", "a call")
        name = "a call of the provider" if name == "<lambda>" else name
        if name in _READS:
            return await super().__call__(call, *args, **kwargs)
        self._points.reach(f"before {name}")
        result = await super().__call__(call, *args, **kwargs)
        self._points.reach(f"after {name}")
        return result


class PointedLink:
    """A link with a point before and after every request."""

    def __init__(self, link: Link, points: Points) -> None:
        self._link = link
        self._points = points

    async def call(self, do: str, /, **arguments: object) -> Mapping[str, object]:
        """Send one request, between two points."""
        self._points.reach(f"before {do} on a node")
        answer = await self._link.call(do, **arguments)
        self._points.reach(f"after {do} on a node")
        return answer

    async def stream(self, do: str, /, **arguments: object) -> AsyncGenerator[Mapping[str, object], None]:
        """Send one request, after a point."""
        self._points.reach(f"before {do} on a node")
        async for event in self._link.stream(do, **arguments):
            yield event

    async def forward(self, address: str, port: int) -> str:
        """As the link."""
        return await self._link.forward(address, port)

    async def put(self, source: Path | Load, to: str = "", *, told: Told | None = None) -> Progress:
        """Send, between two points."""
        return await self._points.around("a file is sent", self._link.put)(source, to, told=told)

    async def get(self, remote: str, local: Path, *, told: Told | None = None) -> Progress:
        """Fetch, between two points."""
        return await self._points.around("a file is fetched", self._link.get)(remote, local, told=told)

    async def sync(
        self, folder: Path | Load, to: str = "", *, delete: bool = False, told: Told | None = None
    ) -> Synced:
        """Bring in line, between two points."""
        return await self._points.around("a folder is sent", self._link.sync)(folder, to, delete=delete, told=told)

    async def close(self) -> None:
        """As the link."""
        await self._link.close()


class PointedReach:
    """A reach whose links have points."""

    def __init__(self, reach: Reach, points: Points) -> None:
        self._reach = reach
        self._points = points

    async def connect(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> Link:
        """Connect, between two points."""
        self._points.reach("before a node is entered")
        link = await self._reach.connect(record, node, timeout=timeout)
        self._points.reach("after a node is entered")
        return PointedLink(link, self._points)

    async def knock(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> bool:
        """As the reach."""
        return await self._reach.knock(record, node, timeout=timeout)

    async def leave(self, cluster: str, nodes: Collection[str] | None = None) -> None:
        """As the reach."""
        await self._reach.leave(cluster, nodes)
