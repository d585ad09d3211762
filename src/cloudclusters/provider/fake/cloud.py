"""The fake cloud itself: how a call is made, logged, and goes wrong when that was ordered.

The controls that tests hold are in `cloudclusters.testing.cloud`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from cloudclusters import errors
from cloudclusters.base.cloud import Launch
from cloudclusters.errors import InternalError, ProviderError
from cloudclusters.provider.fake.machine import settled
from cloudclusters.provider.fake.world import Call, Fault, File, Keep, Memory, World

Watch = Callable[[str, str], None]
"""Told the verb, and `before` or `after`, at every call, in the caller's thread."""


class Cloud:
    """A cloud in memory, or in the file `path`, which may be shared by processes and outlives them."""

    def __init__(self, path: Path | None = None, *, now: Callable[[], float] = time.time) -> None:
        self._keep: Keep = Memory() if path is None else File(path)
        self.now = now
        self.watches: list[Watch] = []
        """Called at every call of a verb; may raise, block, or turn controls."""
        self.changes: list[Callable[[], None]] = []
        """Called whenever something may have changed, in whichever thread did it."""

    @contextlib.contextmanager
    def call(
        self, verb: str, cluster: str = "", about: Sequence[str] = (), *, launch: Launch | None = None
    ) -> Iterator[tuple[World, int | None]]:
        """One call of a verb: the world, and how many machines a launch may make (None: all).

        Logs the call, and fails as ordered, before or after the effect; the world keeps both in any case.
        """
        self._tell(verb, "before")
        with self.opened() as world:
            fault = _next_fault(world.faults, verb, launch)
            error = "" if fault is None or fault.leave is not None else fault.error
            try:
                if fault is None or fault.after or fault.leave is not None:
                    yield world, None if fault is None else fault.leave
            except ProviderError as exc:
                error = type(exc).__name__
                raise
            finally:
                about = tuple(about)
                world.calls.append(Call(verb=verb, cluster=cluster, about=about, at=self.now(), error=error))
        if fault is not None and error:
            _strike(fault, verb)
        self._tell(verb, "after")

    @contextlib.contextmanager
    def opened(self) -> Iterator[World]:
        """The world, to be changed, for one caller at a time."""
        with self._keep.opened() as world:
            self._settle(world)
            yield world
        for tell in list(self.changes):
            tell()

    @contextlib.contextmanager
    def seen(self) -> Iterator[World]:
        """The world, only to be looked at."""
        with self._keep.opened(write=False) as world:
            self._settle(world)
            yield world

    def _settle(self, world: World) -> None:
        """What time alone has done."""
        for machine in world.machines.values():
            world.machines[machine.id] = settled(machine, now=self.now())

    def _tell(self, verb: str, when: str) -> None:
        for watch in list(self.watches):
            watch(verb, when)


def _next_fault(faults: list[Fault], verb: str, launch: Launch | None) -> Fault | None:
    """The fault that strikes this call; counts the call for all that fit."""
    struck: Fault | None = None
    for fault in list(faults):
        if not _fits(fault, verb, launch):
            continue
        place = faults.index(fault)
        if fault.skip > 0:
            faults[place] = msgspec.structs.replace(fault, skip=fault.skip - 1)
        elif struck is None:
            struck = fault
            if fault.times is not None:
                faults[place] = msgspec.structs.replace(fault, times=fault.times - 1)
    faults[:] = [fault for fault in faults if fault.times is None or fault.times > 0]
    return struck


def _fits(fault: Fault, verb: str, launch: Launch | None) -> bool:
    if fault.verb not in ("", verb):
        return False
    wanted = (fault.instance_type, fault.region, fault.zone, fault.market or "")
    if launch is None:
        return not any(wanted)
    offer = launch.offer
    given = (offer.instance_type, offer.place.region, offer.place.zone, offer.market)
    return all(w in ("", g) for w, g in zip(wanted, given, strict=True))


def _strike(fault: Fault, verb: str) -> None:
    if fault.error == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    kind = getattr(errors, fault.error, None)
    if not (isinstance(kind, type) and issubclass(kind, ProviderError)):
        raise InternalError(f"a fault was ordered with {fault.error!r}, which names no provider error")
    when = "after its effect" if fault.after else "before its effect"
    raise kind(f"fake: {verb} failed {when}, as ordered ({fault.error})")
