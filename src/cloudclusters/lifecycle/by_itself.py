"""What the next look makes of machines that let go of themselves: the end that was wished, and no loss."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudclusters.base.cloud import Instance, InstanceState
from cloudclusters.base.limits import duration
from cloudclusters.lifecycle import links
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import may_have_struck
from cloudclusters.lifecycle.letting_go import let_go
from cloudclusters.lifecycle.machines import look
from cloudclusters.lifecycle.remaining import in_state
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState

_RAN = (ClusterState.RUNNING, ClusterState.BROKEN)
_ENDED = (InstanceState.TERMINATING, InstanceState.GONE)
_STOPPED = (InstanceState.STOPPING, InstanceState.STOPPED)


async def look_again(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    """Look once at the machines of a cluster, and finish what they began when they let go of themselves.

    Machines that were deleted: what was prepared for them is let go of, and the cluster is terminated. Machines that
    stopped: it is interrupted. Otherwise the record as seen, not written. Raises `ProviderError`.
    """
    seen = await look(ctx, record)
    why = went_by_itself(record, seen)
    if not why:
        return seen
    reason = f"let go by itself: {why}"
    ctx.tell(record.handle, "let go by itself", why)
    if _all(seen, _ENDED):
        return await let_go(ctx, seen, lease, reason=reason)
    await links.close_all(ctx, record.handle)
    return await ctx.write(await in_state(ctx, seen, ClusterState.INTERRUPTED, reason), lease)


def went_by_itself(before: ClusterRecord, seen: ClusterRecord) -> str:
    """Why all machines of a cluster that ran are deleted, or all stopped, without anybody's asking; else empty.

    That is so when one of them powered itself off, or when they are gone without a trace and a limit may have struck:
    a provider does not tell for long of what is deleted.
    """
    if before.state not in _RAN or not (_all(seen, _ENDED) or _all(seen, _STOPPED)):
        return ""
    told = msgspec.structs.replace(before, limits=seen.limits)  # another home may have changed them
    why, machines = may_have_struck(told, seen.seen), _instances(seen)
    if any(machine.powered_off for machine in machines):
        return why or _unused(told, machines) or "its machines powered themselves off"
    return why if all(_left_no_trace(machine) for machine in machines) else ""


def _unused(before: ClusterRecord, machines: Sequence[Instance]) -> str:
    """The idle limit, when the machines ran long enough for it since their start, whoever looked at them meanwhile."""
    idle = before.limits.idle_timeout
    ran = max((machine.ended_at or before.seen) - machine.launched_at for machine in machines)
    return f"it was not used for {duration(idle)}" if idle is not None and ran >= idle else ""


def _left_no_trace(instance: Instance) -> bool:
    return instance.state is InstanceState.GONE and not instance.reason


def _all(record: ClusterRecord, states: tuple[InstanceState, ...]) -> bool:
    found = _instances(record)
    return bool(found) and all(instance.state in states for instance in found)


def _instances(record: ClusterRecord) -> list[Instance]:
    return [node.instance for node in record.nodes if node.instance is not None]
