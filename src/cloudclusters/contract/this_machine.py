"""This machine as a catalog of one type, which costs nothing: what the contract floor makes of what was detected."""

from __future__ import annotations

from typing import Protocol

from cloudclusters.catalog import Catalog, MachineType, Price

PROVIDER = "local"
INSTANCE_TYPE = "this-machine"
REGION = "local"


class DetectedProcessor(Protocol):
    """What must be known of a processor; None is unknown."""

    @property
    def model(self) -> str | None: ...
    @property
    def manufacturer(self) -> str | None: ...
    @property
    def microarchitecture(self) -> str | None: ...
    @property
    def isa(self) -> str | None: ...
    @property
    def simd(self) -> str | None: ...


class DetectedAccelerators(Protocol):
    """What must be known of all accelerators together."""

    @property
    def count(self) -> int | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def manufacturer(self) -> str | None: ...
    @property
    def architecture(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def memory_bytes(self) -> int | None: ...


class Detected(Protocol):
    """What `detect.machine()` gives, by its shape: this floor is below `detect`."""

    @property
    def vcpus(self) -> int: ...
    @property
    def cores(self) -> int | None: ...
    @property
    def memory_bytes(self) -> int: ...
    @property
    def storage_bytes(self) -> int: ...
    @property
    def network_bps(self) -> int | None: ...
    @property
    def processor(self) -> DetectedProcessor: ...
    @property
    def accelerators(self) -> DetectedAccelerators: ...


def this_machine_type(detected: Detected) -> MachineType:
    """This machine as a row of the catalog.

    Its disk is rounded down to a power of two: what is free changes by the minute, and the catalog's digest must not.
    """
    processor, accelerators = detected.processor, detected.accelerators
    disk = detected.storage_bytes
    return MachineType(
        provider=PROVIDER,
        instance_type=INSTANCE_TYPE,
        vcpus=detected.vcpus,
        cores=detected.cores,
        memory_bytes=detected.memory_bytes,
        storage_bytes=1 << disk.bit_length() - 1 if disk > 0 else 0,
        network_bps=detected.network_bps,
        processor_model=processor.model,
        processor_manufacturer=processor.manufacturer,
        processor_microarchitecture=processor.microarchitecture,
        isa=processor.isa,
        simd=processor.simd,
        accelerator_count=accelerators.count,
        accelerator_model=accelerators.model,
        accelerator_manufacturer=accelerators.manufacturer,
        accelerator_architecture=accelerators.architecture,
        accelerator_type=accelerators.type,
        accelerator_memory_bytes=accelerators.memory_bytes,
        rdma="none",
        bare_metal=False,
        burstable=False,
        spot=False,
    )


def this_machine(detected: Detected) -> Catalog:
    """A catalog of this machine alone, at 0 USD per hour; join it with the packaged one."""
    price = Price(PROVIDER, INSTANCE_TYPE, REGION, usd=0.0)
    return Catalog.build([this_machine_type(detected)], [price])
