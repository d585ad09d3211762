"""Looking at machines, and waiting until they are as they should be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from cloudclusters.base.cloud import Instance, InstanceState
from cloudclusters.base.waiting import BOOT, Pace, wait_until
from cloudclusters.errors import NodeError, ProviderUnavailable, Throttled, WaitTimeout
from cloudclusters.lifecycle.claims import limits_said
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import limits_by
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, NodeRecord

T = TypeVar("T")
SAME = 30.0
"""Seconds by which two moments of the same limit of cost may differ, as two homes see it."""
PATIENCE = 900.0
"""Most seconds a machine may take to change its state; a boot on any cloud is well below it."""
_CALM = Pace(first=4.0, most=5.0)
"""For looking whether anything went wrong while something else is waited for."""
_BOUGHT = "what was bought is deleted, and the other nodes are as they were: try again"
"""What to do when a machine is lost that was bought beside those that run."""
_ENDED = frozenset({InstanceState.GONE, InstanceState.TERMINATING})


def merged(record: ClusterRecord, seen: Sequence[Instance], *, now: float) -> ClusterRecord:
    """The record with each node's machine as seen; a machine nobody sees any more is gone.

    A machine belongs to a node by slot and token, so that leftovers of an earlier attempt are not taken for it.
    """
    living = {(i.slot, i.token): i for i in seen if i.state not in _ENDED}
    ended = {(i.slot, i.token): i for i in seen if i.state in _ENDED}
    nodes = []
    for node in record.nodes:
        instance = living.get((node.slot, node.token)) or ended.get((node.slot, node.token))
        if instance is None and node.instance is not None:
            instance = msgspec.structs.replace(node.instance, state=InstanceState.GONE)
        nodes.append(msgspec.structs.replace(node, instance=instance))
    return msgspec.structs.replace(record, nodes=tuple(nodes), seen=now)


async def look(ctx: Context, record: ClusterRecord, *, heeds: bool = True) -> ClusterRecord:
    """Ask the provider once, and return the record as seen; stores nothing. Raises `ProviderError`.

    `heeds`: for a verb, which yields to another machine's that the machines tell of (`LeaseHeld`). Who only looks
    beside a verb of this process must not take that from it. Limits that another home has set since are taken over.
    """
    provider = await ctx.opened(record.holding.provider)
    seen = await ctx.door(provider.describe, record.holding)
    if heeds:
        ctx.heed(record.handle, seen)
    found = merged(record, seen, now=ctx.clock.now())
    said = limits_said(seen)
    if said is None or said.is_of(ctx.store.id):
        return found
    return msgspec.structs.replace(found, limits=limits_by(found, said, ctx.clock.now(), same=SAME))


async def none_lost(ctx: Context, record: ClusterRecord, *, patience: float) -> None:
    """Look now and then for `patience` seconds, and raise `NodeError` when a machine that ran is lost."""
    running = has_state(InstanceState.RUNNING)
    asked = False

    async def see() -> ClusterRecord:
        nonlocal asked
        seen = await _patient_look(ctx, record) if asked else None
        asked = True
        return seen or record

    with contextlib.suppress(WaitTimeout):
        await wait_until(see, lambda seen: running(seen) and False, clock=ctx.clock, timeout=patience, pace=_CALM)


async def unless_lost(ctx: Context, record: ClusterRecord, work: Awaitable[T], *, patience: float) -> T:
    """Await `work` on the nodes of a cluster, but raise `NodeError` as soon as the provider says that one is lost.

    Looks now and then for `patience` seconds; `work` is cancelled then.
    """
    working = asyncio.ensure_future(work)
    losing = asyncio.ensure_future(none_lost(ctx, record, patience=patience))
    try:
        await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            losing.result()  # raises, or has nothing more to say
        return await working
    finally:
        for task in (working, losing):
            task.cancel()
        await asyncio.gather(working, losing, return_exceptions=True)


async def wait_for(
    ctx: Context,
    record: ClusterRecord,
    good: Callable[[ClusterRecord], bool],
    *,
    what: str,
    lease: Lease | None = None,
) -> ClusterRecord:
    """Look until `good`, riding out throttling and an unreachable provider; raises `WaitTimeout`."""

    began = ctx.clock.monotonic()
    settles_after = (await ctx.opened(record.holding.provider)).traits.settles_after

    async def see() -> ClusterRecord | None:
        if lease is not None:
            await ctx.door(ctx.store.check, lease)
        fresh = ctx.clock.monotonic() - began < settles_after
        return await _patient_look(ctx, record, fresh=fresh)

    found = await wait_until(
        see, lambda r: r is not None and good(r), clock=ctx.clock, timeout=PATIENCE, pace=BOOT, what=what
    )
    assert found is not None
    return found


async def _patient_look(ctx: Context, record: ClusterRecord, *, fresh: bool = False) -> ClusterRecord | None:
    """A look, or None while the provider throttles or cannot be reached.

    While what was launched is `fresh`, a machine that is not seen yet is kept as it was.
    """
    try:
        seen = await look(ctx, record)
    except (Throttled, ProviderUnavailable) as exc:
        ctx.tell(record.handle, "waiting", exc.message)
        return None
    return _with_unseen(record, seen) if fresh else seen


def _with_unseen(before: ClusterRecord, seen: ClusterRecord) -> ClusterRecord:
    nodes = tuple(
        old if old.instance is not None and new.instance is not None and _vanished(old.instance, new.instance) else new
        for old, new in zip(before.nodes, seen.nodes, strict=True)
    )
    return msgspec.structs.replace(seen, nodes=nodes)


def _vanished(old: Instance, new: Instance) -> bool:
    """Whether a describe did not mention it: `merged` then takes the old one as gone."""
    return old.state not in _ENDED and new == msgspec.structs.replace(old, state=InstanceState.GONE)


def instances(record: ClusterRecord, *states: InstanceState) -> list[Instance]:
    """The machines of the record that are in one of these states, or all of them."""
    found = [n.instance for n in record.nodes if n.instance is not None]
    return [instance for instance in found if instance.state in states] if states else found


def has_state(state: InstanceState) -> Callable[[ClusterRecord], bool]:
    """A condition: every node has a machine in this state; raises when one is lost on the way."""

    def good(record: ClusterRecord) -> bool:
        for node in record.nodes:
            if node.instance is not None and node.instance.state in _ENDED:
                raise NodeError(
                    f"the machine of {node.name} ({node.instance.id}) is {node.instance.state}"
                    + (f": {node.instance.reason}" if node.instance.reason else ""),
                    hint=_BOUGHT
                    if node.unsettled
                    else f"it cannot come back: `cloudclusters terminate {record.handle}`, then deploy anew",
                )
        return all(n.instance is not None and n.instance.state is state for n in record.nodes)

    return good


def lost(record: ClusterRecord) -> list[NodeRecord]:
    """Nodes whose machine is gone or never was."""
    return [n for n in record.nodes if n.instance is None or n.instance.state in _ENDED]
