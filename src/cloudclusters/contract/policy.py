"""What makes one offer better than another: the price, the fit, or how much the machines do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.base.size import format_rate, format_size
from cloudclusters.catalog import MachineType

if TYPE_CHECKING:
    from cloudclusters.contract.resolution import Choice

CHEAPEST, TIGHTEST, PINNED, FASTEST = "cheapest", "tightest", "pinned", "fastest"
PER_DOLLAR = "-per-dollar"

Policy = Callable[["Choice"], object]
"""A policy of the user's own: what it gives is compared, and the smallest comes first."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a machine is, by one of its figures."""

    of: Callable[[MachineType], float | None]
    """Of one machine; None where the catalog does not say."""
    meaning: str
    show: Callable[[float], str]


def _clock(machine: MachineType) -> float | None:
    if machine.vcpus is None or machine.clock_hz is None:
        return None
    return machine.vcpus * machine.clock_hz / 1e9


def _accelerator_memory(machine: MachineType) -> float | None:
    if machine.accelerator_count == 0:
        return 0.0
    if machine.accelerator_count is None or machine.accelerator_memory_bytes is None:
        return None
    return float(machine.accelerator_count) * machine.accelerator_memory_bytes


def _plain(figure: float) -> str:
    return f"{figure:,.10g}"


MEASURES: Mapping[str, Measure] = {
    FASTEST: Measure(of=_clock, meaning="vCPU-GHz", show=lambda figure: f"{figure:,.0f} vCPU-GHz"),
    f"{FASTEST}-cores": Measure(of=lambda m: m.cores, meaning="physical cores", show=lambda f: f"{_plain(f)} cores"),
    f"{FASTEST}-memory": Measure(of=lambda m: m.memory_bytes, meaning="main memory", show=format_size),
    f"{FASTEST}-network": Measure(of=lambda m: m.network_bps, meaning="sustained network bandwidth", show=format_rate),
    f"{FASTEST}-accelerator-memory": Measure(of=_accelerator_memory, meaning="accelerator memory", show=format_size),
}
"""By the policy's name, without `-per-dollar`."""


def measure_of(policy: str) -> Measure | None:
    """What the policy measures; None of those that rank by price or fit alone."""
    return MEASURES.get(policy.removesuffix(PER_DOLLAR))


def figure(policy: str, machine: MachineType, count: int, cluster_usd: float | None) -> float | None:
    """How fast all nodes are together, or each dollar of them; None where the catalog does not say."""
    measure = measure_of(policy)
    one = None if measure is None else measure.of(machine)
    if one is None:
        return None
    if not policy.endswith(PER_DOLLAR):
        return one * count
    if cluster_usd is None:
        return None
    return one * count / cluster_usd if cluster_usd else float("inf")


def figure_text(policy: str, found: float | None) -> str:
    """The figure for people."""
    measure = measure_of(policy)
    if measure is None or found is None:
        return "unknown"
    if math.isinf(found):
        return "free"
    return measure.show(found) + (" per USD/h" if policy.endswith(PER_DOLLAR) else "")


def figure_title(policy: str) -> str:
    """What the figures of this policy are; empty where it has none."""
    measure = measure_of(policy)
    return "" if measure is None else measure.meaning
