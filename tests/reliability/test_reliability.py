"""A sample of the table of reliability."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Launch, Slot
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.reliability.crashes import Stride, Trial
from cloudclusters.testing.reliability.faults import FAULTS
from cloudclusters.testing.reliability.points import Points
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.table import KILLED, Entry, entries, trials, use
from cloudclusters.testing.reliability.verbs import row_of

CHOICE = random.Random(20261128)
"""The sample is the same in every run, and another one when this is changed."""
SPAN = 30
"""Points of a verb among which the first one is chosen."""


def sample(provider: str, count: int) -> list[tuple[Entry, int]]:
    """So many verbs whose driver is killed, each with the point where the trials begin."""
    found = [entry for entry in entries() if (entry.fault, entry.provider) == (KILLED, provider)]
    return [(entry, CHOICE.randint(1, SPAN)) for entry in CHOICE.sample(found, min(count, len(found)))]


def some_faults(provider: str) -> list[tuple[Entry, int]]:
    """Each fault but that of a full disk, during one of its verbs."""
    wanted = [fault for fault in FAULTS if provider in fault.providers and "disk" not in fault.name]
    chosen = [Entry(fault=f.name, verb=CHOICE.choice(f.verbs), provider=provider) for f in wanted]
    return [(entry, CHOICE.randint(1, 5)) for entry in chosen]


def name(case: object) -> str:
    """What a case is called."""
    return f"{case.fault}, {case.verb}, {case.provider}" if isinstance(case, Entry) else f"from {case}"


def nothing_is_left(entry: Entry, first: int, *, step: int, most: int, bed: Bed | None = None) -> None:
    """At the first few points of an entry, so many apart."""
    tried = list(itertools.islice(trials(entry, Stride(first, step), bed), most))
    assert tried
    assert [each for each in tried if each.left] == []


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "first"), sample("fake", 99), ids=name)
def test_a_driver_killed_at_any_point_leaves_nothing_on_a_fake_cloud(entry: Entry, first: int) -> None:
    """Every verb, at some of its points."""
    nothing_is_left(entry, 1 + first % 23, step=23, most=3)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "first"), sample("local", 4), ids=name)
def test_a_driver_killed_at_any_point_leaves_nothing_on_this_machine(entry: Entry, first: int) -> None:
    """Some verbs, at one of their points each."""
    nothing_is_left(entry, first, step=1000, most=1)


@pytest.mark.bed
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("entry", "first"), sample("ec2", 4), ids=name)
def test_a_driver_killed_at_any_point_leaves_nothing_on_ec2(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, entry: Entry, first: int
) -> None:
    """Some verbs, at one of their points each."""
    on_bed(bed, monkeypatch)
    nothing_is_left(entry, first, step=1000, most=1, bed=bed)


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "first"), some_faults("fake"), ids=name)
def test_other_faults_leave_nothing(entry: Entry, first: int) -> None:
    """Every fault, during one of its verbs, at some points."""
    nothing_is_left(entry, first, step=29, most=2)


@pytest.mark.bed
def test_a_full_disk_leaves_nothing(bed: Bed) -> None:
    """In a world of its own, where a small file system may be mounted."""
    entry = Entry(fault="the disk of the store is full", verb="scale up", provider="fake")
    nothing_is_left(entry, 15, step=29, most=2)


def on_bed(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process and its children find the bed, for this test."""
    for name in (*bed.environment(), "AWS_MAX_ATTEMPTS"):
        monkeypatch.setenv(name, "")
    use(bed)


def test_the_table_sees_a_machine_that_no_record_accounts_for(tmp_path: Path) -> None:
    """Else an empty column would mean nothing."""
    stage = Stage(provider="fake", folder=tmp_path / "stage")
    trial = Trial(stage, row_of("restart"))
    trial.begin()
    ctx = stage.context(Points(lambda _: None))
    (record,) = ctx.store.records()
    launch = Launch(token="stranger", offer=record.nodes[0].offer, slots=(Slot("peer", 7),))
    (extra,) = ctx.provider("fake").launch(record.holding, launch)

    assert trial.end("status") == (f"after `status`: machine {extra.id} of {record.handle}",)
