"""Which verb is allowed from which state, and how states change."""

from __future__ import annotations

import msgspec

from cloudclusters.base.waiting import Clock
from cloudclusters.errors import IllegalState
from cloudclusters.lifecycle.deadline import is_due
from cloudclusters.store.record import Change, ClusterRecord, ClusterState

ON_NODES = ("exec", "put", "get", "sync", "ssh")
"""What people do on the nodes; changes nothing of the cluster."""

ALLOWED: dict[str, frozenset[ClusterState]] = {
    "interrupt": frozenset({ClusterState.RUNNING, ClusterState.BROKEN}),
    "resume": frozenset({ClusterState.INTERRUPTED, ClusterState.BROKEN}),
    "restart": frozenset({ClusterState.RUNNING, ClusterState.BROKEN}),
    "scale": frozenset({ClusterState.RUNNING}),
    "replace": frozenset({ClusterState.RUNNING, ClusterState.BROKEN}),
    "terminate": frozenset(ClusterState) - {ClusterState.TERMINATED},
    "reconnect": frozenset(ClusterState) - {ClusterState.TERMINATED},
    "limits": frozenset({ClusterState.RUNNING, ClusterState.INTERRUPTED, ClusterState.BROKEN}),
    "compute": frozenset({ClusterState.RUNNING, ClusterState.SCALING}),
    **dict.fromkeys(ON_NODES, frozenset({ClusterState.RUNNING, ClusterState.BROKEN})),
}
"""The states each verb starts from. `compute` stands for everything that needs workers."""

VERBS = ("interrupt", "resume", "restart", "scale", "replace", "terminate", "reconnect", "limits")


def check_allowed(record: ClusterRecord, verb: str) -> None:
    """Raise `IllegalState` unless `verb` may start from the record's state."""
    if record.state in ALLOWED[verb]:
        return
    if verb == "compute" and record.state is ClusterState.DEPLOYING and record.layout.forwards:
        return  # its first node is up: `deploy(wait="min")`
    title = describe_name(record)
    if record.state is ClusterState.TERMINATED:
        because = f" ({record.reason})" if record.reason else ""
        raise IllegalState(
            f"cluster {title} has been terminated{because}: {verb} is not possible any more",
            hint="deploy its contract again, or see `cloudclusters clusters`",
        )
    because = f" ({record.reason})" if record.reason and record.state is ClusterState.INTERRUPTED else ""
    possible = [other for other in VERBS if record.state in ALLOWED[other] and other != verb]
    raise IllegalState(
        f"cluster {title} is {record.state}{because}: {verb} is not possible now",
        hint=f"possible now: {', '.join(possible)}",
    )


def check_possible(record: ClusterRecord, verb: str, *, now: float) -> None:
    """`check_allowed` before the lease is taken, where the state cannot be another one by then.

    A verb under way may be a dead one, and machines may have let go of themselves: that is found out under the lease.
    """
    if record.state not in ClusterState.under_way() and not is_due(record, now):
        check_allowed(record, verb)


def describe_name(record: ClusterRecord) -> str:
    """The handle, and the name where there is one."""
    return f"{record.name} ({record.handle})" if record.name else record.handle


def changed(record: ClusterRecord, state: ClusterState, *, clock: Clock, reason: str = "") -> ClusterRecord:
    """The record in a new state, with the change and what is paid from now on in its history."""
    paid = [n for n in record.nodes if n.instance is not None and n.instance.state in ("pending", "running")]
    prices = [n.offer.hourly_usd for n in paid]
    hourly = None if None in prices else sum(p for p in prices if p is not None)
    change = Change(state, clock.now(), len(paid), hourly)
    return msgspec.structs.replace(record, state=state, reason=reason, history=(*record.history, change))
