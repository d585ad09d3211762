"""What state the machines and processes of a cluster show."""

from __future__ import annotations

from collections.abc import Sequence

from cloudclusters.base.cloud import InstanceState, SshEndpoint
from cloudclusters.base.gather import gather
from cloudclusters.base.table import shorten
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.machines import look, lost
from cloudclusters.lifecycle.processes import Worker, living, unanswered
from cloudclusters.store.record import ClusterRecord, ClusterState

_STOPPED = {InstanceState.STOPPING, InstanceState.STOPPED}

KNOCK = 5.0
"""Seconds in which a machine that is well takes a connection."""


async def seen_state(ctx: Context, record: ClusterRecord) -> tuple[ClusterState, str]:
    """The state that machines and processes show, and why when it is broken, or a node is silent or has no worker.

    Asks the agents, not the provider.
    """
    states = {node.instance.state if node.instance else InstanceState.GONE for node in record.nodes}
    if states == {InstanceState.STOPPED} or (record.state is ClusterState.INTERRUPTED and states <= _STOPPED):
        return ClusterState.INTERRUPTED, record.reason if record.state is ClusterState.INTERRUPTED else ""
    gone = lost(record)
    if gone:
        return ClusterState.BROKEN, f"no machine for {', '.join(node.name for node in gone)}"
    if states != {InstanceState.RUNNING}:
        return ClusterState.BROKEN, f"machines are {', '.join(sorted(states))}"
    found = await living(ctx, record)
    missing = _missing(record, found)
    if missing:
        return ClusterState.BROKEN, missing
    return ClusterState.RUNNING, _lacking(record, found, unanswered(ctx, record))


def _lacking(record: ClusterRecord, found: Sequence[Worker], silent: Sequence[str]) -> str:
    """Which nodes of a cluster that runs are silent, or have no worker though they are paid; empty when none is."""
    does = "do" if len(silent) > 1 else "does"
    told = [f"{shorten(silent)} {does} not answer, though the machine runs"] if silent else []
    wanted = {p.node for p in record.layout.processes if p.kind is Kind.WORKER}
    others = {p.node for p in record.layout.processes} - wanted
    busy = {*silent, *others, *(worker.node for worker in found if worker.kind is Kind.WORKER)}
    idle = [node.name for node in record.nodes if node.name not in busy]
    if wanted and idle:
        told.append(f"no worker on {shorten(idle)}")
    return "; ".join(told)


def _missing(record: ClusterRecord, found: Sequence[Worker]) -> str:
    """What a cluster whose machines all run lacks to be running, in a sentence; empty when it lacks nothing.

    A running cluster bears that some workers are dead, as their agents start them again. A broken one has to be whole:
    a verb that died may have left it without what nobody starts again.
    """
    wanted = record.layout.processes
    if record.state is ClusterState.BROKEN and not wanted:
        return record.reason or "its processes were never started"
    alive = {(worker.node, worker.name) for worker in found}
    dead = [p for p in wanted if (p.node, p.name) not in alive]
    schedulers = [p for p in wanted if p.kind is Kind.SCHEDULER]
    if wanted and (not schedulers or any(p in dead for p in schedulers)):  # it may have gone with its node
        return "its scheduler does not run"
    workers = [p for p in wanted if p.kind is Kind.WORKER]
    if workers and all(p in dead for p in workers):
        return "none of its workers runs"
    if record.state is not ClusterState.BROKEN:
        return ""
    if dead:
        return "not running: " + ", ".join(f"{p.name} on {p.node}" for p in dead)
    started = {p.node for p in wanted}
    idle = [node.name for node in record.nodes if node.name not in started]
    return f"nothing was started on {shorten(idle)}" if idle else ""


async def is_cut_off(ctx: Context, record: ClusterRecord) -> bool:
    """Whether no machine takes connections, and the provider does not say that one is gone: perhaps our network.

    A machine that takes one, or that is gone, says that it is not that. Takes some seconds.
    """
    far = [node for node in record.nodes if node.instance and isinstance(node.instance.endpoint, SshEndpoint)]
    if not far or any(await gather(ctx.reach.knock(record, node, timeout=KNOCK) for node in far)):
        return False
    try:
        return not lost(await look(ctx, record, heeds=False))
    except ProviderError:
        return True
