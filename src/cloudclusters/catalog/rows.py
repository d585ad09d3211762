"""What the catalog holds, as plain rows: machine types, prices, where they are sold, and what their parts are.

All quantities are in base units (bytes, bit/s, Hz, USD per hour). None is unknown; a known absence is a value:
`0`, or `"none"` in a text cell. A text cell may list alternatives (`a|b`): the provider may place the type on
either. `simd`, `accelerator_api` and `source` list what holds together (`a;b`).
"""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import Offer

NONE = "none"
"""The text cell of something that is known not to be there, as an accelerator on most machines."""

Cell = str | int | float | bool | None


class MachineType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An instance type of a provider; the fields are the columns that features name.

    `vcpus` are the usable ones. `accelerator_count` is below 1 for a share of a device;
    `accelerator_memory_bytes` is the nominal memory of one device, or of the share.
    `network_bps` is what can be sustained, `network_burst_bps` the peak or the documented maximum.
    Chip, memory type and interfaces of accelerators follow from their model, and `virtual` (Yes or No) from
    `bare_metal`: `settling` fills them.
    """

    provider: str
    instance_type: str
    family: str | None = None
    category: str | None = None
    generation: int | None = None
    current_generation: bool | None = None
    vcpus: int | None = None
    cores: int | float | None = None
    threads_per_core: int | None = None
    memory_bytes: int | None = None
    processor_model: str | None = None
    processor_manufacturer: str | None = None
    processor_microarchitecture: str | None = None
    isa: str | None = None
    simd: str | None = None
    clock_hz: int | None = None
    accelerator_model: str | None = None
    accelerator_manufacturer: str | None = None
    accelerator_architecture: str | None = None
    accelerator_type: str | None = None
    accelerator_count: int | float | None = None
    accelerator_memory_bytes: int | None = None
    accelerator_memory_reported_bytes: int | None = None
    accelerator_processor: str | None = None
    accelerator_memory_type: str | None = None
    accelerator_api: str | None = None
    storage_type: str | None = None
    storage_bytes: int | None = None
    storage_disks: int | None = None
    network_bps: int | None = None
    network_burst_bps: int | None = None
    rdma: str | None = None
    rdma_bps: int | None = None
    bare_metal: bool | None = None
    virtual: str | None = None
    burstable: bool | None = None
    spot: bool | None = None
    ecu: int | float | None = None
    source: str | None = None


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a type costs in a region, Linux, USD per hour; region `""` is a price that holds everywhere.

    `spot_savings_percent` is an average that the provider publishes, not a price; `spot_interruption_percent` is
    the upper end of the class it puts the type in. Dates differ per row.
    """

    provider: str
    instance_type: str
    region: str
    usd: float | None = None
    spot_usd: float | None = None
    spot_savings_percent: int | None = None
    spot_interruption_percent: int | None = None
    date: str | None = None
    spot_date: str | None = None
    source: str | None = None


class Offering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region where a type is sold, priced or not, and the zones where it is (none named: unknown)."""

    provider: str
    instance_type: str
    region: str
    zones: tuple[str, ...] = ()
    source: str | None = None


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region of a provider and where it lies; `partition` is the provider's partition or geography."""

    provider: str
    region: str
    zones: tuple[str, ...] = ()
    continent: str | None = None
    place: str | None = None
    display_name: str | None = None
    partition: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    source: str | None = None


class Processor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A processor model; `earlier_microarchitectures` is its vendor's line, newest first."""

    model: str
    aliases: tuple[str, ...] = ()
    manufacturer: str | None = None
    microarchitecture: str | None = None
    earlier_microarchitectures: tuple[str, ...] = ()
    archspec_name: str | None = None
    isa: str | None = None
    simd: tuple[str, ...] = ()
    cores: int | None = None
    threads: int | None = None
    clock_hz: int | None = None
    tdp_watts: int | None = None
    in_catalog: bool | None = None
    source: str | None = None


class Accelerator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An accelerator model; `earlier_architectures` is its vendor's line, newest first."""

    model: str
    aliases: tuple[str, ...] = ()
    manufacturer: str | None = None
    accelerator_type: str | None = None
    architecture: str | None = None
    earlier_architectures: tuple[str, ...] = ()
    chip: str | None = None
    memory_bytes: int | None = None
    memory_type: str | None = None
    compute_capability: str | None = None
    api: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    source: str | None = None


class Microarchitecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A processor microarchitecture in its vendor's order."""

    microarchitecture: str
    vendor: str | None = None
    isa: str | None = None
    previous_generation: str | None = None
    earlier_generations: tuple[str, ...] = ()
    archspec_name: str | None = None
    year: int | None = None
    simd: tuple[str, ...] = ()
    source: str | None = None


class AcceleratorArchitecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An accelerator architecture in its vendor's order."""

    architecture: str
    manufacturer: str | None = None
    previous_generation: str | None = None
    earlier_generations: tuple[str, ...] = ()
    compute_capability: str | None = None
    source: str | None = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All that one catalog holds. `date` is the day of the facts."""

    types: tuple[MachineType, ...] = ()
    prices: tuple[Price, ...] = ()
    offerings: tuple[Offering, ...] = ()
    regions: tuple[Region, ...] = ()
    processors: tuple[Processor, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    microarchitectures: tuple[Microarchitecture, ...] = ()
    accelerator_architectures: tuple[AcceleratorArchitecture, ...] = ()
    date: str = ""


class Priced(msgspec.Struct, frozen=True):
    """How many prices of a provider are known, and the first and the last day of those on demand."""

    on_demand: int
    spot: int
    oldest: str
    newest: str


class Judged(msgspec.Struct, frozen=True, gc=False):
    """How one type fares with a sequence of constraints: bit i of the masks is constraint i.

    A bit in neither mask is a constraint that the type is known not to meet.
    """

    provider: str
    instance_type: str
    met: int
    unknown: int


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A type that meets every constraint, in a place, at a price.

    `offer.available` is False when the catalog knows where the type is sold, and that is in none of the regions asked
    for.
    The spot figures are those of `Price`, None where the provider publishes none.
    """

    machine: MachineType
    offer: Offer
    spot_savings_percent: int | None = None
    spot_interruption_percent: int | None = None
