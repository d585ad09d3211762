"""One point after the other: kill the driver there, run the next command, and say what is left."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cloudclusters.testing.reliability.acting import act, set_up
from cloudclusters.testing.reliability.children import in_child
from cloudclusters.testing.reliability.following import follow
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.verbs import Row

KILLED = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A point that was tried: where it was, which command came next, and what was wrong or left."""

    point: int
    at: str
    command: str
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stride:
    """Which points are tried: the first one, and every so many-th from there."""

    first: int = 1
    step: int = 1


class Trial:
    """A verb on a stage, again and again from the same beginning; `ready` is done last before each."""

    def __init__(self, stage: Stage, row: Row, *, ready: Callable[[Stage], None] | None = None) -> None:
        self.stage = stage
        self.row = row
        self.acting = dataclasses.replace(stage, other=row.from_another_home)
        """As the driver of the verb sees the stage."""
        self.handle = ""
        self._ready = ready
        self._kept = stage.folder.with_name(f"{stage.folder.name}-before")

    def begin(self) -> None:
        """Have what comes before the verb, and nothing else; a cloud that is a file is not made twice."""
        shutil.rmtree(self.stage.folder, ignore_errors=True)
        if self._kept.exists():
            shutil.copytree(self._kept, self.stage.folder)
        else:
            self._set_up()
        if self._ready is not None:
            self._ready(self.stage)

    def end(self, command: str) -> tuple[str, ...]:
        """Run the next command; what was not as it should be, and what is left."""
        if self.stage.provider == "fake":
            self.stage.cloud.mend()
        turns = [(self.acting, command)]
        if self.row.from_another_home:  # the record of the first home is still there
            turns.append((self.stage, "terminate"))
        odd: list[str] = []
        for stage, what in turns:
            done = in_child(follow, stage, what)
            odd += done.said
            odd += [f"`{what}` ended with {done.code}"] if done.code else []
        for stage, _ in turns:
            odd += stage.left()
        return tuple(odd)

    def _set_up(self) -> None:
        self.stage.folder.mkdir(parents=True)
        if self.row.before:
            done = in_child(set_up, self.stage, self.row.name)
            if done.code != 0 or len(done.said) != 1:
                raise RuntimeError(f"what comes before {self.row.name} failed: {done}")
            (self.handle,) = done.said
        if self.stage.provider == "fake":
            if self.row.no_capacity:
                self.stage.cloud.fail("start", "NoCapacity", times=None)
            shutil.copytree(self.stage.folder, self._kept)


def sweep_points(trial: Trial, commands: Sequence[str], *, stride: Stride, each: bool = False) -> Iterator[Tried]:
    """Kill the driver at one point after the other, until the verb runs to its end.

    The next commands take turns, or with `each` all of them are tried at every point.
    """
    turns, point = list(commands), stride.first
    while True:
        for command in turns if each else turns[:1]:
            trial.begin()
            done = in_child(act, trial.acting, trial.row.name, trial.handle, point)
            left = trial.end(command)
            if done.code not in (KILLED, 0):
                left = (*done.said, f"the driver ended with {done.code}", *left)
            at = done.said[0] if done.code == KILLED else "its end"
            yield Tried(point=point, at=at, command=command, left=left)
        if done.code != KILLED:
            return
        turns.append(turns.pop(0))
        point += stride.step
