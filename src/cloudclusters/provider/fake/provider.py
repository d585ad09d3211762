"""The provider protocol over the fake cloud."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Market, Offer, Place, Remain
from cloudclusters.errors import NoCapacity, ProviderError
from cloudclusters.provider.fake import TRAITS
from cloudclusters.provider.fake.cloud import Cloud
from cloudclusters.provider.fake.machine import Machine, Timing, as_instance, looked_at, moved, new_machine
from cloudclusters.provider.fake.world import Asked, World
from cloudclusters.provider.protocol import Traits

DISK, DISK_USD = 8 << 30, 0.64
"""Bytes of a machine's disk, and what it costs per month."""
SPOT_SHARE = 1 / 3
"""What a spot machine costs of the on-demand price."""


class FakeProvider:
    """Machines that are not there, without `CanStop`."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @property
    def traits(self) -> Traits:
        """As the cloud's rules stand now."""
        with self.cloud.seen() as world:
            settles_after = world.rules.settles_after
        return dataclasses.replace(TRAITS, settles_after=settles_after)

    def offers(self, regions: Collection[str]) -> Iterable[Offer]:
        """Every type in every zone, on both markets."""
        with self.cloud.call("offers") as (world, _):
            rules = world.rules
        return [
            Offer(
                provider="fake",
                instance_type=name,
                place=Place(region, zone),
                market=market,
                hourly_usd=price if market is Market.ON_DEMAND else price * SPOT_SHARE,
            )
            for region, zones in rules.zones.items()
            if not regions or region in regions
            for zone in zones
            for name, price in rules.prices.items()
            for market in Market
        ]

    def prepare(self, holding: Holding) -> Holding:
        """Make a group and a key for the holding, or find those made before."""
        with self.cloud.call("prepare", holding.cluster) as (world, _):
            made = {"group": f"group-{holding.cluster}", "key": f"key-{holding.cluster}"}
            prepared = msgspec.structs.replace(holding, resources=made)
            world.prepared[_key(holding)] = prepared
        return prepared

    def launch(self, holding: Holding, launch: Launch) -> Sequence[Instance]:
        """Make a machine for each slot; the same token gives the same machines, also those that are gone."""
        about = (launch.token, launch.offer.instance_type, *(slot.name for slot in launch.slots))
        with self.cloud.call("launch", holding.cluster, about, launch=launch) as (world, most):
            if _key(holding) not in world.prepared:
                raise ProviderError(
                    f"fake: there is no group-{holding.cluster} in {holding.place}; prepare comes first"
                )
            earlier = _earlier(world, holding, launch)
            if earlier is None:
                earlier = self._make(world, holding, launch, most)
            return [as_instance(machine, machine.state) for machine in earlier]

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """What can be seen of the machines tagged with this cluster."""
        found = []
        with self.cloud.call("describe", holding.cluster) as (world, _):
            for machine in _of(world, holding):
                after, shown = looked_at(machine, now=self.cloud.now())
                world.machines[machine.id] = after
                if shown is not None and not (shown is InstanceState.GONE and world.rules.forgets_gone):
                    found.append(as_instance(after, shown))
        return found

    def terminate(self, holding: Holding, ids: Collection[str]) -> None:
        """Delete these machines of this cluster; others are none of its business."""
        with self.cloud.call("terminate", holding.cluster, sorted(ids)) as (world, _):
            for machine in _of(world, holding):
                if machine.id in ids and machine.state not in (InstanceState.TERMINATING, InstanceState.GONE):
                    _move(self.cloud, world, machine, InstanceState.TERMINATING, world.rules.end)

    def release(self, holding: Holding) -> None:
        """Delete group and key; refused while machines use them."""
        with self.cloud.call("release", holding.cluster) as (world, _):
            users = [machine.id for machine in _of(world, holding) if machine.living]
            if users and _key(holding) in world.prepared:
                raise ProviderError(f"fake: group-{holding.cluster} is still used by {', '.join(users)}")
            world.prepared.pop(_key(holding), None)

    def find(self) -> Sequence[Holding]:
        """Every holding that has living machines or prepared resources, by tag."""
        with self.cloud.call("find") as (world, _):
            found = {}
            for machine in world.machines.values():
                if machine.living:
                    holding = _holding(machine)
                    found[_key(holding)] = holding
            return list((found | world.prepared).values())

    def console(self, holding: Holding, instance: str) -> str:
        """What the machine printed."""
        with self.cloud.call("console", holding.cluster, (instance,)) as (world, _):
            machine = next((m for m in _of(world, holding) if m.id == instance), None)
        if machine is None:
            raise ProviderError(f"fake: {holding.cluster} has no machine {instance}")
        return f"fake machine {machine.id}: boot {machine.boots}, {machine.state}\n"

    def mark(self, holding: Holding, words: Mapping[str, str]) -> None:
        """Keep words with every machine of the holding that is not gone."""
        with self.cloud.call("mark", holding.cluster, sorted(words)) as (world, _):
            for machine in _of(world, holding):
                if machine.living:
                    kept = {**machine.words, **words}
                    world.machines[machine.id] = msgspec.structs.replace(machine, words=kept)

    def remains(self, holding: Holding) -> Sequence[Remain]:
        """A disk of each machine, and what was put beside them or those that are there."""
        with self.cloud.call("remains", holding.cluster) as (world, _):
            living = {machine.id: machine for machine in _of(world, holding) if machine.living}
            beside = world.remains.get(holding.cluster, ())
            seen = [each for each in beside if each.machine in ("", *living)]
            return [*map(_disk, living.values()), *seen]

    def _make(self, world: World, holding: Holding, launch: Launch, most: int | None) -> list[Machine]:
        slots = launch.slots[:most]
        if not slots:
            raise NoCapacity(f"fake has no {launch.offer.instance_type} free in {launch.offer.place}")
        world.asked[f"{holding.cluster} {launch.token}"] = _asked(launch)
        made = []
        for slot in slots:
            world.made += 1
            place = _settle_place(world, holding, launch)
            machine = new_machine(world.made, holding, launch, slot, place, now=self.cloud.now())
            made.append(_move(self.cloud, world, machine, InstanceState.PENDING, world.rules.boot, new=True))
        return made


class StoppableFakeProvider(FakeProvider):
    """The same, with `CanStop`."""

    def stop(self, holding: Holding, ids: Collection[str]) -> None:
        """Stop machines that run; those on their way out are left alone."""
        with self.cloud.call("stop", holding.cluster, sorted(ids)) as (world, _):
            for machine in _of(world, holding):
                if machine.id in ids and machine.state in (InstanceState.RUNNING, InstanceState.PENDING):
                    _move(self.cloud, world, machine, InstanceState.STOPPING, world.rules.stop)

    def start(self, holding: Holding, ids: Collection[str]) -> None:
        """Start machines that are stopped, under a new address; raises when one is still stopping."""
        with self.cloud.call("start", holding.cluster, sorted(ids)) as (world, _):
            chosen = [machine for machine in _of(world, holding) if machine.id in ids]
            for machine in chosen:
                if machine.state is InstanceState.STOPPING:
                    raise ProviderError(f"fake: {machine.id} is still stopping and cannot be started yet")
            for machine in chosen:
                if machine.state is InstanceState.STOPPED:
                    again = msgspec.structs.replace(machine, boots=machine.boots + 1)
                    _move(self.cloud, world, again, InstanceState.PENDING, world.rules.boot)


def _disk(machine: Machine) -> Remain:
    return Remain(
        kind="disk",
        id=f"disk-{machine.number:06d}",
        size_bytes=DISK,
        monthly_usd=DISK_USD,
        why=f"of {machine.id}",
        machine=machine.id,
        goes=True,
    )


def _key(holding: Holding) -> str:
    return f"{holding.cluster}/{holding.place.region}"


def _of(world: World, holding: Holding) -> list[Machine]:
    """The machines of a holding, by tag, and by region where the holding names one."""
    region = holding.place.region
    return [
        machine
        for machine in world.machines.values()
        if machine.cluster == holding.cluster and region in ("", machine.place.region)
    ]


def _asked(launch: Launch) -> Asked:
    return Asked(launch.offer.instance_type, tuple(slot.name for slot in launch.slots))


def _earlier(world: World, holding: Holding, launch: Launch) -> list[Machine] | None:
    """The machines that this token made before; raises when the token was used for something else."""
    asked = world.asked.get(f"{holding.cluster} {launch.token}")
    if asked is None:
        return None
    if asked != _asked(launch):
        raise ProviderError(f"fake: the token {launch.token} was used for another launch")
    return [m for m in world.machines.values() if (m.cluster, m.token) == (holding.cluster, launch.token)]


def _settle_place(world: World, holding: Holding, launch: Launch) -> Place:
    region = launch.offer.place.region or holding.place.region
    zones = world.rules.zones.get(region, ())
    return Place(region, launch.offer.place.zone or (zones[0] if zones else ""))


def _holding(machine: Machine) -> Holding:
    """What a machine's tags tell of its holding."""
    return Holding(
        provider="fake",
        cluster=machine.cluster,
        owner=machine.owner,
        store=machine.store,
        place=Place(machine.place.region),
        name=machine.name,
        expires=machine.expires,
        settings=machine.settings,
    )


def _move(
    cloud: Cloud, world: World, machine: Machine, state: InstanceState, takes: Timing, *, new: bool = False
) -> Machine:
    """Put a machine on its way to `state`, invisibly at first if the rules lag."""
    blind = machine.blind_looks > 0 or cloud.now() < machine.blind_until
    seen = None if new else machine.seen if blind else machine.state
    moved_on = moved(machine, state, takes=takes, lag=world.rules.lag, now=cloud.now(), seen=seen)
    world.machines[machine.id] = moved_on
    return moved_on
