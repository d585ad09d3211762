"""Where a point is tried: a provider, a home, and a cloud that outlives its drivers."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cloudclusters.base.cloud import InstanceState, Market, Offer, Place
from cloudclusters.base.waiting import SystemClock
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.lifecycle.context import Context, Reach
from cloudclusters.lifecycle.reaching import Reaching
from cloudclusters.provider.protocol import CanFind, Provider, Site
from cloudclusters.provider.registry import plugin
from cloudclusters.store import Store
from cloudclusters.store.holder import Holder, this_process
from cloudclusters.testing.cloud import FakeCloud
from cloudclusters.testing.fleet import FakeFleet
from cloudclusters.testing.reliability.points import PointedDoor, PointedReach, Points

OWNER = "tester"
HOME, OTHER = "home", "other"
TYPES = {"fake": "fake.small", "local": "this-machine", "ec2": "t3.micro"}
PRICES = {"fake": 0.1, "local": 0.0, "ec2": 0.0104}
REGIONS = {"fake": "fake-1", "local": "local", "ec2": "us-east-1"}


class ShiftedClock(SystemClock):
    """The real clock, so many seconds off as it is told."""

    def __init__(self) -> None:
        self.off = 0.0

    def now(self) -> float:
        """Seconds since the epoch, by this clock."""
        return time.time() + self.off


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A provider and a folder; `other` is a home beside the first one, as of another machine of the same user."""

    provider: str
    folder: Path
    engine: str = "none"
    caller: str = ""
    """The address that the simulated EC2 shall admit."""
    settles_after: float | None = None
    """Seconds in which the simulated EC2 shows what it made; the provider's own trait where not given."""
    other: bool = False
    beside: str = ""
    """A cluster of somebody else's, which stays."""

    @property
    def home(self) -> Path:
        """The home of the driver."""
        return self.folder / (OTHER if self.other else HOME)

    @property
    def cloud(self) -> FakeCloud:
        """The fake cloud, which lives in a file."""
        return FakeCloud(self.folder / "cloud.json")

    def plan(self) -> Plan:
        """Two nodes: on the fake cloud of two markets, which are two launches, and with another type to go to."""
        fake = self.provider == "fake"
        role = RolePlan(
            role="peer",
            count=2,
            offer=self._offer(TYPES[self.provider], Market.SPOT if fake else Market.ON_DEMAND),
            fallbacks=(self._offer("fake.large", Market.SPOT),) if fake else (),
            steady_count=1,
        )
        return Plan(
            contract="A" * 15,
            cluster_type=ClusterType.PEER_WORKERS,
            provider=self.provider,
            roles=(role,),
            engine=self.engine,
            settings={"python": sys.executable} if self.provider == "ec2" else {},
        )

    def opened(self, points: Points, cloud: FakeCloud | None = None) -> tuple[Provider, Reach]:
        """The provider, and how its nodes are reached; on this fake cloud where one is given."""
        if self.provider == "fake":
            cloud = cloud or self.cloud
            # Its links carry no files.
            return cloud.provider(), cast(Reach, FakeFleet(cloud))
        if self.provider == "ec2":
            from cloudclusters.testing.reliability.on_ec2 import pointed_ec2

            site = Site(home=self.home, owner=OWNER, settings={"caller_address": self.caller, **_REGIONS_OF_EC2})
            return pointed_ec2(site, points, self.settles_after), Reaching(self.home)
        return plugin(self.provider).open(Site(home=self.home, owner=OWNER)), Reaching(self.home)

    def context(
        self,
        points: Points,
        *,
        clock: ShiftedClock | None = None,
        holder: Callable[[], Holder] = this_process,
        cloud: FakeCloud | None = None,
    ) -> Context:
        """A context as a program has it, with points in its door and links."""
        provider, reach = self.opened(points, cloud)
        clock = clock or ShiftedClock()

        def _provider(_: str) -> Provider:
            return provider

        return Context(
            home=self.home,
            store=Store.open(self.home, now=clock.now, holder=holder),
            clock=clock,
            door=PointedDoor(points),
            reach=PointedReach(reach, points),
            provider=_provider,
            python=sys.executable,
        )

    def forget(self) -> None:
        """Lose the store, the keys, and all else of this home."""
        shutil.rmtree(self.home)

    def left(self) -> list[str]:
        """What still exists: machines, holdings, keys, records not terminated, steps left open."""
        provider, _ = self.opened(Points(lambda _: None))
        found = []
        if isinstance(provider, CanFind):
            holdings = [holding.cluster for holding in provider.find()]
            found += [f"holding of {cluster}" for cluster in holdings if cluster != self.beside]
        if self.home.exists():
            store = Store.open(self.home)
            found += [f"record {record.handle} {record.state}" for record in store.records()]
            found += [f"open step of {handle}" for handle in store.left_open()]
            found += [f"keys of {place.name}" for place in (self.home / "keys").glob("*")]
            store.close()
        return found

    def unaccounted(self, ctx: Context) -> list[str]:
        """Machines that bear our tag and that no record has as a node's, and records that say what is not so."""
        provider = ctx.provider(self.provider)
        assert isinstance(provider, CanFind)
        records = {record.handle: record for store in self._stores() for record in store.records()}
        odd = []
        for holding in provider.find():
            seen = {i.id for i in provider.describe(holding) if i.state is not InstanceState.GONE}
            record = records.get(holding.cluster)
            known = {n.instance.id for n in record.nodes if n.instance} if record else set()
            odd += [f"machine {machine} of {holding.cluster}" for machine in sorted(seen - known)]
            odd += [f"prepared things of {holding.cluster}"] if record is None else []
        return odd

    def _stores(self) -> list[Store]:
        """Those of all homes of this user."""
        homes = (self.folder / name for name in (HOME, OTHER))
        return [Store.open(home) for home in homes if home.exists()]

    def _offer(self, kind: str, market: Market) -> Offer:
        place = Place(region=REGIONS[self.provider])
        return Offer(
            provider=self.provider, instance_type=kind, place=place, market=market, hourly_usd=PRICES[self.provider]
        )


_REGIONS_OF_EC2 = {"region": "us-east-1", "sweep_regions": "us-east-1"}
