"""scale: more machines, or fewer."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.cloud import InstanceState, Offer, Slot
from cloudclusters.base.door import finish
from cloudclusters.base.handle import new_handle
from cloudclusters.errors import InvalidContract, NotSupported
from cloudclusters.lifecycle.booted import first_boot_done
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.launching import launch_slots
from cloudclusters.lifecycle.letting_go import drop_nodes
from cloudclusters.lifecycle.machines import has_state, instances, merged, wait_for
from cloudclusters.lifecycle.processes import lay_out, living, start_nodes
from cloudclusters.lifecycle.state import changed, check_possible
from cloudclusters.lifecycle.verb import Running, running
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord


async def scale(ctx: Context, cluster: str, count: int) -> ClusterRecord:
    """Bring a running cluster to `count` compute nodes.

    New nodes are bought at the cluster's own offer; nodes of the highest index go first, and their work must have
    been moved before. Waits until it is so. When growing fails the cluster keeps the size it had. Raises
    `NoCapacity`, `NotSupported`, `IllegalState`, `InvalidContract`.
    """
    check_count(count)
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "scale")
    await ctx.opened(record.holding.provider)
    _check_size(ctx, record, count)
    async with running(ctx, cluster, "scale", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        present = sum(node.slot.role != "manager" for node in verb.record.nodes)
        if count > present:
            await _grow(ctx, verb, count - present)
        elif count < present:
            await _shrink(verb, count)
    return verb.record


def check_count(count: object) -> None:
    """Raise `InvalidContract` for what no cluster can have as its number of compute nodes."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise InvalidContract(f"the size {count!r} is not a whole number of nodes", hint="write for instance scale(8)")
    if count < 1:
        raise InvalidContract(
            f"a cluster has at least one compute node, not {count}", hint="to let go of all of it use terminate"
        )


def _check_size(ctx: Context, record: ClusterRecord, count: int) -> None:
    traits = ctx.provider(record.holding.provider).traits
    if not traits.elastic:
        raise NotSupported(f"{record.holding.provider} cannot change the size of a running cluster")
    if traits.max_nodes is not None and count > traits.max_nodes:
        raise NotSupported(f"{record.holding.provider} gives at most {traits.max_nodes} nodes per cluster")


async def _grow(ctx: Context, verb: Running, more: int) -> None:
    """Launch, wait for and start `more` nodes; on failure let go of them and keep the old size.

    They are `unsettled` until all is well: whatever ends this half-way, the next command deletes them.
    """
    before = verb.record
    model = next(node for node in reversed(before.nodes) if node.slot.role != "manager")
    used = {node.slot.index for node in before.nodes if node.slot.role == model.slot.role}
    free = [index for index in range(len(before.nodes) + more + 1) if index not in used][:more]
    token = f"{before.handle}-{model.slot.role}-{new_handle()}"
    slots = [Slot(model.slot.role, index) for index in free]
    added = tuple(NodeRecord(slot=slot, offer=model.offer, token=token, unsettled=True) for slot in slots)
    await verb.write(msgspec.structs.replace(before, nodes=(*before.nodes, *added)))
    try:
        await _bring_up(ctx, verb, slots, model.offer, token)
    except BaseException:
        # When this fails too, the nodes stay unsettled, and the cluster scaling.
        await finish(_drop(verb, [slot.name for slot in slots]))
        raise


async def _bring_up(ctx: Context, verb: Running, slots: Sequence[Slot], offer: Offer, token: str) -> None:
    got = await launch_slots(ctx, verb.record, verb.lease, slots, offer, token)
    grown = merged(verb.record, [*instances(verb.record), *got], now=ctx.clock.now())
    await verb.write(changed(grown, grown.state, clock=ctx.clock))
    up = has_state(InstanceState.RUNNING)
    await verb.write(await wait_for(ctx, verb.record, up, what="the new machines", lease=verb.lease))
    added = [node for node in verb.record.nodes if node.slot in slots]
    await first_boot_done(ctx, verb.record, added)
    record, preparation = await lay_out(ctx, verb.record)
    await verb.write(record)
    await start_nodes(ctx, record, preparation, names=[slot.name for slot in slots])
    await living(ctx, verb.record)
    await settle(ctx, verb.record)
    await verb.write(_marked(verb.record, [slot.name for slot in slots], unsettled=False))


async def _shrink(verb: Running, count: int) -> None:
    names = leaving(verb.record, count)
    await verb.write(_marked(verb.record, names, unsettled=True))
    await _drop(verb, names)


async def _drop(verb: Running, names: Sequence[str]) -> None:
    verb.record = await drop_nodes(verb.ctx, verb.record, verb.lease, names)


def leaving(record: ClusterRecord, count: int) -> list[str]:
    """The names of the nodes that go when `count` compute nodes stay: those of the highest index."""
    compute = sorted((node for node in record.nodes if node.slot.role != "manager"), key=lambda node: node.slot.index)
    return [node.name for node in compute[count:]]


def _marked(record: ClusterRecord, names: Sequence[str], *, unsettled: bool) -> ClusterRecord:
    nodes = (msgspec.structs.replace(n, unsettled=unsettled) if n.name in names else n for n in record.nodes)
    return msgspec.structs.replace(record, nodes=tuple(nodes))
