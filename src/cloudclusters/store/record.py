"""What the store knows of a cluster: facts and intentions, never the truth, which is what `describe` sees."""

from __future__ import annotations

import enum

import msgspec

from cloudclusters.base.cloud import Holding, Instance, Offer, Slot
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
    """Processes are being replaced on the same machines."""
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


class ClusterRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is stored of one cluster."""

    handle: str
    state: ClusterState
    plan: Plan
    holding: Holding
    name: str = ""
    nodes: tuple[NodeRecord, ...] = ()
    layout: Layout = Layout()
    history: tuple[Change, ...] = ()
    seen: float = 0.0
    """When the provider was last asked."""
    reason: str = ""
    """Why it is broken, in a sentence."""
    adopted: bool = False
    """Taken up from another machine: its nodes may not know our key yet."""
    version: int = 1


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
