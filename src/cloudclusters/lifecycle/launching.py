"""Asking for machines, offer by offer, until one of them has the capacity."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.cloud import Instance, Launch, Offer, Place, Slot
from cloudclusters.contract.document import RolePlan
from cloudclusters.errors import NoCapacity, QuotaExceeded, RequestRefused
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import user_data
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
        record = await ctx.write(seated(record, slots, offer, token), lease)
        try:
            got = await launch_slots(ctx, record, lease, slots, offer, token)
        except NoCapacity as exc:
            refusals.append(exc)
            ctx.tell(record.handle, "no capacity", exc.message)
            left = [*await _in_zones(ctx, offer, token), *left]
            continue
        record = merged(record, [*instances(record), *got], now=ctx.clock.now())
        # The same state again, but from now on the machines are paid.
        return await ctx.write(changed(record, record.state, clock=ctx.clock), lease)
    hints = {each.hint for each in refusals}
    raise NoCapacity(
        "no offer of the plan has capacity:\n" + "\n".join(f"  {each.message}" for each in refusals),
        hint=(hints.pop() if len(hints) == 1 else "")
        or "allow another region, zone or market, or see `cloudclusters explain`",
    )


async def _in_zones(ctx: Context, offer: Offer, token: str) -> list[tuple[Offer, str]]:
    """The same offer in each zone of its region, where the provider lets us choose and did not yet."""
    provider = await ctx.opened(offer.provider)
    if offer.place.zone or not isinstance(provider, CanChooseZone):
        return []
    places = await ctx.door(provider.zones, offer)
    return [(msgspec.structs.replace(offer, place=place), f"{token}-{n}") for n, place in enumerate(places)]


def seated(record: ClusterRecord, slots: Sequence[Slot], offer: Offer, token: str) -> ClusterRecord:
    """The record with this offer and token at these seats."""
    nodes = tuple(
        msgspec.structs.replace(node, offer=offer, token=token, instance=None) if node.slot in slots else node
        for node in record.nodes
    )
    return msgspec.structs.replace(record, nodes=nodes)


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
        words=plan_words(record.plan, offer),
        disk_bytes=role.disk_bytes,
        rdma=role.rdma,
    )
    try:
        got = await patiently(ctx, lease, lambda: provider.launch(record.holding, launch))
    except REFUSALS as exc:
        await ctx.door(ctx.store.done, entry, lease, exc.message)
        raise
    if len(got) < len(slots):
        # Until they are gone: the next offer may be in another region, where nobody looks for them any more.
        ids = [i.id for i in got]
        await delete_machines(ctx, record.holding, lease, only=lambda i: i.id in ids, known=ids)
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
        record = await ctx.write(msgspec.structs.replace(record, holding=holding), lease)
        entry = await ctx.door(ctx.store.intend, lease, "prepare", {"region": region.region})
        made = await patiently(ctx, lease, lambda: provider.prepare(holding))
        record = await ctx.write(msgspec.structs.replace(record, holding=made), lease)
        await ctx.door(ctx.store.done, entry, lease, ", ".join(made.resources))
    return record
