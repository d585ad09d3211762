"""What a provider sells and what we hold there: the data that passes between lifecycle and providers.

Everything here is stored or sent, so it is a frozen `msgspec.Struct` that forbids unknown fields.
"""

from __future__ import annotations

import enum

import msgspec


class Market(enum.StrEnum):
    """How a machine is sold."""

    ON_DEMAND = "on-demand"
    """At the list price, until we let go."""
    SPOT = "spot"
    """Cheaper, and the provider may take it back."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region and, where it matters, a zone of it."""

    region: str = ""
    zone: str = ""

    def __str__(self) -> str:
        return self.zone or self.region or "anywhere"


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instance type, in a place, on a market, at a price (USD per node and hour; None is unknown)."""

    provider: str
    instance_type: str
    place: Place = Place()
    market: Market = Market.ON_DEMAND
    hourly_usd: float | None = None
    price_date: str = ""
    available: bool = True


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seat in a cluster that one machine fills: its role (`peer`, `manager`, `worker`) and index."""

    role: str
    index: int

    @property
    def name(self) -> str:
        """The node's name: `node0`, `node1` … among peers, else `manager`, `worker0` …."""
        if self.role == "manager":
            return "manager"
        return f"{'node' if self.role == 'peer' else self.role}{self.index}"


class SocketEndpoint(msgspec.Struct, frozen=True, tag="socket", forbid_unknown_fields=True):
    """A node on this machine: the Unix socket where its agent answers."""

    path: str


class SshEndpoint(msgspec.Struct, frozen=True, tag="ssh", forbid_unknown_fields=True):
    """A node that answers over SSH, directly or through the node named `jump`."""

    host: str
    port: int = 22
    user: str = ""
    jump: str = ""


Endpoint = SocketEndpoint | SshEndpoint


class InstanceState(enum.StrEnum):
    """What a provider says of a machine, in our words."""

    PENDING = "pending"
    """Asked for, not running yet."""
    RUNNING = "running"
    """Running and billed."""
    STOPPING = "stopping"
    """On its way to stopped."""
    STOPPED = "stopped"
    """Not running; its disk is kept."""
    TERMINATING = "terminating"
    """On its way out; nothing brings it back."""
    GONE = "gone"
    """Deleted, lost or unknown to the provider."""


class Instance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine at a provider, as `describe` sees it."""

    id: str
    slot: Slot
    token: str
    state: InstanceState
    instance_type: str
    place: Place = Place()
    market: Market = Market.ON_DEMAND
    endpoint: Endpoint | None = None
    inner_address: str = ""
    public_address: str = ""
    launched_at: float = 0.0
    reason: str = ""
    words: dict[str, str] = {}
    """What was kept with it by `CanMark`; holds no secret."""


class Holding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one cluster holds at one provider in one region: enough to find every piece of it by tag.

    `resources` names what `prepare` made (a group, a key …), by the provider's own words.
    """

    provider: str
    cluster: str
    owner: str
    store: str
    place: Place = Place()
    name: str = ""
    expires: float | None = None
    settings: dict[str, str] = {}
    resources: dict[str, str] = {}


class Launch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for machines. The same `token` again gives the same machines, never more."""

    token: str
    offer: Offer
    slots: tuple[Slot, ...]
    image: str = ""
    user_data: str = ""
    """What the machine reads at its first boot; cloud-init's forms."""
    disk_bytes: int | None = None
    """Least size of its root disk; None is the image's own."""
    words: dict[str, str] = {}
    """Kept with each machine, as by `CanMark`."""
    rdma: bool = False
    """With the provider's network interface for RDMA."""
    vcpus: int | None = None
    memory_bytes: int | None = None

    def __repr__(self) -> str:
        """All but the first-boot text, which holds a key."""
        told = (f"{name}={value!r}" for name, value in msgspec.structs.asdict(self).items() if name != "user_data")
        return f"Launch({', '.join(told)})"
