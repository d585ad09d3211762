"""scale: more machines, or fewer."""

from __future__ import annotations

import msgspec

from cloudclusters.base.cloud import Instance, InstanceState, Slot
from cloudclusters.base.door import finish
from cloudclusters.base.handle import new_handle
from cloudclusters.errors import InvalidContract, NotSupported
from cloudclusters.lifecycle import links
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.launching import launch_slots, patiently
from cloudclusters.lifecycle.machines import has_state, look, merged, wait_for
from cloudclusters.lifecycle.processes import lay_out, living, start_nodes
from cloudclusters.lifecycle.state import changed, check_allowed
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
    check_allowed(record, "scale")
    _check_size(ctx, record, count)
    async with running(ctx, cluster, "scale", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        present = sum(node.slot.role != "manager" for node in verb.record.nodes)
        if count > present:
            await _grow(ctx, verb, count - present)
        elif count < present:
            await _shrink(ctx, verb, present - count)
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
    """Launch, wait for and start `more` nodes; on failure let go of them and keep the old size."""
    before = verb.record
    model = next(node for node in reversed(before.nodes) if node.slot.role != "manager")
    used = {node.slot.index for node in before.nodes if node.slot.role == model.slot.role}
    free = [index for index in range(len(before.nodes) + more + 1) if index not in used][:more]
    token = f"{before.handle}-{model.slot.role}-{new_handle()}"
    slots = [Slot(model.slot.role, index) for index in free]
    added = tuple(NodeRecord(slot=slot, offer=model.offer, token=token) for slot in slots)
    await verb.write(msgspec.structs.replace(before, nodes=(*before.nodes, *added)))
    try:
        got = await launch_slots(ctx, verb.record, verb.lease, slots, model.offer, token)
        grown = merged(verb.record, [*_known(before), *got], now=ctx.clock.now())
        await verb.write(changed(grown, grown.state, clock=ctx.clock))
        up = has_state(InstanceState.RUNNING)
        await verb.write(await wait_for(ctx, verb.record, up, what="the new machines", lease=verb.lease))
        record, ready = await lay_out(ctx, verb.record)
        await start_nodes(ctx, record, ready, names=[slot.name for slot in slots])
        await verb.write(record)
        await living(ctx, verb.record)
    except BaseException:
        await finish(_drop(ctx, verb, [slot.name for slot in slots]))
        verb.unharmed = ClusterState.RUNNING
        raise


def _known(record: ClusterRecord) -> list[Instance]:
    return [node.instance for node in record.nodes if node.instance is not None]


async def _shrink(ctx: Context, verb: Running, fewer: int) -> None:
    compute = [node for node in verb.record.nodes if node.slot.role != "manager"]
    leaving = sorted(compute, key=lambda node: node.slot.index)[-fewer:]
    verb.unharmed = None
    await _drop(ctx, verb, [node.name for node in leaving])


async def _drop(ctx: Context, verb: Running, names: list[str]) -> None:
    """Delete the machines of these nodes, wait until they are gone, and take them out of the record."""
    record = await look(ctx, await ctx.door(ctx.store.record, verb.record.handle))
    provider = ctx.provider(record.holding.provider)
    ids = [n.instance.id for n in record.nodes if n.name in names and n.instance is not None]
    for name in names:
        ctx.tell(record.handle, "terminating", node=name)
        await links.close_one(ctx, record.handle, name)
    if ids:
        await patiently(ctx, verb.lease, lambda: provider.terminate(record.holding, ids))

    def left(seen: ClusterRecord) -> bool:
        states = [n.instance.state for n in seen.nodes if n.name in names and n.instance is not None]
        return all(state is InstanceState.GONE for state in states)

    seen = await wait_for(ctx, record, left, what=f"the end of {', '.join(names)}")
    await verb.write(msgspec.structs.replace(seen, nodes=tuple(n for n in seen.nodes if n.name not in names)))
