"""The live handle of a cluster: an id, and the way to its nodes, workers and scheduler."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cloudclusters.api.members import Node, forwards_of, keys_of, members_of
from cloudclusters.api.session import Session, session
from cloudclusters.api.watching import watcher
from cloudclusters.base.loop import core_loop, has_ended
from cloudclusters.base.table import counted
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import InvalidContract, NodeError, WaitTimeout
from cloudclusters.lifecycle import links, processes
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord, ClusterState

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from typing import Unpack

    from distributed import Client
    from distributed.security import Security

    from cloudclusters.api.compute.backlog import Backlog
    from cloudclusters.api.dask_cluster import DaskCluster
    from cloudclusters.base.notice import Notice
    from cloudclusters.contract.document import Plan
    from cloudclusters.contract.limits import LimitOptions
    from cloudclusters.lifecycle.deadline import Outlook
    from cloudclusters.lifecycle.files import Copied
    from cloudclusters.lifecycle.processes import Worker


COOLDOWN = 300.0
"""Seconds without a task after which `adapt` lets go of a node."""


def kept(of: Session, handle: str) -> Cluster:
    """The one `Cluster` object of this program for a handle, so that its client is kept."""
    found = of.kept.setdefault(handle, Cluster(handle, of=of))
    of.keep_claims()
    return found


class Cluster:
    """A cluster by its handle. Holds an id, never the truth: every answer is looked up when it is asked for.

    Made by `deploy` and `reconnect`. As a context manager it terminates the cluster at the end of the block;
    `close()` only lets go of connections. It has Dask's names (`get_client`, `scheduler_address`, `scale` …), so
    that `Client(cluster.dask)` and code written for Dask clusters work.
    """

    def __init__(self, handle: str, *, of: Session | None = None) -> None:
        self.handle = handle
        self._of = of or session()
        self._client: tuple[str, Client] | None = None
        self._backlog: Backlog | None = None

    def __repr__(self) -> str:
        record = self.record
        price = record.plan.hourly_usd
        cost = "price unknown" if price is None else f"${price:g}/h"
        named = f" {record.name!r}" if record.name else ""
        size = f"{counted(len(record.nodes), 'node')} at {record.holding.provider}"
        return f"<Cluster{named} {self.handle}: {record.state}, {size}, {cost}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cluster) and other.handle == self.handle

    def __hash__(self) -> int:
        return hash(self.handle)

    @property
    def _session(self) -> Session:
        """The session it was made in; in a forked child the child's own, as connections do not outlive a fork."""
        if self._of.os_pid != os.getpid():
            self._of, self._client = session(), None
        return self._of

    # What is stored

    @property
    def record(self) -> ClusterRecord:
        """What the store knows of the cluster."""
        return self._session.store.record(self.handle)

    @property
    def name(self) -> str:
        """The name given at deploy; empty without one."""
        return self.record.name

    @property
    def state(self) -> ClusterState:
        """The state as last recorded; makes no provider call."""
        return self.record.state

    @property
    def plan(self) -> Plan:
        """The plan that was deployed."""
        return self.record.plan

    @property
    def members(self) -> list[Node]:
        """The cluster's nodes, in order, as last seen."""
        return members_of(self.record)

    # Workers

    def _living(self) -> list[Worker]:
        record = self.record
        check_allowed(record, "compute")
        found = core_loop().run(processes.living(self._session.context, record))
        if record.layout.processes and not found and self.why_gone():
            check_allowed(self.record, "compute")
        return found

    def workers(self) -> list[Worker]:
        """Every living process of the cluster with its pid, node and state: workers first, then the scheduler.

        Asks the agents; a node that does not answer contributes none.
        """
        return self._living()

    def nodes(self) -> list[int]:
        """The pids of the compute workers, in node order. Asks the agents."""
        return [worker.pid for worker in self._living() if worker.kind is Kind.WORKER]

    def entry(self) -> int:
        """The pid of the scheduler. Raises `NodeError` when none runs, and on engines without one."""
        for worker in self._living():
            if worker.kind is Kind.SCHEDULER:
                return worker.pid
        raise NodeError(f"no scheduler runs on {self.handle}", hint="`restart` starts one")

    def ranks(self) -> dict[int, int]:
        """The pid at each rank: ranks count the workers in node order."""
        return dict(enumerate(self.nodes()))

    def live_workers(self) -> Mapping[int, str]:
        """The name by which the engine knows each living worker, by pid."""
        return {worker.pid: worker.full_name for worker in self._living() if worker.kind is Kind.WORKER}

    def is_cut_off(self) -> bool:
        """Whether no node of the cluster answers, though its provider does not say that the machines are gone.

        Then it may be our own network. Takes some seconds.
        """
        from cloudclusters.lifecycle.seeing import is_cut_off

        return core_loop().run(is_cut_off(self._session.context, self.record))

    def why_gone(self) -> str:
        """Why it does not answer, when it let go of its machines by itself; else empty. Looks at its provider."""
        from cloudclusters.lifecycle.reconnect import why_gone

        return core_loop().run(why_gone(self._session.context, self.handle))

    # The scheduler

    def get_client(self) -> Client:
        """A plain `distributed.Client` of the cluster's scheduler; the same one until the scheduler is replaced.

        Blocks while it connects. Raises `IllegalState`, `NodeError`.
        """
        from cloudclusters.api.compute import hear_output
        from cloudclusters.engine.registry import engine

        record = self.record
        check_allowed(record, "compute")
        entry = next((w.full_name for w in self._living() if w.kind is Kind.SCHEDULER), "")
        if self._client is not None:
            life, client = self._client
            if life == entry and client.status == "running":
                core_loop().run(watcher(self._session, self.handle).begin())
                return client
            self.close_client()
        client = engine(record.plan.engine).client(forwards_of(self._session, record), keys_of(self._session, record))
        self._client = (entry, client)
        hear_output(self, client)
        core_loop().run(watcher(self._session, self.handle).begin())
        return client

    @property
    def open_client(self) -> Client | None:
        """The client that `get_client` made and that is still kept."""
        return None if self._client is None else self._client[1]

    @property
    def backlog(self) -> Backlog:
        """What the maps of this program still have for it; `adapt` goes by it."""
        from cloudclusters.api.compute.backlog import Backlog

        self._backlog = self._backlog or Backlog()
        return self._backlog

    def on_notice(self, hook: Callable[[Notice], object]) -> None:
        """Call a function when a provider says that it takes a node's machine back, or that it is wise to leave it.

        It is given a `Notice`, in a thread of its own, while this program runs; what it raises is logged. For a script
        that runs on the node itself, see the setting `on_notice`.
        """
        if not callable(hook):
            raise InvalidContract(f"{hook!r} cannot be called", hint="give a function of one argument, the notice")
        found = watcher(self._session, self.handle)
        found.hooks.append(hook)
        core_loop().run(found.begin())

    def trouble(self) -> str:
        """Which nodes are lost, hung or cut off, and why, as far as this program knows; empty when none is."""
        return watcher(self._session, self.handle).trouble

    @property
    def scheduler_address(self) -> str:
        """Where the scheduler answers for this process, as `tls://host:port`."""
        return f"tls://{forwards_of(self._session, self.record)['scheduler']}"

    @property
    def security(self) -> Security:
        """The TLS material that a Dask client of this cluster needs."""
        from cloudclusters.engine.dask import security

        return security(keys_of(self._session, self.record))

    @property
    def dashboard_link(self) -> str:
        """Where the Dask dashboard answers for this process; it shows pages when bokeh is installed on node 0.

        It asks nobody who he is: from now on, and until we let go, every user of this machine can look at it.
        """
        return f"http://{forwards_of(self._session, self.record, name='dashboard')['dashboard']}/status"

    @property
    def dask(self) -> DaskCluster:
        """What `distributed.Client(...)` takes as its cluster."""
        from cloudclusters.api.dask_cluster import DaskCluster

        return DaskCluster(self)

    def wait(self, timeout: float | None = None) -> Self:
        """Wait for a deploy that goes on in the background (`deploy(wait=False)`), and raise what it raised.

        Returns at once when there is none. Raises `WaitTimeout` after `timeout` seconds; the deploy goes on.
        """
        pending = self._session.pending.get(self.handle)
        if pending is not None:
            if not has_ended(pending, timeout):
                raise WaitTimeout(f"the deploy of {self.handle} still goes on after {timeout:g} s")
            pending.result()
        return self

    def wait_for_workers(self, n_workers: int = 1, timeout: float | None = None) -> None:
        """Wait until so many workers are connected to the scheduler; raises `WaitTimeout`."""
        try:
            self.get_client().wait_for_workers(n_workers, timeout=timeout)
        except TimeoutError as exc:
            raise WaitTimeout(f"{self.handle} has fewer than {n_workers} workers after {timeout:g} s") from exc

    def get_executor(self) -> Executor:
        """A `concurrent.futures.Executor` over the workers; its `shutdown` only lets go of the connection."""
        from cloudclusters.api.compute import get_executor

        return get_executor(self)

    def adapt(self, minimum: int | None = 1, maximum: int | None = None, *, cooldown: float = COOLDOWN) -> None:
        """Let the cluster grow and shrink with its Dask tasks, in whole nodes, until this program ends it.

        Grows at once when the tasks, or what a `pmap` without `pids` still has, would take longer than a boot takes; a
        node goes when it had no task for `cooldown` seconds, and hands over its results first. The scheduler's node
        stays. Costs money up to `maximum` nodes, which has to be given. What goes wrong on the way is told as an event
        and tried again later. `adapt(None)`, `scale`, `close`, and the verbs that end processes turn it off, and undo a
        growth that is under way. Raises `InvalidContract`, `NotSupported`, `IllegalState`.
        """
        from cloudclusters.api.adapting import Adapting, Bounds

        bounds = None if minimum is None else Bounds.checked(minimum, maximum, cooldown)
        of = self._session
        of.end_adapting(self.handle)
        if bounds is not None:
            of.adapting[self.handle] = Adapting.begin(of.context, self.handle, self.get_client(), bounds, self.backlog)

    # Files

    def put(
        self, local: str | os.PathLike[str], remote: str = "", *, nodes: Sequence[str] | None = None
    ) -> dict[str, Copied]:
        """Send a file, or what is in a folder, to all nodes or to these; returns what travelled, by node.

        See `cloudclusters.api.on_nodes.put`, also for paths. Waits; may be repeated. Raises `UnknownName`,
        `IllegalState`, `NodeError`, `NotEverywhere`.
        """
        from cloudclusters.api import on_nodes

        return on_nodes.put(self, local, remote, nodes=nodes)

    def get(
        self, remote: str, local: str | os.PathLike[str], *, nodes: Sequence[str] | None = None
    ) -> dict[str, Copied]:
        """Fetch a file or folder from one node to `local`, or from several into `local/NODE/`; else as `put`."""
        from cloudclusters.api import on_nodes

        return on_nodes.get(self, remote, local, nodes=nodes)

    def sync(
        self,
        folder: str | os.PathLike[str],
        remote: str = "",
        *,
        delete: bool = False,
        nodes: Sequence[str] | None = None,
    ) -> dict[str, Copied]:
        """Make a folder of the nodes have what this folder has, by sending only what differs; else as `put`.

        Without `remote` that is where workers and commands start. With `delete`, what an earlier `sync` brought and is
        no longer here is deleted there.
        """
        from cloudclusters.api import on_nodes

        return on_nodes.sync(self, folder, remote, delete=delete, nodes=nodes)

    # Verbs

    def interrupt(self) -> Self:
        """Stop the machines and keep their disks; see `cloudclusters.interrupt`."""
        from cloudclusters.api import verbs

        verbs.interrupt(self)
        return self

    def resume(self, *, patience: float = 0.0, elsewhere: bool = False) -> Self:
        """Start the machines again; see `cloudclusters.resume`."""
        from cloudclusters.api import verbs

        verbs.resume(self, patience=patience, elsewhere=elsewhere)
        return self

    def restart(self) -> Self:
        """Fresh processes on the same machines; see `cloudclusters.restart`."""
        from cloudclusters.api import verbs

        verbs.restart(self)
        return self

    def scale(self, n: int) -> Self:
        """More nodes, or fewer; see `cloudclusters.scale`."""
        from cloudclusters.api import verbs

        verbs.scale(self, n)
        return self

    def limits(self, **changes: Unpack[LimitOptions]) -> Outlook:
        """The limits by which it lets go by itself, or other ones; see `cloudclusters.limits`."""
        from cloudclusters.api import verbs

        return verbs.limits(self, **changes)

    def terminate(self) -> Self:
        """Delete everything; see `cloudclusters.terminate`."""
        from cloudclusters.api import verbs

        verbs.terminate(self)
        return self

    def close(self) -> None:
        """Let go of connections and clients, and end `adapt`; the cluster runs on. May be repeated."""
        self._session.end_adapting(self.handle)
        self.close_client()
        core_loop().run(watcher(self._session, self.handle).end())
        core_loop().run(links.close_all(self._session.context, self.handle))

    def close_client(self) -> None:
        """Let go of the Dask client, if there is one; `get_client` makes a new one. May be repeated."""
        kept, self._client = self._client, None
        if self._of.os_pid == os.getpid() and kept is not None:  # a forked child has none
            from cloudclusters.engine.dask.connect import disconnect

            disconnect(kept[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.state is not ClusterState.TERMINATED:
            self.terminate()
        self.close()
