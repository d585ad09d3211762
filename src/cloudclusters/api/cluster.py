"""The live handle of a cluster: an id, and the way to its nodes, workers and scheduler."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cloudclusters.api.session import Session, session
from cloudclusters.base.loop import core_loop
from cloudclusters.base.table import counted
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import NodeError, WaitTimeout
from cloudclusters.lifecycle import keys, links, processes
from cloudclusters.lifecycle.entering import reached_at
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord, ClusterState

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client
    from distributed.security import Security

    from cloudclusters.api.dask_cluster import DaskCluster
    from cloudclusters.contract.document import Plan
    from cloudclusters.lifecycle.files import Copied
    from cloudclusters.lifecycle.processes import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A member of a cluster, as last seen."""

    name: str
    role: str
    state: str
    inner_address: str
    public_address: str
    instance: str
    instance_type: str
    hourly_usd: float | None


def kept(of: Session, handle: str) -> Cluster:
    """The one `Cluster` object of this program for a handle, so that its client is kept."""
    return of.kept.setdefault(handle, Cluster(handle, of=of))


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
        return [
            Node(
                name=node.name,
                role=node.slot.role,
                state=node.instance.state.value if node.instance else "requested",
                inner_address=node.instance.inner_address if node.instance else "",
                public_address=node.instance.public_address if node.instance else "",
                instance=node.instance.id if node.instance else "",
                instance_type=node.offer.instance_type,
                hourly_usd=node.offer.hourly_usd,
            )
            for node in self.record.nodes
        ]

    # Workers

    def _living(self) -> list[Worker]:
        record = self.record
        check_allowed(record, "compute")
        return core_loop().run(processes.living(self._session.context, record))

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

    # The scheduler

    def _forwards(self, record: ClusterRecord) -> dict[str, str]:
        async def open_them() -> dict[str, str]:
            context, nodes = self._session.context, {node.name: node for node in record.nodes}
            ends = {f.node: await open_one(context, record, nodes[f.node], patience=0) for f in record.layout.forwards}
            return {
                f.name: reached_at(record, f) or await ends[f.node].forward(f.address, f.port)
                for f in record.layout.forwards
            }

        return core_loop().run(open_them())

    def _keys(self, record: ClusterRecord) -> dict[str, str]:
        from cloudclusters.engine.registry import engine

        found = keys.paths(self._session.home, self.handle, tuple(engine(record.plan.engine).secrets))
        if not all(Path(path).is_file() for path in found.values()):
            raise NodeError(
                f"the keys of {self.handle} are no longer in {keys.folder(self._session.home, self.handle)}",
                hint=f"`cloudclusters restart {self.handle}` makes new ones, with fresh workers",
            )
        return found

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
                return client
            client.close(timeout=2)
        client = engine(record.plan.engine).client(self._forwards(record), self._keys(record))
        self._client = (entry, client)
        hear_output(self, client)
        return client

    @property
    def scheduler_address(self) -> str:
        """Where the scheduler answers for this process, as `tls://host:port`."""
        return f"tls://{self._forwards(self.record)['scheduler']}"

    @property
    def security(self) -> Security:
        """The TLS material that a Dask client of this cluster needs."""
        from cloudclusters.engine.dask import security

        return security(self._keys(self.record))

    @property
    def dashboard_link(self) -> str:
        """Where the Dask dashboard answers for this process; it shows pages when bokeh is installed on node 0."""
        return f"http://{self._forwards(self.record)['dashboard']}/status"

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
            try:
                pending.result(timeout)
            except TimeoutError as exc:
                raise WaitTimeout(f"the deploy of {self.handle} still goes on after {timeout:g} s") from exc
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

    def retire_beyond(self, n: int) -> None:
        """Move work and results away from the nodes that `scale(n)` lets go of; waits until they are moved."""
        from cloudclusters.lifecycle.reconcile import reconcile
        from cloudclusters.lifecycle.scale import check_count, leaving

        check_count(n)
        record = self.record
        if record.state in ClusterState.under_way():  # of a dead process, or the lease says so
            record = core_loop().run(reconcile(self._session.context, self.handle))
        check_allowed(record, "scale")
        going = leaving(record, n)
        if not going:
            return
        names = [w.full_name for w in self._living() if w.kind is Kind.WORKER and w.node in going]
        if names and record.layout.forwards:
            self.get_client().retire_workers(names=names, close_workers=False)

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

    def terminate(self) -> Self:
        """Delete everything; see `cloudclusters.terminate`."""
        from cloudclusters.api import verbs

        verbs.terminate(self)
        return self

    def close(self) -> None:
        """Let go of connections and clients; the cluster runs on. May be repeated."""
        self.close_client()
        core_loop().run(links.close_all(self._session.context, self.handle))

    def close_client(self) -> None:
        """Let go of the Dask client, if there is one; `get_client` makes a new one. May be repeated."""
        if self._of.os_pid == os.getpid() and self._client is not None:  # a forked child has none
            self._client[1].close(timeout=2)
        self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.state is not ClusterState.TERMINATED:
            self.terminate()
        self.close()
