"""The agents of a fake cloud's machines: a stand-in for `lifecycle.reaching` without sockets or processes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping

from cloudclusters.base.cloud import Endpoint, InstanceState, SocketEndpoint
from cloudclusters.errors import NodeUnreachable
from cloudclusters.store.record import ClusterRecord, NodeRecord
from cloudclusters.testing.cloud import FakeCloud, Machine
from cloudclusters.testing.node import FakeNode, Fate, Ran

__all__ = ["FakeFleet", "FakeLink", "FakeNode", "Fate", "Ran"]


class FakeFleet:
    """All nodes of a fake cloud. A machine that does not run refuses; stopped and started again, it has its
    files but none of its processes.

    `fates`, `answers` and `ready` apply to nodes met from then on; those of one node can be changed on it.
    """

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud
        self._nodes: dict[str, FakeNode] = {}
        self._refusals = 0
        self._refusal: type[NodeUnreachable] = NodeUnreachable
        self.fates: dict[str, list[Fate]] = {}
        self.answers: dict[str, Ran] = {}
        self.ready: object = None
        self.links: list[FakeLink] = []
        """Every link ever made."""
        cloud.changes.append(self._notice)

    async def connect(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float = 10.0) -> FakeLink:  # noqa: ARG002
        """Connect to a node, at once; raises `NodeUnreachable`. The `timeout` never passes."""
        assert node.instance is not None
        return await self.meet(node.instance.endpoint)

    async def knock(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float = 10.0) -> bool:  # noqa: ARG002
        """Whether a node's machine runs and is not cut off from us."""
        assert node.instance is not None
        machine = next((m for m in self._cloud.machines() if m.id == node.instance.id), None)
        return machine is not None and machine.state is InstanceState.RUNNING and not self._of(machine).cut_off

    async def leave(self, cluster: str, nodes: Collection[str] | None = None) -> None:
        """Nothing is kept but the links themselves."""

    async def meet(self, endpoint: Endpoint | None) -> FakeLink:
        """Connect to whatever answers at an endpoint."""
        if self._refusals > 0:
            self._refusals -= 1
            raise self._refusal(f"nothing answers at {endpoint}, as ordered")
        assert endpoint is not None
        link = FakeLink(self, endpoint)
        link.node()
        self.links.append(link)
        return link

    def at(self, endpoint: Endpoint) -> FakeNode:
        """The node that answers at an endpoint now; raises `NodeUnreachable`."""
        path = endpoint.path if isinstance(endpoint, SocketEndpoint) else ""
        machine = next((m for m in self._cloud.machines() if m.endpoint.path == path), None)
        if machine is None or machine.state is not InstanceState.RUNNING:
            raise NodeUnreachable(f"nothing answers at {path or endpoint}")
        node = self._of(machine)
        if node.silent or node.cut_off:
            raise NodeUnreachable(f"the agent at {path} does not answer")
        return node

    def node(self, cluster: str, name: str = "node0") -> FakeNode:
        """A node of a cluster by its name, of the latest machine there."""
        machines = [m for m in self._cloud.machines(cluster) if m.slot.name == name]
        if not machines:
            raise KeyError(f"{cluster} has no machine for {name}")
        return self._of(machines[-1])

    def refuse(self, times: int, *, error: type[NodeUnreachable] = NodeUnreachable) -> None:
        """Let the next connections fail, as while machines boot."""
        self._refusals, self._refusal = times, error

    def cut(self, cluster: str, name: str = "node0") -> None:
        """Break the connections to a node, once; its agent lives on."""
        node = self.node(cluster, name)
        for link in self.links:
            link.cut(node.instance)
        node.part()

    def silence(self, cluster: str, name: str = "node0") -> None:
        """Kill a node's agent; only a new boot brings it back."""
        node = self.node(cluster, name)
        node.silent = True
        node.part()

    def cut_off(self, cluster: str, name: str = "node0", *, off: bool = True) -> None:
        """Let nothing pass between us and a node's machine, until told that it is over."""
        node = self.node(cluster, name)
        node.cut_off = off
        if off:
            node.part()

    def alive(self, cluster: str) -> list[str]:
        """The processes that run on machines of a cluster, as `node/process`."""
        running = [m for m in self._cloud.machines(cluster) if m.state is InstanceState.RUNNING]
        return [
            f"{machine.slot.name}/{process.name}"
            for machine in running
            for process in self._of(machine).processes.values()
            if process.alive
        ]

    def _of(self, machine: Machine) -> FakeNode:
        node = self._nodes.get(machine.id)
        if node is None:
            node = self._nodes[machine.id] = FakeNode(
                cluster=machine.cluster,
                name=machine.slot.name,
                instance=machine.id,
                inner_address=machine.inner_address,
                boot=machine.boots,
                ready=self.ready,
                fates={name: list(fates) for name, fates in self.fates.items()},
                answers=dict(self.answers),
            )
        if node.boot != machine.boots:
            node.reboot(machine.boots)
        return node

    def _notice(self) -> None:
        """End the streams of nodes whose machines run no longer."""
        watched = [node for node in list(self._nodes.values()) if node.watchers]
        if not watched:
            return
        machines = {machine.id: machine for machine in self._cloud.machines()}
        for node in watched:
            machine = machines.get(node.instance)
            if machine is None or machine.state is not InstanceState.RUNNING or machine.boots != node.boot:
                node.part()


class FakeLink:
    """A kept connection to a fake node."""

    def __init__(self, fleet: FakeFleet, endpoint: Endpoint) -> None:
        self._fleet = fleet
        self._endpoint = endpoint
        self._lost = False
        self.closed = False
        self.forwards: list[tuple[str, int]] = []

    def node(self) -> FakeNode:
        """The node, if it can be reached; raises `NodeUnreachable`."""
        if self.closed or self._lost:
            raise NodeUnreachable(f"the connection to {self._endpoint} is {'closed' if self.closed else 'lost'}")
        return self._fleet.at(self._endpoint)

    async def call(self, do: str, /, **arguments: object) -> Mapping[str, object]:
        """Send one request and return its answer; raises `NodeError`."""
        node = self.node()
        node.requests.append((do, arguments))
        return node.answer(do, arguments)

    async def stream(self, do: str, /, **arguments: object) -> AsyncGenerator[Mapping[str, object], None]:
        """Send one request and yield its events; a `run` ends with its `code`."""
        node = self.node()
        node.requests.append((do, arguments))
        async for event in node.events(do, arguments):
            yield event
        if do == "watch":
            raise NodeUnreachable(f"{node.name} of {node.cluster} was lost")

    async def forward(self, address: str, port: int) -> str:
        """Pretend that a port of the node answers here."""
        self.node()
        self.forwards.append((address, port))
        return f"127.0.0.1:{port}"

    async def close(self) -> None:
        """Let go; may be repeated."""
        self.closed = True

    def cut(self, instance: str) -> None:
        """Lose the connection if it leads to this machine."""
        if isinstance(self._endpoint, SocketEndpoint) and self._endpoint.path.startswith(f"fake://{instance}/"):
            self._lost = True
