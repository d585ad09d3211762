"""The whole table: each verb at each provider, and each fault during each of its verbs; and how one entry is tried."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.testing.reliability.crashes import Stride, Trial, Tried, sweep_points
from cloudclusters.testing.reliability.faults import FAULTS, fault_of
from cloudclusters.testing.reliability.following import commands_of
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.verbs import ROWS, row_of

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed

PROVIDERS = ("fake", "local", "ec2")
KILLED = "the driver is killed"
"""The fault of a driver that dies, tried at every provider with every next command."""
ENGINES = {"fake": "dask", "local": "none", "ec2": "none"}
SETTLES = 0.3
"""Seconds in which the bed shows what it made, where nothing else was ordered."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the table."""

    fault: str
    verb: str
    provider: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry: how many points there are, every how many-th was tried, how many cases that made, and
    what was wrong or left at which of them."""

    entry: Entry
    points: int
    step: int
    cases: int
    wrong: tuple[str, ...]
    seconds: float = 0.0


def entries() -> list[Entry]:
    """All of them, the dearest first."""
    crashes = [Entry(fault=KILLED, verb=row.name, provider=p) for row in ROWS for p in row.providers]
    faults = [Entry(fault=f.name, verb=verb, provider=p) for f in FAULTS for verb in f.verbs for p in f.providers]
    return sorted([*crashes, *faults], key=lambda entry: -PROVIDERS.index(entry.provider))


def trials(entry: Entry, stride: Stride, bed: Bed | None, *, each: bool = False) -> Iterator[Tried]:
    """Try the points of one entry."""
    with tempfile.TemporaryDirectory(prefix="cloudclusters-reliability-") as folder:
        stage = Stage(
            provider=entry.provider,
            folder=Path(folder, "stage"),
            engine=ENGINES[entry.provider],
            caller=bed.client_address if bed is not None else "",
            settles_after=SETTLES,
        )
        row = row_of(entry.verb)
        if entry.fault == KILLED:
            found = sweep_points(Trial(stage, row), commands_of(entry.provider), stride=stride, each=each)
        else:
            found = fault_of(entry.fault).trying(stage, row, stride, bed if entry.provider == "ec2" else None)
        for tried in found:
            yield tried if entry.provider != "ec2" else _looked_through(tried, bed)


def outcome(entry: Entry, stride: Stride, bed: Bed | None, *, each: bool = False) -> Outcome:
    """Try an entry to its end, on a bed that holds nothing of the entries before: it remembers all that was there."""
    if bed is not None:
        bed.clear()
    wrong: list[str] = []
    cases, tried_points = 0, set[int]()
    for tried in trials(entry, stride, bed, each=each):
        cases += 1
        tried_points.add(tried.point)
        wrong += [f"point {tried.point}, {tried.at}, then `{tried.command}`: {said}" for said in tried.left]
    points = max(tried_points, default=0)
    step = stride.step if len(tried_points) < points else 1
    return Outcome(entry=entry, points=points, step=step, cases=cases, wrong=tuple(wrong))


def use(bed: Bed) -> None:
    """Make every AWS tool of this process and its children find the bed, and repeat nothing behind our back."""
    os.environ.update({**bed.environment(), "AWS_MAX_ATTEMPTS": "1"})


def _looked_through(tried: Tried, bed: Bed | None) -> Tried:
    """With what the simulated EC2 itself still has: disks, keys and hosts as well, by whatever tags."""
    assert bed is not None
    bed.instances.settle()
    left = bed.left()
    bed.faults.clear()
    if not left:
        return tried
    bed.clear()
    return replace(tried, left=(*tried.left, str(left)))
