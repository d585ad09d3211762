"""What a provider sells and what we hold there: the data that passes between lifecycle and providers.

Everything here is stored or sent, so it is a frozen `msgspec.Struct` that forbids unknown fields.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping

import msgspec

from cloudclusters.base.limits import AtLimit


class Market(enum.StrEnum):
    """How a machine is sold."""

    ON_DEMAND = "on-demand"
    """At the list price, until we let go."""
    SPOT = "spot"
    """Cheaper, and the provider may take it back."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A region and, where it matters, a zone of it."""

    region: str = ""
    zone: str = ""

    def __str__(self) -> str:
        return self.zone or self.region or "anywhere"


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An instance type, in a place, on a market, at a price (USD per node and hour; None is unknown)."""

    provider: str
    instance_type: str
    place: Place = Place()
    market: Market = Market.ON_DEMAND
    hourly_usd: float | None = None
    price_date: str = ""
    available: bool = True
    on_demand_usd: float | None = None
    """What the same machine costs on demand, where `market` is another; None is unknown."""

    @property
    def on_demand(self) -> Offer:
        """The same machine, in the same place, on demand."""
        if self.market is Market.ON_DEMAND:
            return self
        return msgspec.structs.replace(self, market=Market.ON_DEMAND, hourly_usd=self.on_demand_usd, on_demand_usd=None)

    def is_like(self, other: Offer) -> bool:
        """Whether it is the same type in the same region, on whatever market."""
        mine = (self.provider, self.instance_type, self.place.region)
        return mine == (other.provider, other.instance_type, other.place.region)


def added(prices: Iterable[float | None]) -> float | None:
    """The sum of prices in USD, exact in the millionths that prices are kept in; None where one of them is unknown."""
    known: list[float] = []
    for price in prices:
        if price is None:
            return None
        known.append(price)
    return round(math.fsum(known), 6)


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
    """When it was last started, by the provider's clock; where a start does not change it, when it was made."""
    ended_at: float = 0.0
    """When it last stopped or was deleted, by the provider's clock; 0 where it runs, or nobody tells."""
    disk_bytes: int = 0
    """Size of its root disk; 0 where nobody tells."""
    reason: str = ""
    powered_off: bool = False
    """It does not run, because it powered itself off: nobody asked its provider for that."""
    words: dict[str, str] = {}
    """What was kept with it by `CanMark`; holds no secret."""


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider takes in a region beside the machines' own prices, and from when on. None is unknown, 0 nothing.

    The provider says where the figures are from.
    """

    disk_usd: float | None = None
    """USD per hour and GiB of a root disk, from the launch until the machine is deleted, also while it is stopped."""
    address_usd: float | None = None
    """USD per hour and public address, while its machine runs."""
    billed_from: InstanceState = InstanceState.RUNNING
    """The first state of a machine that is paid: `pending` or `running`."""
    least: float = 0.0
    """Seconds that are paid at least for every start."""


def rates_in(rates: Mapping[str, Rates], region: str) -> Rates:
    """The region's rates, or those of the empty region, which stands for all others; what is not known is None."""
    return rates.get(region) or rates.get("") or Rates()


NOTHING = Rates(disk_usd=0.0, address_usd=0.0, billed_from=InstanceState.PENDING)
"""Nothing is paid beside the machines."""


class Remain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something beside the machines that is paid, or is the user's own: a disk, a snapshot, a group, a key."""

    kind: str
    """`disk`, `snapshot`, `image`, `security group`, `key pair` …, as the provider calls it."""
    id: str
    size_bytes: int = 0
    monthly_usd: float | None = 0.0
    """What it costs while it is there; None is unknown."""
    why: str = ""
    """Why it stays, in a few words."""
    machine: str = ""
    """The machine that it belongs to or was made of; empty where it is of none, or where that is not known."""
    goes: bool = False
    """It is deleted together with its machine."""


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
    """Until when its maker claims it, in seconds since the epoch, whatever its machines say later."""
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
    at_limit: AtLimit = AtLimit.TERMINATE
    """What its powering off means to the provider that can be told (`CanEnd`); one that cannot stop it deletes it."""
    rdma: bool = False
    """With the provider's network interface for RDMA."""
    vcpus: int | None = None
    memory_bytes: int | None = None

    def __repr__(self) -> str:
        """All but the first-boot text, which holds a key."""
        told = (f"{name}={value!r}" for name, value in msgspec.structs.asdict(self).items() if name != "user_data")
        return f"Launch({', '.join(told)})"
