"""Other machines for an interrupted cluster whose own cannot start: bought first, then the old ones are deleted.

The old nodes are in the journal before anything is bought, because the record has room for one machine per node. What
ends half-way goes back to them while all of them are there, and else lets go of the last of them.
"""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import InstanceState, Offer
from cloudclusters.base.door import finish
from cloudclusters.base.handle import new_handle
from cloudclusters.contract.document import RolePlan
from cloudclusters.contract.mix import mix_of
from cloudclusters.errors import NoCapacity
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.launching import launch_role
from cloudclusters.lifecycle.letting_go import delete_machines
from cloudclusters.lifecycle.state import changed
from cloudclusters.store import Lease
from cloudclusters.store.journal import Step
from cloudclusters.store.record import ClusterRecord, NodeRecord

MOVE = "move"
"""The journal's word for it."""


async def move(ctx: Context, record: ClusterRecord, lease: Lease, why: NoCapacity) -> ClusterRecord:
    """Buy other machines of the plan in the same region, and delete the stopped ones when all are bought.

    When that fails or is cancelled the cluster is as it was; `NoCapacity` then lists every attempt. What cannot be
    undone now stays open in the journal.
    """
    old = record.nodes
    entry = await ctx.door(ctx.store.intend, lease, MOVE, {"nodes": msgspec.json.encode(old).decode()})
    try:
        for planned in record.plan.roles:
            role = _as_now(record, planned)
            record = await launch_role(ctx, record, lease, role, _attempts(record, role))
    except BaseException as exc:
        await finish(_undone(ctx, lease, entry, old))
        if isinstance(exc, NoCapacity):
            raise NoCapacity(f"{why.message}\n{exc.message}", hint=exc.hint) from exc
        raise
    await _moved(ctx, record, lease, entry, old)
    return record


async def after_move(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    """The record after a move that somebody left half-way: on the old machines while all are there, else on the new."""
    for step in await open_moves(ctx, record.handle):
        old = msgspec.json.decode(step.intent["nodes"], type=tuple[NodeRecord, ...])
        provider = await ctx.opened(record.holding.provider)
        ended = (InstanceState.TERMINATING, InstanceState.GONE)
        there = {i.id for i in await ctx.door(provider.describe, record.holding) if i.state not in ended}
        if _ids(old) <= there:
            record = await _undone(ctx, lease, step.entry, old)
        else:
            await _moved(ctx, record, lease, step.entry, old)
    return record


async def open_moves(ctx: Context, cluster: str) -> list[Step]:
    """The journal's steps of moves that neither ended nor were undone."""
    return [step for step in await ctx.door(ctx.store.open_steps, cluster) if step.step == MOVE]


async def _undone(ctx: Context, lease: Lease, entry: int, old: tuple[NodeRecord, ...]) -> ClusterRecord:
    """Delete what was bought, however little is seen of it yet, and then go back to the old nodes."""
    record = await ctx.door(ctx.store.record, lease.cluster)
    kept = _ids(old)
    seen = await delete_machines(ctx, record.holding, lease, only=lambda i: i.id not in kept)
    back = msgspec.structs.replace(record, nodes=old)
    record = await ctx.write(changed(back, record.state, clock=ctx.clock), lease, also=seen)
    await ctx.door(ctx.store.done, entry, lease, "undone")
    return record


async def _moved(ctx: Context, record: ClusterRecord, lease: Lease, entry: int, old: tuple[NodeRecord, ...]) -> None:
    """Delete the old machines, and only then forget their host keys: until then somebody may go back to them."""
    ids = _ids(old)
    seen = await delete_machines(ctx, record.holding, lease, only=lambda i: i.id in ids, known=ids)
    await ctx.write(record, lease, also=seen)
    await ctx.reach.leave(record.handle, [node.name for node in old])
    await ctx.door(ctx.store.done, entry, lease, "moved")


def _ids(nodes: tuple[NodeRecord, ...]) -> set[str]:
    return {node.instance.id for node in nodes if node.instance is not None}


def _as_now(record: ClusterRecord, role: RolePlan) -> RolePlan:
    """The role with as many nodes as it has now, mixed as the settings say."""
    count = sum(node.slot.role == role.role for node in record.nodes)
    if count == role.count:
        return role
    steady = mix_of(record.plan.settings).steady(role.role, count)
    return msgspec.structs.replace(role, count=count, steady_count=steady)


def _attempts(record: ClusterRecord, role: RolePlan) -> list[tuple[Offer, str]]:
    """The plan's offers for a role in the region where its disks and network are, each with a token of its own."""
    near = [o for o in (role.offer, *role.fallbacks) if o.place.region == record.holding.place.region]
    return [(offer, f"{record.handle}-{role.role}-{new_handle()}") for offer in near]
