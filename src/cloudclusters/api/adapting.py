"""A cluster that grows and shrinks with its tasks: Dask says how much work there is, and whole nodes come and go.

Growing waits for nothing but a backlog that is worth a boot; shrinking waits until a node has rested for a while,
because a node that went and is wanted again costs a boot. One change at a time, by the same verbs as by hand.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from distributed.core import Status
from distributed.deploy.adaptive import Adaptive

from cloudclusters.api.compute.backlog import Backlog
from cloudclusters.base.loop import HEAR, core_loop
from cloudclusters.base.table import counted
from cloudclusters.errors import CloudClustersError, InvalidContract
from cloudclusters.lifecycle.affording import boot_seconds
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.scale import check_growth, compute_nodes, scale, shrink
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord, ClusterState

if TYPE_CHECKING:
    from distributed import Client
    from tornado.ioloop import IOLoop

EVERY = 1.0
"""Seconds between looks at the scheduler."""
PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds until a change that failed is tried again: first, and at most."""


class Tasks(Protocol):
    """What is asked of Dask's scheduler."""

    async def adaptive_target(self, *, target_duration: float) -> int:
        """How many workers would end all tasks within this time."""
        ...

    async def processing(self) -> Mapping[str, Sequence[str]]:
        """The tasks at each worker, by its address."""
        ...

    async def identity(self, *, n_workers: int) -> Mapping[str, Mapping[str, Mapping[str, object]]]:
        """Who the workers are, by address."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Between how many compute nodes a cluster moves, and how long one rests before it goes, in seconds."""

    minimum: int
    maximum: int
    cooldown: float

    @classmethod
    def checked(cls, minimum: object, maximum: object, cooldown: object) -> Self:
        """Bounds of what somebody gave; raises `InvalidContract`."""
        if maximum is None:
            raise InvalidContract(
                "adapt needs a maximum: nodes cost money", hint="write for instance adapt(minimum=1, maximum=8)"
            )
        for name, value in (("minimum", minimum), ("maximum", maximum)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidContract(
                    f"{name}={value!r} is not a whole number of nodes, 1 or more",
                    hint="the scheduler's node stays; to let go of all of it use terminate",
                )
        assert isinstance(minimum, int)
        assert isinstance(maximum, int)
        if minimum > maximum:
            raise InvalidContract(f"minimum={minimum} is above maximum={maximum}", hint="exchange them")
        if not isinstance(cooldown, int | float) or isinstance(cooldown, bool) or not 0 <= cooldown < math.inf:
            raise InvalidContract(f"cooldown={cooldown!r} is not a number of seconds", hint="write for instance 300")
        return cls(minimum=minimum, maximum=maximum, cooldown=float(cooldown))


class Rest:
    """Since when each node has had no task."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def see(self, nodes: Collection[str], busy: Collection[str], *, now: float) -> None:
        """Note which nodes there are and which of them have tasks."""
        self._since = {node: self._since.get(node, now) for node in nodes if node not in busy}

    def over(self, seconds: float, *, now: float) -> set[str]:
        """The nodes that have rested for so long."""
        return {node for node, since in self._since.items() if now - since >= seconds}


class Shape:
    """A cluster as Dask's `Adaptive` asks for it: the client's loop and scheduler, and nodes instead of workers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.nodes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """Running until the client is closed: a client that connects again has the same scheduler."""
        return Status.closed if self._client.status == "closed" else Status.running

    @property
    def loop(self) -> IOLoop:
        """The client's."""
        return self._client.loop  # type: ignore[no-any-return]  # Dask has no types

    @property
    def scheduler_comm(self) -> Tasks:
        """Raises `OSError` while the client connects again."""
        if self._client.scheduler is None:
            raise OSError("the client has no connection to its scheduler now")
        return self._client.scheduler  # type: ignore[no-any-return]  # Dask's remote procedure calls have no types

    @property
    def plan(self) -> set[str]:
        """The nodes of the record: none is on its way while anybody asks, as a change is waited for."""
        return set(self.nodes)

    requested = observed = plan


class Adapting(Adaptive):  # type: ignore[misc]  # Dask has no types
    """Dask's `Adaptive` over the nodes of one cluster."""

    def __init__(
        self,
        ctx: Context,
        handle: str,
        shape: Shape,
        bounds: Bounds,
        backlog: Backlog,
        *,
        every: float | None = EVERY,
    ) -> None:
        self._ctx = ctx
        self._handle = handle
        self._bounds = bounds
        self._shape = shape
        self._backlog = backlog
        self._rest = Rest()
        self._entry = ""
        self._workers = 1
        self._threads = 1.0
        """Task threads of a node."""
        self._again = 0.0
        self._pause = PAUSE
        self._change: asyncio.Task[object] | None = None
        self._quiet = threading.Event()
        self._quiet.set()
        boot = boot_seconds(ctx.store.record(handle))
        super().__init__(
            shape,
            interval=every or 0,
            minimum=bounds.minimum,
            maximum=bounds.maximum,
            wait_count=1,  # a node that rested for the cool-down has waited enough
            target_duration=boot,
        )

    @classmethod
    def begin(cls, ctx: Context, handle: str, client: Client, bounds: Bounds, backlog: Backlog) -> Self:
        """Look at the tasks every second from now on. Raises `NotSupported`, `IllegalState`."""
        record = ctx.store.record(handle)
        check_allowed(record, "scale")
        check_growth(ctx, record, bounds.maximum)
        return cls(ctx, handle, Shape(client), bounds, backlog)

    async def adapt(self) -> None:
        """Look once, and change the size if it should be another; a failure is told, and tried again later."""
        if self._now() < self._again:
            return
        try:
            await self._look()
            await super().adapt()
        except (CloudClustersError, OSError, TimeoutError) as exc:
            self._again = self._now() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            said = exc.message if isinstance(exc, CloudClustersError) else f"{type(exc).__name__}: {exc}"
            self._tell(f"{said}; again in {self._again - self._now():g} s")
        else:
            self._pause = PAUSE

    async def target(self) -> int:
        """How many nodes should be there: what tasks and maps want, and who has not rested long enough."""
        workers = await self._shape.scheduler_comm.adaptive_target(target_duration=self.target_duration)
        threads = self._backlog.threads(self.target_duration)
        wanted = max(math.ceil(workers / self._workers), math.ceil(threads / self._threads))
        return max(wanted, len(self.plan) - len(self._rested()))

    async def workers_to_close(self, target: int) -> list[str]:
        """The nodes that go: those that rested; beyond the maximum also others. Never the scheduler's."""
        rested = self._rested()
        others = [node for node in reversed(self._shape.nodes) if node != self._entry and node not in rested]
        beyond = len(self.plan) - self._bounds.maximum
        return [*rested, *others[: max(0, beyond - len(rested))]][: len(self.plan) - target]

    async def scale_up(self, n: int) -> None:
        """Buy nodes; waits until they compute."""
        self._tell(f"from {counted(len(self.plan), 'node')} to {n}: the tasks would take longer than a boot")
        await self._changed(scale(self._ctx, self._handle, n))

    async def scale_down(self, workers: Collection[str]) -> None:
        """Let nodes go; waits until the provider says that they are gone."""
        self._tell(f"letting go of {', '.join(sorted(workers))}")
        await self._changed(shrink(self._ctx, self._handle, workers))

    async def _changed(self, verb: Coroutine[object, object, ClusterRecord]) -> None:
        """Run a verb on the core loop; cancelled, it undoes what it began, and is waited for all the same."""
        self._change = asyncio.current_task()
        self._quiet.clear()
        try:
            if self.state == "stopped":  # while the scheduler was asked
                verb.close()
            else:
                await core_loop().bridge(verb)
        finally:
            self._change = None
            self._quiet.set()

    def end(self) -> None:
        """Stop for good; cancels a change under way, and waits until what it began is undone."""
        self.stop("ended by the program")
        if (change := self._change) is not None:
            self.loop.add_callback(change.cancel)
        while not self._quiet.wait(HEAR):  # so that a signal is heard
            pass

    async def _look(self) -> None:
        """Which nodes there are, and which of them have tasks."""
        record = await core_loop().bridge(self._record())
        if record.state is ClusterState.TERMINATED:
            self.stop("the cluster is terminated")
        self._entry = record.nodes[0].name
        self._workers = record.plan.node_process_count
        self._shape.nodes = tuple(node.name for node in compute_nodes(record))
        scheduler = self._shape.scheduler_comm
        tasks = await scheduler.processing()
        workers = (await scheduler.identity(n_workers=-1))["workers"]
        names = {str(worker["name"]) for address, worker in workers.items() if tasks.get(address)}
        busy = {name.split("/", 1)[0] for name in names}
        if workers:
            nodes = {str(worker["name"]).split("/", 1)[0] for worker in workers.values()}
            self._threads = sum(int(str(worker["nthreads"])) for worker in workers.values()) / len(nodes)
        self._rest.see(self._shape.nodes, busy, now=self._now())

    async def _record(self) -> ClusterRecord:
        return await self._ctx.door(self._ctx.store.record, self._handle)

    def _rested(self) -> list[str]:
        """The nodes that may go, the latest first."""
        rested = self._rest.over(self._bounds.cooldown, now=self._now())
        return [node for node in reversed(self._shape.nodes) if node in rested and node != self._entry]

    def _now(self) -> float:
        return self._ctx.clock.monotonic()

    def _tell(self, text: str) -> None:
        self._ctx.tell(self._handle, "adapting", text)
