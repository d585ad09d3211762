"""Asking for machines, offer by offer, until one of them has the capacity."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.cloud import Instance, Launch, Market, Offer, Place, Slot, rates_in
from cloudclusters.contract.document import RolePlan
from cloudclusters.errors import NoCapacity, QuotaExceeded, RequestRefused
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import user_data
from cloudclusters.lifecycle.keepalive import limits_told
from cloudclusters.lifecycle.letting_go import LAUNCH, delete_machines
from cloudclusters.lifecycle.machines import instances, merged
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.state import changed
from cloudclusters.lifecycle.words import plan_words
from cloudclusters.provider.protocol import CanChooseZone
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord

REFUSALS = (NoCapacity, QuotaExceeded, RequestRefused)
"""Answers to a launch that say for sure that nothing was made."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Seats that one launch call fills: all at one offer, with a token of their own."""

    slots: tuple[Slot, ...]
    offer: Offer
    token: str


def groups_of(slots: Sequence[Slot], offer: Offer, token: str, steady: int) -> list[Group]:
    """How seats are bought: the first `steady` of them on demand, the others, which are asked for first, as it says.

    What is scarcer is asked for first: a launch that is undone costs at least a minute of its machines.
    """
    if offer.market is Market.ON_DEMAND:
        return [Group(slots=tuple(slots), offer=offer, token=token)]
    others = Group(slots=tuple(slots[steady:]), offer=offer, token=token)
    first = Group(slots=tuple(slots[:steady]), offer=offer.on_demand, token=f"{token}-{Market.ON_DEMAND}")
    return [group for group in (others, first) if group.slots]


async def launch_role(
    ctx: Context, record: ClusterRecord, lease: Lease, role: RolePlan, attempts: Sequence[tuple[Offer, str]]
) -> ClusterRecord:
    """Launch all seats of a role on the first offer that has room for all of them.

    Each attempt has an offer and a token of its own. Where the provider chose the zone and had no room there, the other
    zones of the region are tried before the next offer. Raises `NoCapacity` listing every attempt.
    """
    slots = tuple(node.slot for node in record.nodes if node.slot.role == role.role)
    refusals: list[NoCapacity] = []
    left = list(attempts)
    while left:
        offer, token = left.pop(0)
        record = await prepare(ctx, record, lease, offer.place)
        groups = groups_of(slots, offer, token, role.steady_count)
        record = await ctx.write(seated(record, groups), lease)
        try:
            return await launch_groups(ctx, record, lease, groups)
        except NoCapacity as exc:
            refusals.append(exc)
            ctx.tell(record.handle, "no capacity", exc.message)
            left = [*await in_zones(ctx, offer, token), *left]
            record = await ctx.door(ctx.store.record, record.handle)
    hints = {each.hint for each in refusals}
    raise NoCapacity(
        "no offer of the plan has capacity:\n" + "\n".join(f"  {each.message}" for each in refusals),
        hint=(hints.pop() if len(hints) == 1 else "")
        or "allow another region, zone or market, or see `cloudclusters explain`",
    )


async def in_zones(ctx: Context, offer: Offer, token: str) -> list[tuple[Offer, str]]:
    """The same offer in each zone of its region, where the provider lets us choose and did not yet."""
    provider = await ctx.opened(offer.provider)
    if offer.place.zone or not isinstance(provider, CanChooseZone):
        return []
    places = await ctx.door(provider.zones, offer)
    return [(msgspec.structs.replace(offer, place=place), f"{token}-{n}") for n, place in enumerate(places)]


def seated(record: ClusterRecord, groups: Sequence[Group]) -> ClusterRecord:
    """The record with the groups' offers and tokens at their seats."""
    at = {slot: group for group in groups for slot in group.slots}
    nodes = tuple(
        msgspec.structs.replace(node, offer=group.offer, token=group.token, instance=None)
        if (group := at.get(node.slot)) is not None
        else node
        for node in record.nodes
    )
    return msgspec.structs.replace(record, nodes=nodes)


async def launch_groups(ctx: Context, record: ClusterRecord, lease: Lease, groups: Sequence[Group]) -> ClusterRecord:
    """Launch groups whose seats the record holds, all or none; the record with their machines, which are paid.

    The others follow the first into its zone. Raises `NoCapacity` when one has no room, once the others' machines are
    deleted; the latest record is then the store's.
    """
    got: list[Instance] = []
    for each in groups:
        group = each
        if got and got[0].place.zone:
            group = msgspec.structs.replace(each, offer=msgspec.structs.replace(each.offer, place=got[0].place))
            record = await ctx.write(seated(record, [group]), lease)
        try:
            got += await launch_slots(ctx, record, lease, group.slots, group.offer, group.token)
        except NoCapacity:
            if got:
                await _given_back(ctx, record, lease, [i.id for i in got])
            raise
        record = merged(record, [*instances(record), *got], now=ctx.clock.now())
        # The same state again, but from now on the machines are paid.
        record = await ctx.write(changed(record, record.state, clock=ctx.clock), lease)
    return record


async def _given_back(ctx: Context, record: ClusterRecord, lease: Lease, ids: Sequence[str]) -> None:
    """Delete these machines of the record, and write that they are paid no more."""
    seen = await delete_machines(ctx, record.holding, lease, only=lambda i: i.id in ids, known=ids)
    kept = [i for i in instances(record) if i.id not in ids]
    record = merged(record, [*kept, *seen], now=ctx.clock.now())
    await ctx.write(changed(record, record.state, clock=ctx.clock), lease)


async def launch_slots(
    ctx: Context, record: ClusterRecord, lease: Lease, slots: Sequence[Slot], offer: Offer, token: str
) -> Sequence[Instance]:
    """One launch call for these seats, journalled before it is made; a partial launch is undone.

    The journal's step stays open unless the provider refused: there may be machines that the record does not know.
    Raises `NoCapacity` when not every seat got a machine.
    """
    provider = await ctx.opened(record.holding.provider)
    role = next(each for each in record.plan.roles if each.role == slots[0].role)
    entry = await ctx.door(ctx.store.intend, lease, LAUNCH, {"token": token, "offer": offer.instance_type})
    for slot in slots:
        ctx.tell(record.handle, "launching", node=slot.name)
    launch = Launch(
        token=token,
        offer=offer,
        slots=tuple(slots),
        image=record.plan.image,
        user_data=await user_data(ctx, record, token),
        words={**plan_words(record.plan, offer), **limits_told(record, record.history[-1].at, ctx.store.id)},
        at_limit=record.limits.at_limit,
        disk_bytes=role.disk_bytes,
        rdma=role.rdma,
    )
    try:
        got = await patiently(
            ctx,
            lease,
            lambda: provider.launch(record.holding, launch),
            undo=lambda made: provider.terminate(record.holding, [i.id for i in made]),
        )
    except REFUSALS as exc:
        await ctx.door(ctx.store.done, entry, lease, exc.message)
        raise
    if len(got) < len(slots):
        # Until they are gone: the next offer may be in another region, where nobody looks for them any more.
        ids = [i.id for i in got]
        seen = await delete_machines(ctx, record.holding, lease, only=lambda i: i.id in ids, known=ids)
        await ctx.write(record, lease, also=seen)
        raise NoCapacity(f"{offer.provider} had {len(got)} of {len(slots)} {offer.instance_type} in {offer.place}")
    return got


async def prepare(ctx: Context, record: ClusterRecord, lease: Lease, place: Place) -> ClusterRecord:
    """Make network, key and firewall where they are not made yet, letting go of those in another region."""
    provider = await ctx.opened(record.holding.provider)
    region = Place(region=place.region)
    if record.holding.resources and record.holding.place != region:
        await patiently(ctx, lease, lambda: provider.release(record.holding))
    if not record.holding.resources or record.holding.place != region:
        holding = msgspec.structs.replace(record.holding, place=region, resources={})
        rates = rates_in(provider.traits.rates, region.region)
        record = await ctx.write(msgspec.structs.replace(record, holding=holding, rates=rates), lease)
        entry = await ctx.door(ctx.store.intend, lease, "prepare", {"region": region.region})
        made = await patiently(ctx, lease, lambda: provider.prepare(holding), undo=provider.release)
        record = await ctx.write(msgspec.structs.replace(record, holding=made), lease)
        await ctx.door(ctx.store.done, entry, lease, ", ".join(made.resources))
    return record
