"""Another machine in the place of one that is lost or will be, or none: what becomes of nodes that die.

What is bought is `unsettled` until it computes, and what goes is `unsettled` from when nobody needs it: whatever ends
this half-way, the next command deletes both. A node leaves the record only when the provider says that it is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

import msgspec

from cloudclusters.base.cloud import InstanceState, Market, Offer, Slot
from cloudclusters.base.door import finish
from cloudclusters.base.handle import new_handle
from cloudclusters.base.near import near
from cloudclusters.errors import InvalidContract, NoCapacity, NodeError, NotSupported, UnknownName
from cloudclusters.lifecycle.affording import check_time_left
from cloudclusters.lifecycle.booted import first_boot_done
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.draining import drain
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.launching import Group, in_zones, launch_groups, seated
from cloudclusters.lifecycle.letting_go import drop_nodes
from cloudclusters.lifecycle.limiting import limit
from cloudclusters.lifecycle.links import open_all
from cloudclusters.lifecycle.machines import has_state, look, lost, wait_for
from cloudclusters.lifecycle.processes import lay_out, living, start_all, start_nodes, stop_all
from cloudclusters.lifecycle.seeing import seen_state
from cloudclusters.lifecycle.state import check_possible, describe_name
from cloudclusters.lifecycle.verb import Running, running
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

HOUR = 3600.0
MANY = 3
"""Spot machines lost within an hour from which on the next one is bought on demand."""


async def replace(ctx: Context, cluster: str, node: str, *, buy: bool = True, drains: bool = False) -> ClusterRecord:
    """Buy another machine in the place of a node's, start its workers, and delete the old machine with its disk.

    Without `buy` the cluster goes on with one node less; with `drains` the old workers first hand over and end. The
    offer is the node's own, else another of the plan's in the region; on demand after many losses. The new node has a
    name of its own. When the scheduler was on the old one it moves: all processes are started anew, with new pids.
    Costs money. When nothing can be bought the cluster is as it was (`NoCapacity`). Raises also `UnknownName`,
    `NotSupported`, `IllegalState`, `NodeError`.
    """
    await check_replaceable(ctx, cluster, node, buy=buy)
    async with running(ctx, cluster, "replace", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        await verb.write(await look(ctx, verb.record))
        before = verb.record
        old = node_of(before, node, last=buy)
        moves = old.name == verb.record.nodes[0].name
        if buy:
            await bring_others(verb, [old], starts=not moves)
        if moves:  # whoever finds this half-way finds no scheduler
            verb.unharmed = None
            await verb.enter(ClusterState.RESTARTING)
        if drains:
            await verb.write(_with(verb.record, [node], unsettled=True))
            await drain(ctx, before, [node])  # the layout has its workers no more
        await leave(verb, [node])
        if moves or await _is_not_whole(ctx, verb.record):
            await start_anew(verb)
    return verb.record


async def provide(ctx: Context, cluster: str, node: str) -> ClusterRecord:
    """The first half of `replace`: another machine computes beside a node that will be lost, which stays for now.

    Once for each node, and not for the scheduler's. Raises as `replace`.
    """
    await check_replaceable(ctx, cluster, node)
    async with running(ctx, cluster, "replace", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        await verb.write(await look(ctx, verb.record))
        await bring_others(verb, [node_of(verb.record, node)], starts=True)
    return verb.record


async def drop(ctx: Context, cluster: str) -> ClusterRecord:
    """Take the nodes out of the record whose machines are gone; the others go on.

    When the scheduler's is among them nothing is dropped: `NodeError`, and `restart` takes it from there. Raises also
    `IllegalState`, `ProviderError`.
    """
    check_possible(await ctx.door(ctx.store.record, cluster), "replace", now=ctx.clock.now())
    async with running(ctx, cluster, "replace", ClusterState.SCALING, ClusterState.RUNNING) as verb:
        await verb.write(await look(ctx, verb.record))
        _check_head(verb.record)
        await leave(verb, [each.name for each in lost(verb.record)])
        state, why = await seen_state(ctx, verb.record)
        if state is not ClusterState.RUNNING:
            verb.unharmed = None
            raise NodeError(f"without the lost nodes {cluster} is {state}: {why}", hint=_restart(verb.record))
    return verb.record


async def check_replaceable(ctx: Context, cluster: str, node: str, *, buy: bool = True) -> None:
    """Raise what is wrong with a wish to replace a node, before anything is done."""
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "replace", now=ctx.clock.now())
    node_of(record, node, last=buy)
    if not (await ctx.opened(record.holding.provider)).traits.elastic:
        raise NotSupported(f"{record.holding.provider} cannot add a machine to a cluster that runs")


def node_of(record: ClusterRecord, name: str, *, last: bool = True) -> NodeRecord:
    """The node of this name; raises `UnknownName`, and without `last` `InvalidContract` for the only one."""
    names = [node.name for node in record.nodes]
    if not isinstance(name, str):
        raise InvalidContract(f"{name!r} is not the name of a node", hint=f"its nodes are {', '.join(names)}")
    if name not in names:
        raise UnknownName(
            f"{record.handle} has no node {name!r}{near(name, names)}", hint=f"its nodes are {', '.join(names)}"
        )
    if not last and len(names) == 1:
        raise InvalidContract(
            f"{name} is the only node of {describe_name(record)}",
            hint=f"to let go of all of it: `cloudclusters terminate {record.name or record.handle}`",
        )
    return record.nodes[names.index(name)]


async def bring_others(verb: Running, olds: Sequence[NodeRecord], *, starts: bool) -> None:
    """Have machines that were bought in the place of nodes, with `starts` their workers; buys at most one for each.

    They boot side by side. All or none: when one cannot be had, the others of this call are deleted. Raises
    `IllegalState` when a limit would strike before.
    """
    provided = {node.instead_of for node in verb.record.nodes}
    olds = [old for old in olds if old.name not in provided]
    if not olds:
        return
    before, away = verb.record, {old.name for old in olds}
    if starts:
        _check_head(before, away=away)
    now = verb.ctx.clock.now()
    losses = _losses(before, olds, now)
    added = _added(before, olds, losses)
    check_time_left(before, [node.offer for node in added], now)
    new = [node.name for node in added]
    await verb.write(msgspec.structs.replace(before, nodes=(*before.nodes, *added)))
    try:
        for slots, offers in _alike(before, olds, added, losses):
            await _launch(verb, slots, offers)
        await _boot(verb, new)
        if starts:
            await _start(verb, new, away=away)
        await verb.write(_with(msgspec.structs.replace(verb.record, losses=losses), new, unsettled=False))
    except BaseException:
        # When this fails too, the nodes stay unsettled, and the next command deletes them.
        await finish(leave(verb, new))
        raise


def _added(record: ClusterRecord, olds: Sequence[NodeRecord], losses: Collection[float]) -> list[NodeRecord]:
    """A node in the place of each, at the lowest index that is free in its role."""
    used = {node.slot for node in record.nodes}
    added = []
    for old in olds:
        slot = next(slot for index in count() if (slot := Slot(old.slot.role, index)) not in used)
        used.add(slot)
        offer = _offers(record, old, losses)[0]
        added.append(NodeRecord(slot=slot, offer=offer, token="", unsettled=True, instead_of=old.name))
    return added


def _alike(
    record: ClusterRecord, olds: Sequence[NodeRecord], added: Sequence[NodeRecord], losses: Collection[float]
) -> list[tuple[tuple[Slot, ...], list[Offer]]]:
    """The seats that one launch fills, because their offers are the same, with these."""
    groups: dict[tuple[str, tuple[Offer, ...]], list[Slot]] = {}
    for old, node in zip(olds, added, strict=True):
        groups.setdefault((old.slot.role, tuple(_offers(record, old, losses))), []).append(node.slot)
    return [(tuple(slots), list(offers)) for (_, offers), slots in groups.items()]


async def leave(verb: Running, names: Collection[str]) -> None:
    """Let nodes go, with their machines, and take them out of the record when these are gone."""
    if not names:
        return
    latest = await verb.ctx.door(verb.ctx.store.record, verb.record.handle)  # what failed may have written it
    await verb.write(_with(latest, names, unsettled=True))
    verb.record = await drop_nodes(verb.ctx, verb.record, verb.lease, names)


async def start_anew(verb: Running) -> None:
    """Fresh processes on all nodes; the scheduler is on the first one."""
    verb.unharmed = None
    await stop_all(await open_all(verb.ctx, verb.record))
    await limit(verb.ctx, verb.record)  # new ones know of none yet, the others of another head, and what comes is long
    await start_all(verb.ctx, verb.record, verb.write)
    await living(verb.ctx, verb.record)
    await settle(verb.ctx, verb.record)
    await limit(verb.ctx, verb.record)


async def _is_not_whole(ctx: Context, record: ClusterRecord) -> bool:
    return (await seen_state(ctx, record))[0] is not ClusterState.RUNNING


def offer_instead(record: ClusterRecord, old: NodeRecord, now: float) -> Offer:
    """What `replace` would ask for first in the place of a node."""
    return _offers(record, old, _losses(record, [old], now))[0]


def _losses(record: ClusterRecord, olds: Sequence[NodeRecord], now: float) -> tuple[float, ...]:
    """When spot machines were lost in the last hour, these among them."""
    recent = tuple(at for at in record.losses if at > now - HOUR)
    return (*recent, *(now for old in olds if old.offer.market is Market.SPOT))


def _offers(record: ClusterRecord, old: NodeRecord, losses: Collection[float]) -> list[Offer]:
    """What to ask for, in this order: the node's own offer, then the plan's for its role; in the cluster's region.

    On demand after many losses, and where the old one was.
    """
    role = next(each for each in record.plan.roles if each.role == old.slot.role)
    found = [o for o in (old.offer, role.offer, *role.fallbacks) if o.place.region == record.holding.place.region]
    steady = len(losses) >= MANY or old.offer.market is Market.ON_DEMAND
    return list(dict.fromkeys(offer.on_demand if steady else offer for offer in found))


async def _launch(verb: Running, slots: tuple[Slot, ...], offers: list[Offer]) -> None:
    ctx, refusals, left = verb.ctx, list[NoCapacity](), list(offers)
    while left:
        group = Group(slots=slots, offer=left.pop(0), token=f"{verb.record.handle}-{slots[0].role}-{new_handle()}")
        await verb.write(seated(verb.record, [group]))
        try:
            verb.record = await launch_groups(ctx, verb.record, verb.lease, [group])
        except NoCapacity as exc:
            refusals.append(exc)
            ctx.tell(verb.record.handle, "no capacity", exc.message)
            left = [*(offer for offer, _ in await in_zones(ctx, group.offer, group.token)), *left]
        else:
            return
    raise NoCapacity(
        "nothing can be bought in the place of what is lost:\n" + "\n".join(f"  {each.message}" for each in refusals),
        hint=f"try again later: `cloudclusters {verb.lease.verb}`",
    )


async def _boot(verb: Running, names: Collection[str]) -> None:
    """Wait until the new machines run, whatever becomes of the others."""
    runs = has_state(InstanceState.RUNNING)

    def up(record: ClusterRecord) -> bool:
        return runs(msgspec.structs.replace(record, nodes=tuple(n for n in record.nodes if n.name in names)))

    await verb.write(await wait_for(verb.ctx, verb.record, up, what="the new machines", lease=verb.lease))
    await first_boot_done(verb.ctx, verb.record, [node for node in verb.record.nodes if node.name in names])


async def _start(verb: Running, names: Collection[str], *, away: Collection[str]) -> None:
    """Start the processes of new nodes beside those that run; nobody asks nodes that are lost."""
    ctx, whole = verb.ctx, verb.record
    absent = {*away, *(node.name for node in lost(whole))}
    _check_head(whole, away=away)
    there = msgspec.structs.replace(whole, nodes=tuple(node for node in whole.nodes if node.name not in absent))
    await limit(ctx, there)  # the new ones know of none yet, and what comes may take long
    there, preparation = await lay_out(ctx, there)
    await verb.write(msgspec.structs.replace(whole, layout=there.layout))
    await start_nodes(ctx, there, preparation, names=names)
    await living(ctx, there)
    await settle(ctx, verb.record)  # of all: the old one stays for now, and may be entered from elsewhere
    await limit(ctx, there)


def _check_head(record: ClusterRecord, *, away: Collection[str] = ()) -> None:
    """Raise `NodeError` when the scheduler's node is lost, or among those that are away."""
    head = record.nodes[0].name
    if head in {*away, *(node.name for node in lost(record))}:
        raise NodeError(f"the scheduler of {record.handle} is lost with {head}", hint=_restart(record))


def _restart(record: ClusterRecord) -> str:
    return f"`cloudclusters restart {record.name or record.handle}` starts one elsewhere"


def _with(record: ClusterRecord, names: Collection[str], *, unsettled: bool) -> ClusterRecord:
    nodes = (msgspec.structs.replace(n, unsettled=unsettled) if n.name in names else n for n in record.nodes)
    return msgspec.structs.replace(record, nodes=tuple(nodes))
