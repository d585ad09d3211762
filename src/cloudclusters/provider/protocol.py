"""What a provider must do: six verbs, a few abilities, and facts about itself.

Every verb returns at once, may be repeated, is silent about what is already gone, and raises only
`ProviderError`s. Providers are plain blocking code; the core calls them through the door.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cloudclusters.base.cloud import Holding, Instance, Launch, Offer, Place, Rates, Remain
from cloudclusters.base.limits import AtLimit

if TYPE_CHECKING:
    from cloudclusters.catalog import Content
    from cloudclusters.catalog.refreshing import Survey, Tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """Facts about a provider, not verbs."""

    elastic: bool = True
    """Machines can be added to a cluster that runs."""
    spot: bool = False
    """Sells on the spot market."""
    stops_spot: bool = True
    """Machines of the spot market can be stopped and started like others."""
    max_nodes: int | None = None
    """Most nodes per cluster; None is no limit of its own."""
    cloud: bool = True
    """Chosen by `node_provider` when no provider is named; `local` and the fake are not."""
    free: bool = False
    """Costs nothing per hour."""
    shared: bool = False
    """All nodes of a cluster share the hardware of one machine."""
    ssh: bool = False
    """Its machines are entered over SSH, and read a first-boot text that says by which key."""
    root_disk_bytes: int = 0
    """The largest root disk that a machine can be given, paid beside it; 0 where the image's own size is all."""
    metadata: str = ""
    """Where its spot machines read that they are taken back: `HOST:PORT` of an IMDSv2 service; empty is nowhere."""
    settles_after: float = 0.0
    """Seconds until `describe` surely sees what an earlier call did; 0 is at once."""
    rates: Mapping[str, Rates] = field(default_factory=dict)
    """What is paid beside the machines' prices, by region; the empty region stands for all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a provider is opened with."""

    home: Path
    """Our home directory; a provider keeps its own state below `home / <its name>`."""
    owner: str
    """Who we are, for tags."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The provider's section of the configuration, as text by key."""


class Provider(Protocol):
    """Where machines come from."""

    @property
    def traits(self) -> Traits:
        """Facts about it; a plain attribute will do."""
        ...

    def offers(self, regions: Collection[str]) -> Iterable[Offer]:
        """Live prices and availability in these regions; empty is all of them."""
        ...

    def prepare(self, holding: Holding) -> Holding:
        """Make network, key, firewall, placement; return the holding with what was made in `resources`."""
        ...

    def launch(self, holding: Holding, launch: Launch) -> Sequence[Instance]:
        """Ask for machines, one per slot; the same token gives the same machines.

        May return fewer machines than slots when the provider had fewer; raises `NoCapacity` when none.
        """
        ...

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """Every machine of this holding that the provider still knows, found by tag."""
        ...

    def terminate(self, holding: Holding, ids: Collection[str]) -> None:
        """Ask for these machines to be deleted, disks included; `describe` tells when they are."""
        ...

    def release(self, holding: Holding) -> None:
        """Undo `prepare`; machines are gone already."""
        ...


@runtime_checkable
class CanStop(Protocol):
    """The provider can stop machines, keep their disks, and start them again."""

    def stop(self, holding: Holding, ids: Collection[str]) -> None:
        """Ask for these machines to stop; `describe` tells when they have."""
        ...

    def start(self, holding: Holding, ids: Collection[str]) -> None:
        """Ask for these stopped machines to run again; raises `NoCapacity` when there is none."""
        ...


@runtime_checkable
class CanFind(Protocol):
    """The provider can list all we hold there, by tag alone."""

    def find(self) -> Sequence[Holding]:
        """Every holding tagged as ours in the places configured, whatever store made it."""
        ...


@runtime_checkable
class CanConsole(Protocol):
    """The provider keeps what a machine printed while it booted."""

    def console(self, holding: Holding, instance: str) -> str:
        """The machine's console output so far."""
        ...


@runtime_checkable
class CanAdmit(Protocol):
    """The provider has a firewall of ours in front of the machines, and knows the caller's address."""

    def admit(self, holding: Holding, ports: Collection[int] = ()) -> Holding:
        """Let the caller's present address in, for SSH and these ports, and no address that was let in before.

        Returns the holding with what is admitted in `resources`; a firewall of the user's own is left alone.
        """
        ...


@runtime_checkable
class CanChooseZone(Protocol):
    """The provider can be told the zone of a region that machines shall be in."""

    def zones(self, offer: Offer) -> Sequence[Place]:
        """The zones of the offer's region where its type is sold, in the order to try; empty where unknown."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one look at the provider's account found; without `ok`, `hint` says what to do."""

    name: str
    ok: bool
    found: str
    hint: str = ""


@runtime_checkable
class CanCheck(Protocol):
    """The provider can say whether we may use it: credentials, region, permissions …"""

    def checks(self) -> Iterable[Check]:
        """Look, changing nothing and costing nothing; one finding after the other."""
        ...


@runtime_checkable
class CanEnter(Protocol):
    """The provider can let a key into a running machine for a minute: the way in for who lost the cluster's key."""

    def enter(self, holding: Holding, instance: str, user: str, public_key: str) -> None:
        """Let this public key (one line) in as `user`, for about a minute."""
        ...


@runtime_checkable
class CanMark(Protocol):
    """The provider can keep a few more words with machines that it has."""

    def mark(self, holding: Holding, words: Mapping[str, str]) -> None:
        """Keep these words with every machine of the holding, and those of the same names no more.

        `Instance.words` has them from then on; none may be secret.
        """
        ...


@runtime_checkable
class CanRemain(Protocol):
    """The provider can say what is there beside the machines of a holding, and what it costs."""

    def remains(self, holding: Holding) -> Sequence[Remain]:
        """Disks of the machines as they are now, what was made of these, and the user's own things in use.

        Those that do not go with their machines are left when the holding is let go of; changes nothing, costs nothing.
        """
        ...


@runtime_checkable
class CanEnd(Protocol):
    """The provider can be told what it means that a machine powers itself off: `Launch.at_limit`, and later this."""

    def at_power_off(self, holding: Holding, at_limit: AtLimit) -> None:
        """From now on, stop or delete machines of the holding that power themselves off; those it cannot stop go."""
        ...


@runtime_checkable
class CanRefresh(Protocol):
    """The provider can say what it sells today: machine types, where they are sold, and their prices."""

    def survey(self, regions: Collection[str], known: Content, tell: Tell) -> Survey:
        """Look at these regions (none: at all that we may use), telling each step; changes nothing, costs nothing.

        `known` is what the catalog holds: for its names of processors and accelerators, and its regions. Missing rights
        to prices are told in `gaps`; blocks for up to minutes. Raises `UnknownName` for a region that is not ours.
        """
        ...


class Open(Protocol):
    """How a plugin opens its provider."""

    def __call__(self, site: Site) -> Provider:
        """Open the provider; imports its SDK."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """A provider before it is opened: cheap to import, no SDK."""

    name: str
    title: str
    traits: Traits
    open: Open
    extra: str = ""
    """The extra that brings its SDK: `aws` is `pip install 'cloudclusters[aws]'`."""
    modules: tuple[str, ...] = ()
    """The SDK's top-level modules; the provider is installed when all can be found."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The keys of its configuration section, each with its meaning."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of the provider's own tools that set keys of its section, when nobody else does."""
    policy: Callable[[Mapping[str, str]], str] | None = None
    """The least rights that a user needs for these settings, as the provider writes them down."""
    hidden: bool = False
    """For tests: found by name, but not shown to users."""
