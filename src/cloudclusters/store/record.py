"""What the store knows of a cluster: facts and intentions, never the truth, which is what `describe` sees."""

from __future__ import annotations

import enum

import msgspec

from cloudclusters.base.cloud import Holding, Instance, Offer, Rates, Remain, Slot
from cloudclusters.base.limits import Limits
from cloudclusters.base.remains import staying
from cloudclusters.contract.document import ClusterType, Plan
from cloudclusters.engine.protocol import Layout


class ClusterState(enum.StrEnum):
    """Where a cluster is in its life."""

    DEPLOYING = "deploying"
    """Machines and processes are being made."""
    RUNNING = "running"
    """Workers compute."""
    INTERRUPTING = "interrupting"
    """Machines are being stopped."""
    INTERRUPTED = "interrupted"
    """Machines are stopped, disks are kept, no compute is paid."""
    RESUMING = "resuming"
    """Machines are being started again."""
    RESTARTING = "restarting"
    """Processes are being replaced, the scheduler too, which may move."""
    SCALING = "scaling"
    """Machines are being added or removed."""
    BROKEN = "broken"
    """A verb ended half-way; `restart`, `resume` or `terminate` take it from there."""
    TERMINATING = "terminating"
    """Machines are being deleted."""
    TERMINATED = "terminated"
    """Nothing is left."""

    @classmethod
    def under_way(cls) -> frozenset[ClusterState]:
        """The states that only last while a verb runs."""
        return frozenset({cls.DEPLOYING, cls.INTERRUPTING, cls.RESUMING, cls.RESTARTING, cls.SCALING, cls.TERMINATING})


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node: its seat, the offer it was bought at (the price is frozen here), its machine as last seen."""

    slot: Slot
    offer: Offer
    token: str
    instance: Instance | None = None
    unsettled: bool = False
    """`scale` is adding it or letting go of it; when that ends half-way, the node is deleted."""

    instead_of: str = ""
    """The node in whose place it was bought, so that nobody buys another one."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.slot.name


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of state: which, when (seconds since the epoch), and how many machines were paid from then on."""

    state: ClusterState
    at: float
    machines: int = 0
    hourly_usd: float | None = None


class Spent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What machines, disks and addresses come to until a moment, and what they go on costing."""

    usd: float = 0.0
    """All that has a known price."""
    hourly_usd: float = 0.0
    """What goes on being paid, per hour, as far as its price is known."""
    unknown: tuple[str, ...] = ()
    """What among it (`compute`, `disk`, `address`) has an unknown price, and is not in the figures."""
    machine_seconds: float = 0.0
    """Seconds that machines ran, without what is paid at least for a start."""
    at: float = 0.0
    """The moment, in seconds since the epoch."""


class ClusterRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is stored of one cluster."""

    handle: str
    state: ClusterState
    plan: Plan
    holding: Holding
    name: str = ""
    nodes: tuple[NodeRecord, ...] = ()
    rates: Rates = Rates()
    """What is paid beside the machines' prices where they are, frozen when they were launched."""
    spent: Spent = Spent()
    """What the ledger came to when the record was written."""
    layout: Layout = Layout()
    history: tuple[Change, ...] = ()
    seen: float = 0.0
    """When the provider was last asked."""
    reason: str = ""
    """Why it is broken, or was interrupted or terminated by itself, or which nodes are lost, in a sentence."""
    losses: tuple[float, ...] = ()
    """When spot machines of it were lost and replaced within the last hour, in seconds since the epoch."""
    limits: Limits = Limits()
    """What its machines let go of themselves by."""
    remains: tuple[Remain, ...] = ()
    """What was beside the machines when they were stopped or deleted."""
    adopted: bool = False
    """Taken up from another machine: its nodes may not know our key yet."""
    version: int = 1

    @property
    def left_behind(self) -> tuple[Remain, ...]:
        """What stayed of machines that left the cluster: nobody who asks for its machines finds it."""
        there = {node.instance.id for node in self.nodes if node.instance is not None}
        return tuple(each for each in staying(self.remains) if each.machine and each.machine not in there)


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a list shows of a cluster; `created` and `changed` (of state) in seconds since the epoch."""

    handle: str
    name: str
    state: ClusterState
    cluster_type: ClusterType
    provider: str
    contract: str
    created: float
    changed: float
