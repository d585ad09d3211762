"""The fake cloud with its controls: what goes wrong, when, and what is left at the end."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import msgspec

from cloudclusters.base.cloud import InstanceState, Market, Remain
from cloudclusters.base.waiting import Clock
from cloudclusters.provider.fake.cloud import Cloud
from cloudclusters.provider.fake.machine import Machine, Timing
from cloudclusters.provider.fake.provider import FakeProvider, StoppableFakeProvider
from cloudclusters.provider.fake.world import Call, Fault

__all__ = ["Call", "FakeCloud", "Fault", "Machine", "Timing"]


class FakeCloud(Cloud):
    """A cloud for tests; with `path` it is kept in a file, and other processes and later ones share it.

    `clock` is where its seconds come from; the real clock when not given.
    """

    def __init__(self, path: Path | None = None, *, clock: Clock | None = None) -> None:
        super().__init__(path, now=time.time if clock is None else clock.now)

    def provider(self, *, can_stop: bool = True) -> FakeProvider:
        """A provider on this cloud; without `can_stop` it has no `CanStop`."""
        return StoppableFakeProvider(self) if can_stop else FakeProvider(self)

    # Faults

    def order(self, fault: Fault) -> None:
        """Order a fault."""
        with self.opened() as world:
            world.faults.append(fault)

    def fail(
        self,
        verb: str,
        error: str = "ProviderUnavailable",
        *,
        skip: int = 0,
        times: int | None = 1,
        after: bool = False,
    ) -> None:
        """Let calls of `verb` (empty: any) end with `error`, after their effect if asked; None is for good.

        `error` names a provider error, or is `kill`: then the calling process dies.
        """
        self.order(Fault(verb=verb, error=error, skip=skip, times=times, after=after))

    def no_capacity(
        self, instance_type: str = "", *, zone: str = "", region: str = "", times: int | None = None, leave: int = 0
    ) -> None:
        """Let launches that fit find only `leave` machines; for good unless `times` is given."""
        self.order(
            Fault(verb="launch", instance_type=instance_type, zone=zone, region=region, times=times, leave=leave)
        )

    def throttle(self, verb: str = "", *, times: int | None = 1) -> None:
        """Let the next calls of `verb` (empty: any) be throttled."""
        self.fail(verb, "Throttled", times=times)

    def unreachable(self, *, times: int | None = None) -> None:
        """Let every call fail, until `mend`."""
        self.fail("", "ProviderUnavailable", times=times)

    def mend(self) -> None:
        """Forget all faults that were ordered."""
        with self.opened() as world:
            world.faults.clear()

    # Rules

    def slow(
        self,
        *,
        boot: Timing | None = None,
        stop: Timing | None = None,
        end: Timing | None = None,
    ) -> None:
        """How long machines take to boot, to stop and to go away: looks of `describe`, and seconds."""
        self._rule(**{key: value for key, value in (("boot", boot), ("stop", stop), ("end", end)) if value is not None})

    def lag(self, *, looks: int = 0, seconds: float = 0.0, settles_after: float | None = None) -> None:
        """Let `describe` see every change only after so many looks and seconds.

        The provider's trait `settles_after` becomes `seconds`, or what is given.
        """
        self._rule(lag=Timing(looks, seconds), settles_after=seconds if settles_after is None else settles_after)

    def forget_gone(self) -> None:
        """Machines that are gone are no longer described at all."""
        self._rule(forgets_gone=True)

    def price(self, instance_type: str, hourly_usd: float) -> None:
        """Sell a type at this price."""
        with self.opened() as world:
            prices = world.rules.prices | {instance_type: hourly_usd}
            world.rules = msgspec.structs.replace(world.rules, prices=prices)

    def leave(self, cluster: str, remain: Remain) -> None:
        """Let something be there beside the machines of a cluster, and stay."""
        with self.opened() as world:
            world.remains.setdefault(cluster, []).append(remain)

    # Strokes of fate

    def reclaim(self, machine: str) -> None:
        """Take a spot machine back."""
        self._end(machine, InstanceState.TERMINATING, "the provider took the spot machine back")

    def reclaim_spot(self) -> list[str]:
        """Take all spot machines back; their ids."""
        ids = [m.id for m in self.machines() if m.market is Market.SPOT and m.state is InstanceState.RUNNING]
        for machine in ids:
            self.reclaim(machine)
        return ids

    def lose(self, machine: str) -> None:
        """Let a machine vanish, disk and all."""
        self._end(machine, InstanceState.GONE, "the machine was lost")

    def halt(self, machine: str) -> None:
        """Stop a machine from outside, as its owner can in the provider's console."""
        self._end(machine, InstanceState.STOPPED, "stopped from outside")

    def power_off(self, machine: str, *, stop: bool = False) -> None:
        """Let a machine power itself off: it is deleted then, or stops."""
        state = InstanceState.STOPPED if stop else InstanceState.TERMINATING
        self._end(machine, state, "the machine powered itself off", powered_off=True)

    def still(self) -> contextlib.AbstractContextManager[object]:
        """A block in which no call of this process is under way: who is stopped in it locks nobody out."""
        return self._keep.still()

    # Looking, without a call

    def machines(self, cluster: str = "") -> list[Machine]:
        """Every machine that was ever made (for this cluster), as it truly is."""
        with self.seen() as world:
            return [machine for machine in world.machines.values() if cluster in ("", machine.cluster)]

    def left(self, cluster: str = "") -> list[str]:
        """What exists (of this cluster) and costs or blocks something: machines not gone, prepared resources."""
        with self.seen() as world:
            machines = [m for m in world.machines.values() if m.living and cluster in ("", m.cluster)]
            prepared = [h for h in world.prepared.values() if cluster in ("", h.cluster)]
        return [f"{m.id} ({m.state})" for m in machines] + [
            name for holding in prepared for name in holding.resources.values()
        ]

    def calls(self, verb: str = "", *, cluster: str = "") -> list[Call]:
        """The calls made so far."""
        with self.seen() as world:
            return [c for c in world.calls if verb in ("", c.verb) and cluster in ("", c.cluster)]

    def _rule(self, **changes: object) -> None:
        with self.opened() as world:
            world.rules = msgspec.structs.replace(world.rules, **changes)

    def _end(self, machine: str, state: InstanceState, reason: str, *, powered_off: bool = False) -> None:
        with self.opened() as world:
            before = world.machines[machine]
            takes = world.rules.end
            due = self.now() + takes.seconds
            world.machines[machine] = msgspec.structs.replace(
                before,
                state=state,
                reason=reason,
                powered_off=powered_off,
                looks=takes.looks,
                due=due,
                seen=None,
                blind_looks=0,
                blind_until=0.0,
            )
