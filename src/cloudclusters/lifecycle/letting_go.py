"""Letting go of everything a cluster holds at its provider; may be repeated from any point."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState
from cloudclusters.base.door import finish
from cloudclusters.base.waiting import Pace, wait_until
from cloudclusters.engine.protocol import Layout
from cloudclusters.errors import ProviderUnavailable, Throttled
from cloudclusters.lifecycle import keys, links, logs
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.machines import PATIENCE, merged
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.state import changed
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

LAUNCH = "launch"
"""The journal's word for a launch."""
LEAVING = Pace(first=0.01, most=0.5)
"""Look often: returning soon after the machines are gone is a promise."""
UNREACHABLE = 10.0
"""Seconds of an unreachable provider before the verb gives up; the record keeps everything."""


async def let_go(ctx: Context, record: ClusterRecord, lease: Lease, *, reason: str = "") -> ClusterRecord:
    """Delete all machines of the cluster and what was prepared for them, and record it as terminated.

    Finds the machines by tag, so also those whose launch was never answered; keeps the logs first. Raises
    `ProviderError` or `WaitTimeout` when something could not be deleted; the cluster then stays `terminating`,
    and a repetition goes on from there.
    """
    if record.state is not ClusterState.TERMINATING:
        record = await ctx.write(changed(record, ClusterState.TERMINATING, clock=ctx.clock, reason=reason), lease)
    await logs.keep(ctx, record)
    await links.close_all(ctx, record.handle)
    launching = any(step.step == LAUNCH for step in await ctx.door(ctx.store.open_steps, record.handle))
    await ctx.door(ctx.store.intend, lease, "let go", {"cluster": record.handle})
    seen = await delete_machines(ctx, record.holding, lease, known=_known(record.nodes, launching=launching))
    await release_holding(ctx, record.holding, lease)
    await ctx.door(keys.remove, ctx.home, record.handle)
    record = merged(record, seen, now=ctx.clock.now())
    nodes = tuple(msgspec.structs.replace(node, instance=_gone(node.instance)) for node in record.nodes)
    record = msgspec.structs.replace(record, nodes=nodes)
    await close_steps(ctx, record.handle, lease, "nothing is left")
    record = await ctx.write(changed(record, ClusterState.TERMINATED, clock=ctx.clock, reason=record.reason), lease)
    ctx.tell(record.handle, "terminated", "nothing is left")
    return record


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
    provider = await ctx.opened(holding.provider)
    began = answered = ctx.clock.monotonic()
    asked: set[str] = set()
    told = False

    async def see() -> Sequence[Instance] | None:
        nonlocal answered, told
        try:
            seen = [i for i in await ctx.act(lease, provider.describe, holding) if only(i)]
            living = [i for i in seen if i.state is not InstanceState.GONE]
            fresh = [i.id for i in living if i.state is not InstanceState.TERMINATING or i.id not in asked]
            fresh += [i.id for i in seen if i.state is InstanceState.GONE and i.id not in asked]
            if fresh:
                await ctx.act(lease, provider.terminate, holding, fresh)
                asked.update(fresh)
        except (Throttled, ProviderUnavailable) as exc:
            if ctx.clock.monotonic() - answered > UNREACHABLE:
                raise
            ctx.tell(holding.cluster, "waiting", exc.message)
            return None
        answered = ctx.clock.monotonic()
        for instance in living:
            ctx.tell(holding.cluster, "terminating", node=instance.slot.name)
        settled = answered - began >= provider.traits.settles_after or (known is not None and asked.issuperset(known))
        if not living and not settled and not told:
            told = True
            text = f"{provider.traits.settles_after:g} s for machines of a launch that the provider may show late"
            ctx.tell(holding.cluster, "waiting", text)
        return seen if not living and settled else None

    seen = await wait_until(
        see,
        lambda found: found is not None,
        clock=ctx.clock,
        timeout=PATIENCE,
        pace=LEAVING,
        what=f"the end of all machines of {holding.cluster}",
    )
    assert seen is not None
    return seen


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
    await delete_machines(
        ctx, record.holding, lease, only=lambda i: (i.slot, i.token) in seats, known=_known(going, launching=True)
    )
    nodes = tuple(node for node in record.nodes if node.name not in names)
    return await ctx.write(msgspec.structs.replace(record, nodes=nodes, layout=_without(record.layout, names)), lease)


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
