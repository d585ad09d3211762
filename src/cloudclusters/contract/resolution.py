"""The resolution as a document: every option in order, every rejection with its reason; frozen, stored as JSON."""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import Offer
from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, counted, table, usd
from cloudclusters.contract.document import ClusterType
from cloudclusters.vocabulary.constraint import Constraint

KEPT = 50
"""Most choices that a resolution keeps per role; `total` counts them all."""
KEPT_DEPLOYABLE = 10
"""Choices that can be deployed here are kept up to this number, wherever they rank."""
SHOWN = 10


class ProviderFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What resolution must know of a provider: plain facts, given by who knows the plugins."""

    name: str
    installed: bool = True
    """Its SDK can be found, so a cluster can be deployed there."""
    cloud: bool = True
    """Chosen when no provider is named."""
    shared: bool = False
    """All nodes of a cluster share the hardware of one machine."""
    regions: tuple[str, ...] = ()
    """Regions to use where the settings name none; the first is the configured one."""
    install: str = ""
    """What to type to install it."""
    max_nodes: int | None = None
    """Most nodes per cluster; None is no limit of its own."""
    root_disk_bytes: int = 0
    """The largest root disk that a machine can be given; 0 where the image's own size is all."""


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An offer that satisfies the contract, with what people compare it by."""

    rank: int
    offer: Offer
    vcpus: int | None = None
    memory_bytes: int | None = None
    storage_bytes: int | None = None
    """Its own disks."""
    isa: str = ""
    """Its instruction set, as `processor_isa`; empty is unknown."""
    accelerator: str = ""
    accelerator_count: int | float | None = None
    cluster_usd: float | None = None
    """All nodes of the cluster per hour, with the cheapest partner for the other role; None is unknown."""
    surplus: float = 0.0
    """How much more it has than asked for: doublings, summed over the quantities that have a lower bound."""
    deployable: bool = True
    """Its provider is installed here."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one constraint costs: how many types fail it, how many of them alone, how many for an unknown value."""

    constraint: str
    types: int
    alone: int = 0
    unknown: int = 0


class RoleResolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All options for one role. `choices` are the first of `total` offers, of `types` instance types."""

    role: str
    count: int
    assumptions: dict[str, Constraint]
    choices: tuple[Choice, ...]
    total: int
    types: int
    considered: int = 0
    """Instance types in the catalog."""
    rejections: tuple[Rejection, ...] = ()


class Resolution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All options of a contract, in order, with what they were worked out from."""

    contract: str
    cluster_type: ClusterType
    roles: tuple[RoleResolution, ...]
    regions: dict[str, str] = {}
    """The region considered at each provider; a provider that is not here is considered everywhere."""
    assumed: tuple[str, ...] = ()
    """Providers whose region nobody chose: the reference region was taken, and `plan` asks for one."""
    notes: tuple[str, ...] = ()
    catalog_digest: str = ""
    settings_digest: str = ""
    settings: dict[str, str] = {}
    """The configuration that was in force, as `section.key`: to show the difference when it changed."""
    created: float = 0.0
    version: int = 1

    @property
    def best(self) -> Choice:
        """The first choice of the entry's role."""
        return self.roles[0].choices[0]

    def rows(self) -> list[dict[str, Cell]]:
        """One row per choice, by the words of the package: what `--json` gives."""
        return [{"role": role.role, **row(choice)} for role in self.roles for choice in role.choices]

    def __str__(self) -> str:
        parts = [f"Resolution of {self.contract}, {self.cluster_type}"]
        for role in self.roles:
            parts += ["", _title(role), choices_table(role.choices[:SHOWN])]
            if role.total > SHOWN:
                parts.append(f"… and {role.total - min(SHOWN, len(role.choices))} more offers")
        parts += ["", *self.notes] if self.notes else []
        return "\n".join(parts)

    __repr__ = __str__


def row(choice: Choice) -> dict[str, Cell]:
    """A choice by the words of the package."""
    offer = choice.offer
    return {
        "rank": choice.rank,
        "provider": offer.provider,
        "instance_type": offer.instance_type,
        "region": offer.place.region,
        "zone": offer.place.zone,
        "market": str(offer.market),
        "vcpus": choice.vcpus,
        "memory_bytes": choice.memory_bytes,
        "accelerator": choice.accelerator,
        "accelerator_count": choice.accelerator_count,
        "hourly_usd": offer.hourly_usd,
        "cluster_usd": choice.cluster_usd,
        "price_date": offer.price_date,
        "deployable": choice.deployable,
    }


def choices_table(choices: tuple[Choice, ...], *, whole_cluster: bool = True) -> str:
    """Choices as a table for people, with the price of the whole cluster or of one node alone."""
    header = ["#", "provider", "instance_type", "region", "market", "vcpus", "memory", "accelerators", "USD/h"]
    last = ["cluster USD/h"] if whole_cluster else []
    text = table(header + last, [_cells(choice, whole_cluster=whole_cluster) for choice in choices])
    return text if all(c.deployable for c in choices) else f"{text}\n* its provider is not installed here"


def _cells(choice: Choice, *, whole_cluster: bool) -> list[Cell]:
    offer = choice.offer
    return [
        choice.rank,
        offer.provider + ("" if choice.deployable else " *"),
        offer.instance_type,
        str(offer.place) if offer.place.region else "-",
        str(offer.market),
        choice.vcpus,
        None if choice.memory_bytes is None else format_size(choice.memory_bytes),
        devices(choice),
        usd(offer.hourly_usd),
        *([usd(choice.cluster_usd)] if whole_cluster else []),
    ]


def devices(choice: Choice) -> str:
    """The accelerators of a choice, in a few words."""
    if not choice.accelerator_count:
        return "-" if choice.accelerator_count is None and choice.accelerator else ""
    return f"{choice.accelerator_count:g} x {choice.accelerator or 'unknown'}"


def _title(role: RoleResolution) -> str:
    name = "" if role.role == "peer" else f"{role.role}: "
    offers, types = counted(role.total, "offer"), counted(role.types, "instance type")
    fit = "fits" if role.total == 1 else "fit"
    return f"{name}{counted(role.count, 'node')}; {offers} of {types} {fit}, of {role.considered} in the catalog"
