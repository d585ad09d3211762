"""The table of faults: what goes wrong beside a driver that is killed, and how. A new fault is a new row."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cloudclusters import errors
from cloudclusters.store import Store
from cloudclusters.store.store import FILE
from cloudclusters.testing.reliability import acting
from cloudclusters.testing.reliability.children import Child, Ended, in_child
from cloudclusters.testing.reliability.crashes import KILLED, Stride, Trial, Tried, sweep_points
from cloudclusters.testing.reliability.disorder import AFTER, BEFORE, THROTTLED, Disorder, Error
from cloudclusters.testing.reliability.following import COMMANDS
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.verbs import Row

if TYPE_CHECKING:
    from cloudclusters.testing.bed.bed import Bed

Trying = Callable[[Stage, Row, Stride, "Bed | None"], Iterator[Tried]]
_ROOM = "2m"
"""How large the disk of a home is that will be full."""
_RIVALS = ("terminate", "interrupt", "restart", "scale up")
"""Verbs on a running cluster, which another driver begins at the same moment."""
_CALLS = {
    "deploy": ("run_instances", "RunInstances"),
    "scale up": ("run_instances", "RunInstances"),
    "interrupt": ("stop_instances", "StopInstances"),
    "resume": ("start_instances", "StartInstances"),
    "terminate": ("terminate_instances", "TerminateInstances"),
}
"""What a verb mostly asks EC2 for, as the SDK calls it and as AWS does."""
_SLOW = 0.5
"""Seconds that EC2 takes to act on a call that its caller does not live to see answered."""


def _struck(
    trial: Trial, stride: Stride, strike: Callable[[Trial, int], Ended], *, may_fail: bool = True
) -> Iterator[Tried]:
    """Strike at one point after the other; who is struck goes on, and ends well or says what is wrong."""
    commands, point = itertools.cycle(COMMANDS), stride.first
    while True:
        trial.begin()
        ended, command = strike(trial, point), next(commands)
        at = ended.said[0] if ended.said else "its end"
        yield Tried(point=point, at=at, command=command, left=(*_untold(ended, may_fail=may_fail), *trial.end(command)))
        if not ended.said:
            return
        point += stride.step


def _untold(ended: Ended, *, may_fail: bool) -> tuple[str, ...]:
    """What a driver said that is no error of ours, or that it failed where it must not."""
    if ended.code == 0:
        return ()
    kind = getattr(errors, ended.said[-1].partition(":")[0], None) if ended.said else None
    told = isinstance(kind, type) and issubclass(kind, errors.CloudClustersError)
    return () if told and may_fail else (*ended.said, f"the driver ended with {ended.code}")


def _two_drivers(stage: Stage, row: Row, _: Stride, __: Bed | None) -> Iterator[Tried]:
    trial, commands = Trial(stage, row), itertools.cycle(COMMANDS)
    for number, rival in enumerate(_RIVALS, start=1):
        trial.begin()
        begin = time.time() + 0.3
        both = [Child(acting.act_on_time, stage, name, trial.handle, begin) for name in (row.name, rival)]
        ends = [child.ended() for child in both]
        odd = [said for ended in ends for said in _untold(ended, may_fail=True)]
        odd += [f"neither {row.name} nor {rival} was done: {ends}"] if all(ended.code for ended in ends) else []
        command = next(commands)
        yield Tried(point=number, at=f"beside {rival}", command=command, left=(*odd, *trial.end(command)))


def _asleep(stage: Stage, row: Row, stride: Stride, _: Bed | None) -> Iterator[Tried]:
    def strike(trial: Trial, point: int) -> Ended:
        sleeper = Child(acting.act_and_sleep, stage, row.name, trial.handle, point)
        at = sleeper.heard()
        if not at:
            return sleeper.ended()
        taken = in_child(acting.take_over, stage)
        sleeper.wake()
        ended = sleeper.ended()
        return Ended(code=ended.code or taken.code, said=(at, *taken.said, *ended.said))

    yield from _struck(Trial(stage, row), stride, strike)


def _provider_fails(error: Error) -> Trying:
    def tried(stage: Stage, row: Row, stride: Stride, bed: Bed | None) -> Iterator[Tried]:
        trial, commands, disorder = Trial(stage, row), itertools.cycle(COMMANDS), Disorder(stage, row.name, bed)
        step = stride.step if bed is None else 1  # kinds of calls, not calls
        for call in itertools.count(stride.first, step):
            trial.begin()
            at = disorder.order(call, error)
            ended, command = in_child(acting.act, stage, row.name, trial.handle, 0), next(commands)
            past = disorder.is_past(call)
            disorder.mend()
            odd = _untold(ended, may_fail=not past)
            yield Tried(point=call, at=at or "its end", command=command, left=(*odd, *trial.end(command)))
            if past:
                return

    return tried


def _seen_late(stage: Stage, row: Row, stride: Stride, bed: Bed | None) -> Iterator[Tried]:
    def ready(at: Stage) -> None:
        if bed is None:
            at.cloud.lag(looks=2, seconds=0.2)
        else:
            bed.faults.invisible = 0.3

    late = stage if bed is None else replace(stage, settles_after=1.0)
    yield from sweep_points(Trial(late, row, ready=ready), COMMANDS, stride=stride)


def _clock_jumps(seconds: float) -> Trying:
    def tried(stage: Stage, row: Row, stride: Stride, _: Bed | None) -> Iterator[Tried]:
        def strike(trial: Trial, point: int) -> Ended:
            return in_child(acting.act_and_jump, stage, row.name, trial.handle, point, seconds)

        yield from _struck(Trial(stage, row), stride, strike, may_fail=False)

    return tried


def _disk_full(stage: Stage, row: Row, stride: Stride, _: Bed | None) -> Iterator[Tried]:
    """A home on a file system of its own, which is full from the point on until the next command."""

    def strike(trial: Trial, point: int) -> Ended:
        ended = in_child(acting.act_and_fill, stage, row.name, trial.handle, point)
        (stage.home / "filler").unlink(missing_ok=True)
        return ended

    def ready(at: Stage) -> None:
        kept = at.folder / "kept"
        at.home.mkdir(exist_ok=True)
        at.home.rename(kept)
        at.home.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "small", at.home], check=True)
        subprocess.run(["cp", "-a", f"{kept}/.", at.home], check=True)

    for tried in _struck(Trial(stage, row, ready=ready), stride, strike):
        subprocess.run(["umount", stage.home], check=True)
        yield tried


def _without_wal(stage: Stage, row: Row, stride: Stride, _: Bed | None) -> Iterator[Tried]:
    """The store in the mode that it has on a network file system; which file system it is makes no difference."""

    def ready(at: Stage) -> None:
        Store.open(at.home).close()
        connection = sqlite3.connect(at.home / FILE)
        (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        connection.close()
        if mode != "delete":
            raise RuntimeError(f"the journal mode is {mode}")

    yield from sweep_points(Trial(stage, row, ready=ready), COMMANDS, stride=stride)


def _two_users(stage: Stage, row: Row, stride: Stride, _: Bed | None) -> Iterator[Tried]:
    neighbour = replace(stage, other=True)

    def ready(_: Stage) -> None:
        (handle,) = in_child(acting.move_in, neighbour).said
        trial.stage = trial.acting = replace(stage, beside=handle)

    trial = Trial(stage, row, ready=ready)
    for tried in sweep_points(trial, COMMANDS, stride=stride):
        yield replace(tried, left=(*tried.left, *in_child(acting.move_out, neighbour).said))


def _in_flight(stage: Stage, row: Row, _: Stride, bed: Bed | None) -> Iterator[Tried]:
    call, action = _CALLS[row.name]
    assert bed is not None
    for number, command in enumerate(COMMANDS, start=1):
        trial = Trial(replace(stage, settles_after=3 * _SLOW), row)
        trial.begin()
        bed.faults.latency[action] = _SLOW
        ended = in_child(acting.act_in_flight, stage, row.name, trial.handle, call)
        bed.faults.clear()
        odd = () if ended.code == KILLED else (f"the driver ended with {ended.code}", *ended.said)
        yield Tried(point=number, at=f"with {action} under way", command=command, left=(*odd, *trial.end(command)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault as it is tried: its name in the table, during which verbs, and at which providers."""

    name: str
    trying: Trying
    verbs: tuple[str, ...]
    providers: tuple[str, ...] = ("fake",)


_MOST = ("deploy", "terminate", "interrupt", "resume", "scale up", "scale down")
_BUYING = ("deploy", "scale up", "replace")
FAULTS = (
    Fault(name="two drivers at once", trying=_two_drivers, verbs=_RIVALS, providers=("fake", "ec2")),
    Fault(name="a laptop sleeps past its lease", trying=_asleep, verbs=(*_MOST, "replace"), providers=("fake", "ec2")),
    Fault(name="the driver dies with a call under way", trying=_in_flight, verbs=tuple(_CALLS), providers=("ec2",)),
    Fault(
        name="the provider fails before the effect",
        trying=_provider_fails(BEFORE),
        verbs=(*_MOST, "replace"),
        providers=("fake", "ec2"),
    ),
    Fault(
        name="the provider fails after the effect",
        trying=_provider_fails(AFTER),
        verbs=(*_MOST, "replace"),
        providers=("fake", "ec2"),
    ),
    Fault(name="the provider throttles", trying=_provider_fails(THROTTLED), verbs=_MOST, providers=("fake", "ec2")),
    Fault(name="the provider shows things late", trying=_seen_late, verbs=_BUYING, providers=("fake", "ec2")),
    Fault(name="the clock jumps an hour ahead", trying=_clock_jumps(3600.0), verbs=_MOST),
    Fault(name="the clock jumps an hour back", trying=_clock_jumps(-3600.0), verbs=_MOST),
    Fault(name="the disk of the store is full", trying=_disk_full, verbs=_MOST),
    Fault(name="the store has no write-ahead log", trying=_without_wal, verbs=_MOST),
    Fault(name="two users share the account", trying=_two_users, verbs=_MOST),
)
"""Every fault."""


def fault_of(name: str) -> Fault:
    """The fault of this name."""
    return next(fault for fault in FAULTS if fault.name == name)
