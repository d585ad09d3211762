"""Looking at machines, and waiting until they are as they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cloudclusters.base.cloud import Instance, InstanceState
from cloudclusters.base.waiting import BOOT, wait_until
from cloudclusters.errors import NodeError, ProviderUnavailable, Throttled
from cloudclusters.lifecycle.context import Context
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, NodeRecord

PATIENCE = 900.0
"""Most seconds a machine may take to change its state; a boot on any cloud is well below it."""
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


async def look(ctx: Context, record: ClusterRecord) -> ClusterRecord:
    """Ask the provider once, and return the record as seen; stores nothing. Raises `ProviderError`."""
    provider = ctx.provider(record.holding.provider)
    seen = await ctx.door(provider.describe, record.holding)
    return merged(record, seen, now=ctx.clock.now())


async def wait_for(
    ctx: Context,
    record: ClusterRecord,
    good: Callable[[ClusterRecord], bool],
    *,
    what: str,
    lease: Lease | None = None,
) -> ClusterRecord:
    """Look until `good`, riding out throttling and an unreachable provider; raises `WaitTimeout`."""

    async def see() -> ClusterRecord | None:
        if lease is not None:
            await ctx.door(ctx.store.check, lease)
        try:
            return await look(ctx, record)
        except (Throttled, ProviderUnavailable) as exc:
            ctx.tell(record.handle, "waiting", exc.message)
            return None

    found = await wait_until(
        see, lambda r: r is not None and good(r), clock=ctx.clock, timeout=PATIENCE, pace=BOOT, what=what
    )
    assert found is not None
    return found


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
                    hint=f"it cannot come back: `cloudclusters terminate {record.handle}`, then deploy anew",
                )
        return all(n.instance is not None and n.instance.state is state for n in record.nodes)

    return good


def lost(record: ClusterRecord) -> list[NodeRecord]:
    """Nodes whose machine is gone or never was."""
    return [n for n in record.nodes if n.instance is None or n.instance.state in _ENDED]
