"""The contract and the plan as documents: frozen, stored as JSON, each with a version."""

from __future__ import annotations

import enum

import msgspec

from cloudclusters.base.cloud import Offer
from cloudclusters.base.constraint import Constraint

Setting = str | int | float | bool


class ClusterType(enum.StrEnum):
    """How the nodes of a cluster relate."""

    PEER_WORKERS = "PeerWorkers"
    """Equal nodes; the scheduler runs on node 0."""
    PEER_WORKERS_MPI = "PeerWorkersMPI"
    """Equal nodes whose workers are the ranks of one MPI world."""
    MANAGER_WORKERS = "ManagerWorkers"
    """An access node, and compute nodes that are reachable only through it."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of its nodes, the entry's first."""
        return ("manager", "worker") if self is ClusterType.MANAGER_WORKERS else ("peer",)


class Contract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user wants. Immutable; nothing is created by making one.

    `assumptions` are the instance features by name, common to all roles; `roles` holds what one role adds or overrides.
    `settings` are configuration parameters given in the contract, `role_settings` those of one role.
    """

    handle: str
    cluster_type: ClusterType = ClusterType.PEER_WORKERS
    node_count: int = 1
    node_process_count: int = 1
    assumptions: dict[str, Constraint] = {}
    roles: dict[str, dict[str, Constraint]] = {}
    settings: dict[str, Setting] = {}
    role_settings: dict[str, dict[str, Setting]] = {}
    possible: bool = False
    strict: bool = False
    created: float = 0.0
    version: int = 1

    def __str__(self) -> str:
        from cloudclusters.contract.show import contract_text

        return contract_text(self)

    __repr__ = __str__


class RolePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machines of one role: how many, which offer, and which offers next when that one has no capacity."""

    role: str
    count: int
    offer: Offer
    fallbacks: tuple[Offer, ...] = ()
    vcpus: int | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    """Least size of each node's root disk, where the type's own disks do not hold the `storage_size` asked for."""
    rdma: bool = False
    """The nodes need the provider's network interface for RDMA."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision: what will be made, and at which price. `digest` covers all of it but `created`."""

    contract: str
    cluster_type: ClusterType
    provider: str
    roles: tuple[RolePlan, ...]
    node_process_count: int = 1
    engine: str = "dask"
    environment: str = "image"
    image: str = ""
    settings: dict[str, Setting] = {}
    role_settings: dict[str, dict[str, Setting]] = {}
    warnings: tuple[str, ...] = ()
    catalog_digest: str = ""
    settings_digest: str = ""
    digest: str = ""
    created: float = 0.0
    version: int = 1

    @property
    def node_count(self) -> int:
        """Machines in all, an access node included."""
        return sum(role.count for role in self.roles)

    @property
    def hourly_usd(self) -> float | None:
        """Price of all machines together, USD per hour; None when one of them has no known price."""
        prices = [(r.count, r.offer.hourly_usd) for r in self.roles]
        if any(price is None for _, price in prices):
            return None
        return sum(count * price for count, price in prices if price is not None)

    def __str__(self) -> str:
        from cloudclusters.contract.show import plan_text

        return plan_text(self)

    __repr__ = __str__
