"""Everything the fake cloud knows, as one document, and where that is kept: in memory or in a file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from cloudclusters.base.cloud import Holding, Market, Remain
from cloudclusters.errors import ProviderUnavailable
from cloudclusters.provider.fake.machine import Machine, Timing


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that goes wrong on order.

    Strikes calls of `verb` (empty: any) that fit `instance_type`, `region`, `zone` and `market` (empty: any),
    after `skip` of them went well, `times` times (None: until told otherwise). `error` names a class of
    `cloudclusters.errors`, or is `kill`: the calling process dies. With `after` the call has its effect first.
    A launch with `leave` makes that many of its machines, and fails only if it can make none.
    """

    verb: str = ""
    error: str = "ProviderUnavailable"
    after: bool = False
    skip: int = 0
    times: int | None = 1
    leave: int | None = None
    instance_type: str = ""
    region: str = ""
    zone: str = ""
    market: Market | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call of a verb: when, for which cluster, about what, and the error it ended with."""

    verb: str
    cluster: str
    about: tuple[str, ...] = ()
    at: float = 0.0
    error: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the cloud behaves when nothing goes wrong."""

    boot: Timing = Timing(looks=1)
    stop: Timing = Timing(looks=1)
    end: Timing = Timing(looks=1)
    lag: Timing = Timing()
    settles_after: float = 0.0
    forgets_gone: bool = False
    """Machines that are gone are no longer described."""
    prices: dict[str, float] = msgspec.field(
        default_factory=lambda: {"fake.small": 0.1, "fake.large": 0.4, "fake.gpu": 4.0}
    )
    """On-demand price by type, USD per hour; spot is a third of it."""
    zones: dict[str, tuple[str, ...]] = msgspec.field(
        default_factory=lambda: {"fake-1": ("fake-1a", "fake-1b"), "fake-2": ("fake-2a",)}
    )
    """Zones by region."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a launch with some token was for; the token may not be used for anything else."""

    instance_type: str
    slots: tuple[str, ...]


class World(msgspec.Struct, forbid_unknown_fields=True):
    """The cloud's whole state; changed in place, under the lock of its keep."""

    rules: Rules = Rules()
    machines: dict[str, Machine] = {}
    prepared: dict[str, Holding] = {}
    asked: dict[str, Asked] = {}
    faults: list[Fault] = []
    calls: list[Call] = []
    remains: dict[str, list[Remain]] = {}
    """What is there beside the machines, by cluster."""
    made: int = 0


class Keep(Protocol):
    """Where a world is kept."""

    def opened(self, *, write: bool = True) -> contextlib.AbstractContextManager[World]:
        """The world, for one caller at a time; with `write` changes are kept, also when the block raises."""
        ...

    def still(self) -> contextlib.AbstractContextManager[object]:
        """A block in which nobody in this process has the world open."""
        ...


class Memory:
    """A world that ends with this process."""

    def __init__(self) -> None:
        self._world = World()
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def opened(self, *, write: bool = True) -> Iterator[World]:  # noqa: ARG002 - it is the world itself
        """The world itself."""
        with self._lock:
            yield self._world

    def still(self) -> contextlib.AbstractContextManager[object]:
        """A block in which no other thread has it open."""
        return self._lock


class File:
    """A world in a file, which outlives its callers, however they die."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def opened(self, *, write: bool = True) -> Iterator[World]:
        """The world as read, and written back in one step."""
        with self._lock, self._locked():
            world = self._read()
            try:
                yield world
            finally:
                if write:
                    self._write(world)

    def still(self) -> contextlib.AbstractContextManager[object]:
        """A block in which no thread of this process has it open: others may have."""
        return self._lock

    def _write(self, world: World) -> None:
        part = self._path.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(world))
        part.replace(self._path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _read(self) -> World:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=World)
        except FileNotFoundError:
            return World()
        except (OSError, msgspec.MsgspecError) as exc:
            raise ProviderUnavailable(f"the fake cloud in {self._path} cannot be read: {exc}") from exc
