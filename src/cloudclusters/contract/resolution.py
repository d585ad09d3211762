"""The resolution as a document: every option in order, every rejection with its reason; frozen, stored as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Market, Offer, Rates
from cloudclusters.base.size import format_size
from cloudclusters.base.table import Cell, counted, table, usd
from cloudclusters.contract.document import ClusterType, nodes_text
from cloudclusters.contract.policy import figure_text, figure_title
from cloudclusters.vocabulary.constraint import Constraint, Range

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
    rates: dict[str, Rates] = {}
    """What is paid beside the machines' prices, by region; the empty region stands for all others."""
    stops_spot: bool = True
    """Machines of the spot market can be stopped and started like others."""


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
    count: int = 1
    """Nodes of it that the role needs."""
    spot_savings_percent: int | None = None
    spot_interruption_percent: int | None = None
    """Upper end of the class of interruptions that the provider publishes, percent a month; of spot machines alone."""
    figure: float | None = None
    """What the policy measures of all nodes, or per dollar of them; None is unknown, or nothing is measured."""
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
    """Its number of nodes; the least, where the contract leaves it open to `nodes`."""
    nodes: Range | None = None
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
    policy: str = "cheapest"
    """What came first: the name of a policy, or of the user's own function with `()`."""
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

    @property
    def title(self) -> str:
        """What is resolved, and by which policy where it is not the price."""
        policy = "" if self.policy == "cheapest" else f", policy {self.policy}"
        return f"Resolution of {self.contract}, {self.cluster_type}{policy}"

    def rows(self) -> list[dict[str, Cell]]:
        """One row per choice, by the words of the package: what `--json` gives."""
        return [{"role": role.role, **row(choice)} for role in self.roles for choice in role.choices]

    def __str__(self) -> str:
        parts = [self.title]
        for role in self.roles:
            parts += ["", _title(role), _role_table(role, self.policy)]
            if role.total > SHOWN:
                parts.append(f"… and {role.total - min(SHOWN, len(role.choices))} more offers")
        parts += ["", *self.notes] if self.notes else []
        return "\n".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cloudclusters.contract.notebook import resolution_html

        return resolution_html(self)


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
        "nodes": choice.count,
        "hourly_usd": offer.hourly_usd,
        "cluster_usd": choice.cluster_usd,
        "spot_savings_percent": choice.spot_savings_percent,
        "spot_interruption_percent": choice.spot_interruption_percent,
        "figure": choice.figure,
        "price_date": offer.price_date,
        "deployable": choice.deployable,
    }


def choices_table(choices: tuple[Choice, ...]) -> str:
    """Choices as a table for people, with the price of one node alone."""
    return _drawn(choices, _columns(choices))


def _role_table(role: RoleResolution, policy: str) -> str:
    """The first choices of a role with the price of the whole cluster, and with what the policy measures.

    And with the number of nodes, where the contract leaves it open.
    """
    choices = role.choices[:SHOWN]
    columns = _columns(choices, nodes=role.nodes is not None, whole_cluster=True)
    if title := figure_title(policy):
        columns[title] = lambda choice: figure_text(policy, choice.figure)
    return _drawn(choices, columns)


def _drawn(choices: Sequence[Choice], columns: Mapping[str, Callable[[Choice], Cell]]) -> str:
    text = table(list(columns), [[cell(choice) for cell in columns.values()] for choice in choices])
    return text if all(c.deployable for c in choices) else f"{text}\n* its provider is not installed here"


def _columns(
    choices: Sequence[Choice], *, nodes: bool = False, whole_cluster: bool = False
) -> dict[str, Callable[[Choice], Cell]]:
    """What the table shows; interruptions only where some are known."""
    columns: dict[str, Callable[[Choice], Cell]] = {
        "#": lambda choice: choice.rank,
        "provider": lambda choice: choice.offer.provider + ("" if choice.deployable else " *"),
        "instance_type": lambda choice: choice.offer.instance_type,
        "region": lambda choice: str(choice.offer.place) if choice.offer.place.region else "-",
        "market": lambda choice: str(choice.offer.market),
        "vcpus": lambda choice: choice.vcpus,
        "memory": lambda choice: None if choice.memory_bytes is None else format_size(choice.memory_bytes),
        "accelerators": devices,
    }
    if nodes:
        columns["nodes"] = lambda choice: choice.count
    columns["USD/h"] = lambda choice: usd(choice.offer.hourly_usd)
    if whole_cluster:
        columns["cluster USD/h"] = lambda choice: usd(choice.cluster_usd)
    columns["price of"] = lambda choice: choice.offer.price_date or "-"
    if any(_interruption(choice) for choice in choices):
        columns["interrupted"] = _interruption
    return columns


def _interruption(choice: Choice) -> str:
    """The class of interruptions of a spot machine, where the provider publishes it."""
    percent = choice.spot_interruption_percent
    if choice.offer.market is not Market.SPOT or percent is None:
        return ""
    return f"up to {percent} %"


def devices(choice: Choice) -> str:
    """The accelerators of a choice, in a few words."""
    if not choice.accelerator_count:
        return "-" if choice.accelerator_count is None and choice.accelerator else ""
    return f"{choice.accelerator_count:g} x {choice.accelerator or 'unknown'}"


def _title(role: RoleResolution) -> str:
    name = "" if role.role == "peer" else f"{role.role}: "
    nodes = nodes_text(role.nodes, role.count)
    offers, types = counted(role.total, "offer"), counted(role.types, "instance type")
    fit = "fits" if role.total == 1 else "fit"
    return f"{name}{nodes}; {offers} of {types} {fit}, of {role.considered} in the catalog"
