"""scale: more machines, or fewer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.base.cloud import InstanceState, Market, Offer, Slot
from cloudclusters.base.door import finish
from cloudclusters.base.handle import new_handle
from cloudclusters.contract.document import groups as bought
from cloudclusters.contract.mix import mix_of
from cloudclusters.errors import InvalidContract, NotSupported
from cloudclusters.lifecycle.affording import check_time_left
from cloudclusters.lifecycle.booted import first_boot_done
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.draining import drain
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.launching import Group, groups_of, launch_groups
from cloudclusters.lifecycle.letting_go import drop_nodes
from cloudclusters.lifecycle.limiting import limit
from cloudclusters.lifecycle.machines import PATIENCE, has_state, look, unless_lost, wait_for
from cloudclusters.lifecycle.processes import lay_out, living, start_nodes
from cloudclusters.lifecycle.state import check_possible
from cloudclusters.lifecycle.verb import Running, running
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord


async def scale(ctx: Context, cluster: str, count: int) -> ClusterRecord:
    """Bring a running cluster to `count` compute nodes.

    New nodes are bought at the cluster's own offer and follow its mix of spot and on demand; nodes of the highest
    index go first, once their workers have handed over tasks and results. Waits until it is so. When growing fails the
    cluster keeps the size it had. Raises `NoCapacity`, `NotSupported`, `InvalidContract`, and `IllegalState`, also when
    a limit of time or money would strike before new nodes have booted.
    """
    check_count(count)
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "scale", now=ctx.clock.now())
    await ctx.opened(record.holding.provider)
    check_growth(ctx, record, count)
    async with running(ctx, cluster, "scale", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        present = len(compute_nodes(verb.record))
        if count > present:
            await _grow(ctx, verb, count - present)
        elif count < present:
            await _shrink(verb, leaving(verb.record, count))
    return verb.record


async def shrink(ctx: Context, cluster: str, names: Collection[str]) -> ClusterRecord:
    """Let go of these nodes of a running cluster, as far as it has them, once their workers have handed over.

    The node of the scheduler stays. Waits until the provider says that the machines are gone. Raises `IllegalState`,
    `NotSupported`, `ProviderError`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "scale", now=ctx.clock.now())
    await ctx.opened(record.holding.provider)
    check_growth(ctx, record, 1)
    async with running(ctx, cluster, "scale", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        going = [
            node.name for node in compute_nodes(verb.record) if node.name in names and node != verb.record.nodes[0]
        ]
        if going:
            await _shrink(verb, going)
    return verb.record


def check_count(count: object) -> None:
    """Raise `InvalidContract` for what no cluster can have as its number of compute nodes."""
    if not isinstance(count, int) or isinstance(count, bool):
        raise InvalidContract(f"the size {count!r} is not a whole number of nodes", hint="write for instance scale(8)")
    if count < 1:
        raise InvalidContract(
            f"a cluster has at least one compute node, not {count}", hint="to let go of all of it use terminate"
        )


def check_growth(ctx: Context, record: ClusterRecord, count: int) -> None:
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
    role = compute_nodes(before)[-1].slot.role
    used = {node.slot.index for node in before.nodes if node.slot.role == role}
    free = [index for index in range(len(before.nodes) + more + 1) if index not in used][:more]
    slots = [Slot(role, index) for index in free]
    offer, steady = _model(before, more)
    groups = groups_of(slots, offer, f"{before.handle}-{role}-{new_handle()}", steady)
    added = tuple(
        NodeRecord(slot=slot, offer=group.offer, token=group.token, unsettled=True)
        for group in groups
        for slot in group.slots
    )
    # As seen: another home may have changed the limits.
    check_time_left(await look(ctx, before), [node.offer for node in added], ctx.clock.now())
    await verb.write(msgspec.structs.replace(before, nodes=(*before.nodes, *sorted(added, key=_index))))
    try:
        await _bring_up(ctx, verb, slots, groups)
    except BaseException:
        # When this fails too, the nodes stay unsettled, and the cluster scaling.
        await finish(_drop(verb, [slot.name for slot in slots]))
        raise


def growth(record: ClusterRecord, count: int) -> tuple[tuple[Offer, int], ...]:
    """What is bought to bring the cluster to `count` compute nodes, and how many of it; nothing when it has them."""
    more = count - len(compute_nodes(record))
    if more <= 0:
        return ()
    offer, steady = _model(record, more)
    return bought(offer, more, steady)


def _model(record: ClusterRecord, more: int) -> tuple[Offer, int]:
    """The offer of new nodes, and how many of them are bought on demand all the same: the mix holds for all nodes."""
    present = compute_nodes(record)
    latest = present[-1]
    planned = next((role for role in record.plan.roles if role.role == latest.slot.role), None)
    alike = [node.offer for node in reversed(present)]
    alike += [] if planned is None else [o for o in (planned.offer, *planned.fallbacks) if o.is_like(latest.offer)]
    offer = next((each for each in alike if each.market is not Market.ON_DEMAND), latest.offer)
    wished = mix_of(record.plan.settings).steady(latest.slot.role, len(present) + more)
    missing = wished - sum(node.offer.market is Market.ON_DEMAND for node in present)
    return offer, min(more, max(0, missing))


def _index(node: NodeRecord) -> int:
    return node.slot.index


async def _bring_up(ctx: Context, verb: Running, slots: Sequence[Slot], groups: Sequence[Group]) -> None:
    verb.record = await launch_groups(ctx, verb.record, verb.lease, groups)
    up = has_state(InstanceState.RUNNING)
    await verb.write(await wait_for(ctx, verb.record, up, what="the new machines", lease=verb.lease))
    added = [node for node in verb.record.nodes if node.slot in slots]
    await first_boot_done(ctx, verb.record, added)
    await limit(ctx, verb.record)  # the new ones know of none yet, and what comes may take long
    record, preparation = await lay_out(ctx, verb.record)
    await verb.write(record)
    starting = start_nodes(ctx, record, preparation, names=[slot.name for slot in slots])
    await unless_lost(ctx, record, starting, patience=PATIENCE)
    await living(ctx, verb.record)
    await settle(ctx, verb.record)
    await limit(ctx, verb.record)
    await verb.write(_marked(verb.record, [slot.name for slot in slots], unsettled=False))


async def _shrink(verb: Running, names: Sequence[str]) -> None:
    await verb.write(_marked(verb.record, names, unsettled=True))
    await drain(verb.ctx, verb.record, names)
    await _drop(verb, names)
    await limit(verb.ctx, verb.record)  # fewer machines cost less: a limit of cost strikes later


async def _drop(verb: Running, names: Sequence[str]) -> None:
    latest = await verb.ctx.door(verb.ctx.store.record, verb.record.handle)  # what failed may have written it
    verb.record = await drop_nodes(verb.ctx, latest, verb.lease, names)


def leaving(record: ClusterRecord, count: int) -> list[str]:
    """The names of the nodes that go when `count` compute nodes stay: those of the highest index, never the entry's."""
    compute = sorted(compute_nodes(record), key=_index)
    others = [node for node in compute if node != record.nodes[0]]
    return [node.name for node in others[count - (len(compute) - len(others)) :]]


def compute_nodes(record: ClusterRecord) -> list[NodeRecord]:
    """The nodes that compute: all but a manager."""
    return [node for node in record.nodes if node.slot.role != "manager"]


def _marked(record: ClusterRecord, names: Sequence[str], *, unsettled: bool) -> ClusterRecord:
    nodes = (msgspec.structs.replace(n, unsettled=unsettled) if n.name in names else n for n in record.nodes)
    return msgspec.structs.replace(record, nodes=tuple(nodes))
