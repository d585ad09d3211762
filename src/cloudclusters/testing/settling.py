"""Waiting for machines in tests of providers, and small words for what is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Offer, Slot
from cloudclusters.base.waiting import Clock, wait_until
from cloudclusters.provider.protocol import Provider


class Disk(Protocol):
    """How the suite writes to a machine's disk, and reads it after a stop."""

    def write(self, instance: Instance, text: str) -> None:
        """Leave a text on the machine."""
        ...

    def read(self, instance: Instance) -> str:
        """Read it again."""
        ...


class Settle:
    """Waits until what `describe` sees is so."""

    def __init__(self, provider: Provider, clock: Clock, patience: float) -> None:
        self._provider = provider
        self._clock = clock
        self._patience = patience

    def all(self, holding: Holding, state: InstanceState, *, count: int) -> list[Instance]:
        """Until so many machines are there, all in this state."""
        return self.until(
            holding, lambda seen: len(seen) == count and {i.state for i in seen} == {state}, f"{count} machines {state}"
        )

    def none(self, holding: Holding) -> None:
        """Until no machine is left."""
        self.until(holding, lambda seen: not seen, "the end of all machines")

    def until(self, holding: Holding, good: Callable[[list[Instance]], bool], what: str) -> list[Instance]:
        """Until the machines that are not gone are good."""

        async def look() -> list[Instance]:
            return living(self._provider, holding)

        waiting = wait_until(look, good, clock=self._clock, timeout=self._patience, what=what)
        return asyncio.run(waiting)

    def let_go(self, holding: Holding) -> None:
        """Terminate and release everything."""

        async def look() -> list[Instance]:
            seen = living(self._provider, holding)
            self._provider.terminate(holding, ids(seen))
            return seen

        empty = wait_until(
            look, lambda seen: not seen, clock=self._clock, timeout=self._patience, what="the end of all machines"
        )
        asyncio.run(empty)
        self._provider.release(holding)


def request(offer: Offer, count: int, *, start: int = 0) -> Launch:
    """A launch of so many peers, the first of them `start`; the token follows from it."""
    slots = tuple(Slot("peer", index) for index in range(start, start + count))
    return Launch(token=f"suite-{start}", offer=offer, slots=slots)


def ids(seen: Sequence[Instance]) -> list[str]:
    """Their ids, in order of the slots."""
    return [i.id for i in sorted(seen, key=lambda i: (i.slot.role, i.slot.index))]


def living(provider: Provider, holding: Holding) -> list[Instance]:
    """The machines of a holding that are not gone, in order of the slots."""
    seen = [i for i in provider.describe(holding) if i.state is not InstanceState.GONE]
    return sorted(seen, key=lambda i: (i.slot.role, i.slot.index))
