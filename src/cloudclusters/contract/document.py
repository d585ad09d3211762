"""The contract and the plan as documents: frozen, stored as JSON, each with a version."""

from __future__ import annotations

import enum

import msgspec

from cloudclusters.base.cloud import Market, Offer, Rates, added
from cloudclusters.base.constraint import Constraint, Range
from cloudclusters.base.table import counted

Setting = str | int | float | bool
NODES = "node_count"


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

    Two contracts are equal, and hash alike, when they ask for the same: handle, date and version do not count, nor does
    an order of parameters or of alternatives.

    `assumptions` are the instance features by name, common to all roles; `roles` holds what one role adds or overrides.
    `sizing` are the constraints on the cluster as a whole, and `node_count` where the contract leaves it open: a range,
    of which each type gets the fewest nodes that will do. The number itself is `node_count`, the least of them.
    `settings` are configuration parameters given in the contract, `role_settings` those of one role.
    """

    handle: str
    cluster_type: ClusterType = ClusterType.PEER_WORKERS
    node_count: int = 1
    node_process_count: int = 1
    sizing: dict[str, Constraint] = {}
    assumptions: dict[str, Constraint] = {}
    roles: dict[str, dict[str, Constraint]] = {}
    settings: dict[str, Setting] = {}
    role_settings: dict[str, dict[str, Setting]] = {}
    possible: bool = False
    strict: bool = False
    created: float = 0.0
    version: int = 1

    @property
    def nodes(self) -> str:
        """The number of nodes in words: `8 nodes`, or `2 or more nodes` where it is left open."""
        return nodes_text(self.sizing.get(NODES), self.node_count)

    @property
    def digest(self) -> str:
        """The sha256, in hex, of what it asks for: the same for all contracts that are equal."""
        from cloudclusters.contract.sameness import contract_digest

        return contract_digest(self)

    def to_toml(self) -> str:
        """The contract as a file that `load_contract` reads back as an equal one."""
        from cloudclusters.contract.text import to_toml

        return to_toml(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Contract):
            return NotImplemented
        from cloudclusters.contract.sameness import asked

        return self is other or asked(self) == asked(other)

    def __ne__(self, other: object) -> bool:  # the one of Struct compares field by field
        return not self == other

    def __hash__(self) -> int:
        from cloudclusters.contract.sameness import asked

        return hash(asked(self))

    def __str__(self) -> str:
        from cloudclusters.contract.show import contract_text

        return contract_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import contract_html

        return contract_html(self)


def nodes_text(constraint: Constraint | None, count: int) -> str:
    """A number of nodes in words; `constraint` is what it was left open to."""
    if not isinstance(constraint, Range):
        return counted(count, "node")
    if constraint.high is None:
        return f"{count} or more nodes" if count > 1 else "as many nodes as it takes"
    return f"{count} to {constraint.high} nodes"


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
    steady_count: int = 0
    """How many of the nodes, the first ones, are bought on demand where the offer is of another market."""

    @property
    def groups(self) -> tuple[tuple[Offer, int], ...]:
        """What is bought, and how many of it: what is on demand first."""
        return groups(self.offer, self.count, self.steady_count)


def groups(offer: Offer, count: int, steady: int) -> tuple[tuple[Offer, int], ...]:
    """How `count` machines of an offer are bought: the first `steady` of them on demand, the others as it says."""
    if offer.market is Market.ON_DEMAND:
        return ((offer, count),)
    parts = ((offer.on_demand, steady), (offer, count - steady))
    return tuple((each, many) for each, many in parts if many)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The decision: what will be made, and at which price. `digest` covers all of it but `created`.

    Two plans are equal, and hash alike, when all that the digest covers is the same.
    """

    contract: str
    cluster_type: ClusterType
    provider: str
    roles: tuple[RolePlan, ...]
    rates: Rates = Rates()
    """What is paid beside the machines' prices in its region."""
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
        groups = [group for role in self.roles for group in role.groups]
        return added(None if offer.hourly_usd is None else count * offer.hourly_usd for offer, count in groups)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Plan):
            return NotImplemented
        from cloudclusters.contract.sameness import decided

        return self is other or decided(self) == decided(other)

    def __ne__(self, other: object) -> bool:  # the one of Struct compares field by field
        return not self == other

    def __hash__(self) -> int:
        from cloudclusters.contract.sameness import decided

        return hash(decided(self))

    def __str__(self) -> str:
        from cloudclusters.contract.show import plan_text

        return plan_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import plan_html

        return plan_html(self)
