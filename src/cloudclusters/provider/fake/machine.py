"""A machine of the fake cloud, and how it changes: pure functions over frozen data."""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Market, Place, Slot, SocketEndpoint


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long something takes: so many looks of `describe`, and so many seconds of the cloud's clock."""

    looks: int = 0
    seconds: float = 0.0


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine as it truly is, with the tags of the call that made it.

    `looks` and `due` say when the present state gives way to the next; `seen`, `blind_looks` and `blind_until`
    what `describe` still shows instead of the truth.
    """

    id: str
    number: int
    cluster: str
    owner: str
    store: str
    name: str
    expires: float | None
    settings: dict[str, str]
    slot: Slot
    token: str
    instance_type: str
    place: Place
    market: Market
    launched_at: float
    state: InstanceState = InstanceState.PENDING
    boots: int = 1
    reason: str = ""
    powered_off: bool = False
    words: dict[str, str] = {}
    looks: int = 0
    due: float = 0.0
    seen: InstanceState | None = None
    blind_looks: int = 0
    blind_until: float = 0.0

    @property
    def living(self) -> bool:
        """Whether it still exists, stopped or not."""
        return self.state is not InstanceState.GONE

    @property
    def inner_address(self) -> str:
        """Kept for the machine's whole life."""
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"

    @property
    def endpoint(self) -> SocketEndpoint:
        """Where its agent answers; another one after each start."""
        return SocketEndpoint(f"fake://{self.id}/{self.boots}")


NEXT = {
    InstanceState.PENDING: InstanceState.RUNNING,
    InstanceState.STOPPING: InstanceState.STOPPED,
    InstanceState.TERMINATING: InstanceState.GONE,
}
"""What a passing state becomes by itself."""


def new_machine(number: int, holding: Holding, launch: Launch, slot: Slot, place: Place, *, now: float) -> Machine:
    """A machine just asked for, tagged in the same call."""
    return Machine(
        id=f"fake-{number:06d}",
        number=number,
        cluster=holding.cluster,
        owner=holding.owner,
        store=holding.store,
        name=holding.name,
        expires=holding.expires,
        settings=holding.settings,
        slot=slot,
        token=launch.token,
        instance_type=launch.offer.instance_type,
        place=place,
        market=launch.offer.market,
        launched_at=now,
        words=launch.words,
    )


def moved(
    machine: Machine, state: InstanceState, *, takes: Timing, lag: Timing, now: float, seen: InstanceState | None
) -> Machine:
    """The machine on its way from `state`, with `describe` blind to it for `lag`."""
    blind = lag.looks > 0 or lag.seconds > 0
    return msgspec.structs.replace(
        machine,
        state=state,
        looks=takes.looks,
        due=now + takes.seconds,
        seen=seen if blind else None,
        blind_looks=lag.looks,
        blind_until=now + lag.seconds if blind else 0.0,
    )


def settled(machine: Machine, *, now: float) -> Machine:
    """The machine with what time alone has done to it."""
    if machine.state in NEXT and machine.looks <= 0 and now >= machine.due:
        return msgspec.structs.replace(machine, state=NEXT[machine.state])
    return machine


def looked_at(machine: Machine, *, now: float) -> tuple[Machine, InstanceState | None]:
    """One look of `describe`: the machine afterwards, and the state it shows (None: not to be seen)."""
    if machine.state in NEXT and machine.looks > 0:
        machine = msgspec.structs.replace(machine, looks=machine.looks - 1)
    else:
        machine = settled(machine, now=now)
    if machine.blind_looks > 0 or now < machine.blind_until:
        return msgspec.structs.replace(machine, blind_looks=machine.blind_looks - 1), machine.seen
    return machine, machine.state


def as_instance(machine: Machine, state: InstanceState) -> Instance:
    """What `describe` says of a machine in this state."""
    running = state is InstanceState.RUNNING
    return Instance(
        id=machine.id,
        slot=machine.slot,
        token=machine.token,
        state=state,
        instance_type=machine.instance_type,
        place=machine.place,
        market=machine.market,
        endpoint=machine.endpoint if running else None,
        inner_address=machine.inner_address if state is not InstanceState.GONE else "",
        public_address=f"198.51.{machine.boots & 255}.{machine.number & 255}" if running else "",
        launched_at=machine.launched_at,
        reason=machine.reason,
        powered_off=machine.powered_off and state not in (InstanceState.PENDING, InstanceState.RUNNING),
        words=machine.words,
    )
