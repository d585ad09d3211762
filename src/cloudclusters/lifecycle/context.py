"""What every verb is given: the store, the clock, the door, and how to reach providers and nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from cloudclusters.base.cloud import Instance
from cloudclusters.base.door import CallThrough
from cloudclusters.base.event import Event, Listen, silence
from cloudclusters.base.waiting import Clock
from cloudclusters.provider.protocol import Provider
from cloudclusters.store import Lease, Store
from cloudclusters.store.record import ClusterRecord, NodeRecord

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.pack import Progress, Told
    from cloudclusters.remote.ssh.tree import Load, Synced

P = ParamSpec("P")
T = TypeVar("T")


class Link(Protocol):
    """A kept connection to a node's agent."""

    async def call(self, do: str, /, **arguments: object) -> Mapping[str, object]:
        """Send one request and return its answer; raises `NodeError`."""
        ...

    def stream(self, do: str, /, **arguments: object) -> AsyncGenerator[Mapping[str, object], None]:
        """Send one request and yield its events, and its answer at last when that says something."""
        ...

    async def forward(self, address: str, port: int) -> str:
        """Make a port that the node reaches answer on this machine; returns `host:port`."""
        ...

    async def put(self, source: Path | Load, to: str = "", *, told: Told | None = None) -> Progress:
        """Send a file, or what is in a folder, to a path on the node."""
        ...

    async def get(self, remote: str, local: Path, *, told: Told | None = None) -> Progress:
        """Fetch a file, or what is in a folder of the node, to a path here."""
        ...

    async def sync(
        self, folder: Path | Load, to: str = "", *, delete: bool = False, told: Told | None = None
    ) -> Synced:
        """Make a folder of the node have what this folder has."""
        ...

    async def close(self) -> None:
        """Let go of the connection; may be repeated."""
        ...


class Reach(Protocol):
    """How the nodes of clusters are reached; tests replace it."""

    def connect(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> Awaitable[Link]:
        """Connect to the agent of a node within `timeout` seconds, or raise `NodeUnreachable`."""
        ...

    async def knock(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> bool:
        """Whether a node's machine takes connections within `timeout` seconds, whatever its agent does."""
        ...

    def leave(self, cluster: str, nodes: Collection[str] | None = None) -> Awaitable[None]:
        """Let go of what leads to a cluster, or to these nodes of it, whose machines are gone; may be repeated."""
        ...


class Shared(Protocol):
    """The part of a lease that other machines see; see `lifecycle.sharing`."""

    lease: Lease

    def check(self) -> None:
        """Raise `LeaseLost` when it is no longer ours, or may not be; asks nobody."""
        ...

    def heed(self, seen: Sequence[Instance]) -> None:
        """Look at machines as the verb first sees them; raises `LeaseHeld` when they say that somebody else acts."""
        ...

    async def release(self) -> None:
        """Let go of it, quickly."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything a verb needs from outside; one per process, or one per test."""

    home: Path
    store: Store
    clock: Clock
    door: CallThrough
    reach: Reach
    provider: Callable[[str], Provider]
    python: str
    listen: Listen = silence
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    """Kept connections by cluster and node; used on the core loop only."""
    seen: set[str] = field(default_factory=set)
    """The providers that were opened."""
    admitted: dict[str, tuple[float, asyncio.Task[bool]]] = field(default_factory=dict)
    """When the firewall of a cluster was last told our address, and whether it could be."""
    shared: dict[str, Shared] = field(default_factory=dict)
    """What the verbs under way hold beyond our store, by cluster."""
    claimed: dict[str, float] = field(default_factory=dict)
    """When this process last claimed a cluster's machines, by its clock for waiting."""

    async def opened(self, name: str) -> Provider:
        """The provider of this name; its SDK is imported in the door's thread, as that takes a while."""
        if name not in self.seen:
            await self.door(self.provider, name)
            self.seen.add(name)
        return self.provider(name)

    async def act(self, lease: Lease, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Begin a provider call, after making sure that the lease is still ours, here and beyond our store."""
        await self.door(self.store.check, lease)
        self.check_shared(lease.cluster)
        return await self.door(call, *args, **kwargs)

    async def write(self, record: ClusterRecord, lease: Lease, *, also: Sequence[Instance] = ()) -> ClusterRecord:
        """Store the record, checked by the lease's number, here and beyond our store.

        `also` are machines as seen beside its nodes', for the ledger.
        """
        self.check_shared(record.handle)
        return await self.door(self.store.write, record, lease, also=also)

    def check_shared(self, cluster: str) -> None:
        """Raise `LeaseLost` when another machine may run a verb on the cluster by now; asks nobody."""
        if (held := self.shared.get(cluster)) is not None:
            held.check()

    def heed(self, cluster: str, seen: Sequence[Instance]) -> None:
        """Raise `LeaseHeld` when its machines, seen by a verb for the first time, say that somebody else acts."""
        if (held := self.shared.get(cluster)) is not None:
            held.heed(seen)

    def tell(self, cluster: str, phase: str, text: str = "", *, node: str = "") -> None:
        """Let the listener know."""
        self.listen(Event(cluster=cluster, phase=phase, text=text, node=node))
