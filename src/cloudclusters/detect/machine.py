"""This machine as a row of the catalog would say it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from cloudclusters.detect.accelerators import Accelerators, accelerators
from cloudclusters.detect.limits import usable_memory, usable_vcpus
from cloudclusters.detect.processor import Processor, processor


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What this process may use of this machine; None is unknown.

    Names are those of the taxonomies. `storage_bytes` is what is free where the nodes will live.
    """

    vcpus: int
    cores: int | None
    memory_bytes: int
    storage_bytes: int
    processor: Processor
    accelerators: Accelerators
    network_bps: int | None = None


def machine(path: str | Path = ".") -> Machine:
    """Look at this machine, and at the disk that holds `path`.

    Takes some tens of milliseconds, longer where a driver's tool is asked; look once and keep the answer.
    """
    import shutil

    import psutil

    vcpus = usable_vcpus()
    cores = psutil.cpu_count(logical=False)
    return Machine(
        vcpus=vcpus,
        cores=min(cores, vcpus) if cores else None,
        memory_bytes=usable_memory(psutil.virtual_memory().total),
        storage_bytes=shutil.disk_usage(_existing(Path(path))).free,
        processor=processor(),
        accelerators=accelerators(),
    )


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is already there."""
    resolved = path.resolve()
    return next(each for each in (resolved, *resolved.parents) if each.exists())
