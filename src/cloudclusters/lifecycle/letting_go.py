"""Letting go of everything a cluster holds at its provider; may be repeated from any point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState
from cloudclusters.base.door import finish
from cloudclusters.base.gather import gather
from cloudclusters.base.remains import joined, staying, what_is_left
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.engine.protocol import Layout
from cloudclusters.errors import ProviderUnavailable, Throttled
from cloudclusters.lifecycle import keys, links, logs
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.machines import PATIENCE, instances, merged
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.remaining import remaining, staying_of
from cloudclusters.lifecycle.state import changed
from cloudclusters.provider.protocol import Provider
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

LAUNCH = "launch"
"""The journal's word for a launch."""
LEAVING = Pace(first=0.01, most=0.5)
"""Look often: returning soon after the machines are gone is a promise."""
UNREACHABLE = 10.0
"""Seconds of an unreachable provider before the verb gives up; the record keeps everything."""
_ENDING = (InstanceState.TERMINATING, InstanceState.GONE)


async def let_go(ctx: Context, record: ClusterRecord, lease: Lease, *, reason: str = "") -> ClusterRecord:
    """Delete all machines of the cluster and what was prepared for them, and record it as terminated.

    Finds the machines by tag, so also those whose launch was never answered; keeps the logs first. Raises
    `ProviderError` or `WaitTimeout` when something could not be deleted; the cluster then stays `terminating`,
    and a repetition goes on from there.
    """
    was = record.state
    if was is not ClusterState.TERMINATING:
        record = msgspec.structs.replace(record, remains=record.left_behind)  # the rest is asked anew
        record = await ctx.write(changed(record, ClusterState.TERMINATING, clock=ctx.clock, reason=reason), lease)
    record = await _looked_through(ctx, record, lease, was=was)
    await links.close_all(ctx, record.handle)
    launching = any(step.step == LAUNCH for step in await ctx.door(ctx.store.open_steps, record.handle))
    await ctx.door(ctx.store.intend, lease, "let go", {"cluster": record.handle})
    seen = await delete_machines(ctx, record.holding, lease, known=_known(record.nodes, launching=launching))
    await release_holding(ctx, record.holding, lease)
    await ctx.door(keys.remove, ctx.home, record.handle)
    record = merged(record, seen, now=ctx.clock.now())
    nodes = tuple(msgspec.structs.replace(node, instance=_gone(node.instance)) for node in record.nodes)
    record = msgspec.structs.replace(record, nodes=nodes)
    left = what_is_left(record.remains)
    await close_steps(ctx, record.handle, lease, left)
    ended = changed(record, ClusterState.TERMINATED, clock=ctx.clock, reason=record.reason)
    record = await ctx.write(ended, lease, also=seen)
    ctx.tell(record.handle, "terminated", left)
    return record


async def _looked_through(ctx: Context, record: ClusterRecord, lease: Lease, *, was: ClusterState) -> ClusterRecord:
    """Keep the logs, and what stays beside the machines in the record: once these are gone nobody can tell."""
    keeping = logs.keep(ctx, record)
    if was is ClusterState.DEPLOYING:
        await keeping
        return record
    ids = () if was is ClusterState.TERMINATING else [i.id for i in instances(record)]  # else we may have deleted them
    works: tuple[Coroutine[object, object, object], ...] = (keeping, remaining(ctx, record.holding, of=ids))
    _, found = await gather(works)
    assert isinstance(found, tuple)
    left = staying(found)
    if not left:
        return record
    # Of machines that are gone already, what was seen beside them then still counts.
    return await ctx.write(msgspec.structs.replace(record, remains=joined(left, record.remains)), lease)


def _known(nodes: Collection[NodeRecord], *, launching: bool) -> Collection[str] | None:
    """All machines of these nodes; None when a launch under way may have made some that we never heard of."""
    ids = [node.instance.id for node in nodes if node.instance is not None]
    return ids if len(ids) == len(nodes) or not launching else None


async def close_steps(ctx: Context, cluster: str, lease: Lease, outcome: str) -> None:
    """End every open step of the journal. Before the state that ends the verb is written, not after.

    A crash in between then leaves a state that only lasts while a verb runs, which the next command mends.
    """
    for step in await ctx.door(ctx.store.open_steps, cluster):
        await ctx.door(ctx.store.done, step.entry, lease, outcome)


def _gone(instance: Instance | None) -> Instance | None:
    return instance and msgspec.structs.replace(instance, state=InstanceState.GONE)


def _every(_: Instance) -> bool:
    return True


async def delete_machines(
    ctx: Context,
    holding: Holding,
    lease: Lease,
    *,
    only: Callable[[Instance], bool] = _every,
    known: Collection[str] | None = None,
) -> Sequence[Instance]:
    """Ask for every machine of the holding, or `only` some, to be deleted, until none is seen and the provider settled.

    Finds them by tag, so also those whose launch was never answered. `known` are all that were launched; when they were
    all seen, there is nothing to wait for that the provider might not show yet.
    """
    deletion = _Deletion(ctx, holding, lease, await ctx.opened(holding.provider), only, known)
    seen = await wait_until(
        deletion.attempt,
        lambda found: found is not None,
        clock=ctx.clock,
        timeout=PATIENCE,
        pace=LEAVING,
        what=f"the end of all machines of {holding.cluster}",
    )
    assert seen is not None
    return seen


class _Deletion:
    """The attempts to have machines deleted."""

    def __init__(
        self,
        ctx: Context,
        holding: Holding,
        lease: Lease,
        provider: Provider,
        only: Callable[[Instance], bool],
        known: Collection[str] | None,
    ) -> None:
        self._ctx, self._holding, self._lease, self._provider = ctx, holding, lease, provider
        self._only, self._known = only, known
        self._began = self._answered = ctx.clock.monotonic()
        self._asked: set[str] = set()
        self._leaving: set[str] = set()
        """Machines of which it was told that they go; once, however often somebody looks."""
        self._told = False

    async def attempt(self) -> Sequence[Instance] | None:
        """Look, and ask for what was not asked for yet; all that is seen once nothing lives and no more can come."""
        try:
            seen = await self._ask()
        except (Throttled, ProviderUnavailable) as exc:
            if self._ctx.clock.monotonic() - self._answered > UNREACHABLE:
                raise
            self._ctx.tell(self._holding.cluster, "waiting", exc.message)
            return None
        self._answered = self._ctx.clock.monotonic()
        living = {i.id: i.slot.name for i in seen if i.state is not InstanceState.GONE}
        for name in (name for machine, name in living.items() if machine not in self._leaving):
            self._ctx.tell(self._holding.cluster, "terminating", node=name)
        self._leaving |= living.keys()
        if living:
            return None
        if not self._is_settled():
            self._tell_once()
            return None
        return seen

    async def _ask(self) -> Sequence[Instance]:
        everything = await self._ctx.act(self._lease, self._provider.describe, self._holding)
        self._ctx.heed(self._holding.cluster, everything)
        seen = [i for i in everything if self._only(i)]
        fresh = [i.id for i in seen if i.id not in self._asked or i.state not in _ENDING]
        if fresh:
            await self._ctx.act(self._lease, self._provider.terminate, self._holding, fresh)
            self._asked.update(fresh)
        return seen

    def _is_settled(self) -> bool:
        """Whether the provider would show by now what it was slow to show."""
        if self._known is not None and self._asked.issuperset(self._known):
            return True
        return self._answered - self._began >= self._provider.traits.settles_after

    def _tell_once(self) -> None:
        if not self._told:
            self._told = True
            late = f"{self._provider.traits.settles_after:g} s for machines of a launch that the provider may show late"
            self._ctx.tell(self._holding.cluster, "waiting", late)


async def release_holding(ctx: Context, holding: Holding, lease: Lease) -> None:
    """Undo what was prepared for a holding whose machines are gone, riding out throttling."""
    provider = await ctx.opened(holding.provider)
    await patiently(ctx, lease, lambda: provider.release(holding))


async def drop_nodes(ctx: Context, record: ClusterRecord, lease: Lease, names: Collection[str]) -> ClusterRecord:
    """Delete the machines of these nodes, wait until they are gone, and take the nodes out of the record.

    May be repeated; raises as `let_go` does, and the nodes then stay in the record.
    """
    going = [node for node in record.nodes if node.name in names]
    seats = {(node.slot, node.token) for node in going}
    for name in names:
        await links.close_one(ctx, record.handle, name)
    await ctx.reach.leave(record.handle, names)
    record = await _told_of(ctx, record, lease, going)
    seen = await delete_machines(
        ctx, record.holding, lease, only=lambda i: (i.slot, i.token) in seats, known=_known(going, launching=True)
    )
    places = {node.name: node.instead_of for node in going}
    rest = tuple(_standing_on(node, places) for node in record.nodes if node.name not in names)
    left = msgspec.structs.replace(record, nodes=rest, layout=_without(record.layout, names))
    return await ctx.write(left, lease, also=seen)


async def _told_of(ctx: Context, record: ClusterRecord, lease: Lease, going: Collection[NodeRecord]) -> ClusterRecord:
    """Keep in the record what will stay of these nodes: once they are gone nobody can tell."""
    machines = [node.instance.id for node in going if node.instance is not None]
    left = await staying_of(ctx, record.holding, machines) if machines else ()
    if not left:
        return record
    ctx.tell(record.handle, "letting go", what_is_left(left))
    return await ctx.write(msgspec.structs.replace(record, remains=joined(left, record.remains)), lease)


def _standing_on(node: NodeRecord, gone: Mapping[str, str]) -> NodeRecord:
    """Forget that the node took the place of one that is gone, as another one may get that name.

    It then stands for the node whose place that one had taken, if any (`gone` tells whose), which may still be there.
    """
    instead = node.instead_of
    while instead in gone:
        instead = gone[instead]
    return msgspec.structs.replace(node, instead_of=instead)


def _without(layout: Layout, names: Collection[str]) -> Layout:
    return Layout(
        processes=tuple(process for process in layout.processes if process.node not in names),
        files=tuple(file for file in layout.files if file.node not in names),
        forwards=tuple(forward for forward in layout.forwards if forward.node not in names),
    )


async def undo(ctx: Context, cluster: str, lease: Lease, *, reason: str) -> ClusterRecord:
    """`let_go`, however often we are cancelled meanwhile; for the clean-up of a verb that failed."""
    record = await ctx.door(ctx.store.record, cluster)
    return await finish(let_go(ctx, record, lease, reason=reason))
