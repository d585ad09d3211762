"""A context on a fake cloud with a manual clock, and a plan to deploy there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from cloudclusters.base.cloud import InstanceState, Offer, Place
from cloudclusters.base.door import Door
from cloudclusters.base.event import Event
from cloudclusters.base.limits import Limits
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.lifecycle.claims import limits_words
from cloudclusters.lifecycle.context import Context
from cloudclusters.provider.protocol import Provider
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterRecord
from cloudclusters.testing.clock import ManualClock
from cloudclusters.testing.cloud import FakeCloud
from cloudclusters.testing.fleet import FakeFleet

P = ParamSpec("P")
T = TypeVar("T")

SMALL = Offer(provider="fake", instance_type="fake.small", place=Place(region="north"), hourly_usd=0.1)
LARGE = Offer(provider="fake", instance_type="fake.large", place=Place(region="north"), hourly_usd=0.4)
FAR = Offer(provider="fake", instance_type="fake.small", place=Place(region="south"), hourly_usd=0.2)


@dataclass
class World:
    """Everything that a lifecycle test holds: the context, and the controls of what stands behind it."""

    ctx: Context
    cloud: FakeCloud
    fleet: FakeFleet
    clock: ManualClock
    events: list[Event]

    def machines(self) -> list[str]:
        """Ids of machines that still exist."""
        return [m.id for m in self.cloud.machines() if m.state is not InstanceState.GONE]

    def phases(self, node: str = "") -> list[str]:
        """The phases told so far, of a node or of the cluster."""
        return [event.phase for event in self.events if event.node == node]


class CountedDoor(Door):
    """A door that tells the clock of its calls: else a hundred retries pass while a busy machine runs one of them."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(width=4)
        self._clock = clock

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the call, and be counted meanwhile."""
        self._clock.working += 1
        try:
            return await super().__call__(call, *args, **kwargs)
        finally:
            self._clock.working -= 1


@pytest.fixture
def make_world(home: Path) -> Iterator[Callable[..., World]]:
    """Build a world; `can_stop=False` is a provider that cannot stop machines."""
    doors: list[Door] = []

    def make(*, can_stop: bool = True) -> World:
        clock = ManualClock()
        cloud = FakeCloud(clock=clock)
        fleet = FakeFleet(cloud)
        events: list[Event] = []
        provider = cloud.provider(can_stop=can_stop)
        doors.append(CountedDoor(clock))

        def opened(name: str) -> Provider:
            assert name == "fake"
            return provider

        ctx = Context(
            home=home,
            store=Store.open(home, now=clock.now),
            clock=clock,
            door=doors[-1],
            reach=fleet,
            provider=opened,
            python=sys.executable,
            listen=events.append,
        )
        return World(ctx, cloud, fleet, clock, events)

    yield make
    for door in doors:
        door.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A world whose provider can stop machines."""
    return make_world()


def plan_of(count: int = 2, *, offer: Offer = SMALL, fallbacks: tuple[Offer, ...] = (), engine: str = "dask") -> Plan:
    """A plan for `count` fake machines."""
    return Plan(
        contract="AAAAAAAAAAAAAAA",
        cluster_type=ClusterType.PEER_WORKERS,
        provider="fake",
        roles=(RolePlan(role="peer", count=count, offer=offer, fallbacks=fallbacks),),
        engine=engine,
    )


def set_elsewhere(
    world: World, record: ClusterRecord, *, idle_timeout: float | None = None, lasts: float | None = None
) -> None:
    """Let the machines tell limits that another home has set: what is not given is off; `lasts` is from now on."""
    deadline = None if lasts is None else world.clock.now() + lasts
    words = limits_words(Limits(idle_timeout=idle_timeout), deadline=deadline, store="f" * 16)
    world.ctx.provider("fake").mark(record.holding, words)
