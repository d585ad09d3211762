"""What state the machines and processes of a cluster show."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState, SshEndpoint
from cloudclusters.base.gather import gather
from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import NodeError, ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.machines import look, lost
from cloudclusters.lifecycle.processes import living
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord


async def seen_state(ctx: Context, record: ClusterRecord) -> tuple[ClusterState, str]:
    """The state that machines and processes show, and why when it is broken; asks the agents, not the provider."""
    states = {node.instance.state if node.instance else InstanceState.GONE for node in record.nodes}
    if states == {InstanceState.STOPPED}:
        return ClusterState.INTERRUPTED, ""
    gone = lost(record)
    if gone:
        return ClusterState.BROKEN, f"no machine for {', '.join(node.name for node in gone)}"
    if states != {InstanceState.RUNNING}:
        return ClusterState.BROKEN, f"machines are {', '.join(sorted(states))}"
    missing = await _missing(ctx, record)
    return (ClusterState.BROKEN, missing) if missing else (ClusterState.RUNNING, "")


async def _missing(ctx: Context, record: ClusterRecord) -> str:
    """What a cluster whose machines all run lacks to be running, in a sentence; empty when it lacks nothing.

    A running cluster bears that some workers are dead, as their agents start them again. A broken one has to be whole:
    a verb that died may have left it without what nobody starts again.
    """
    wanted = record.layout.processes
    if record.state is ClusterState.BROKEN and not wanted:
        return record.reason or "its processes were never started"
    alive = {(worker.node, worker.name) for worker in await living(ctx, record)}
    dead = [p for p in wanted if (p.node, p.name) not in alive]
    if any(p.kind is Kind.SCHEDULER for p in dead):
        return "its scheduler does not run"
    workers = [p for p in wanted if p.kind is Kind.WORKER]
    if workers and all(p in dead for p in workers):
        return "none of its workers runs"
    if dead and record.state is ClusterState.BROKEN:
        return "not running: " + ", ".join(f"{p.name} on {p.node}" for p in dead)
    return ""


async def is_cut_off(ctx: Context, record: ClusterRecord) -> bool:
    """Whether no node answers over SSH, and the provider does not say that a machine is gone: perhaps our network.

    A node that answers, or a machine that is gone, says that it is not that.
    """
    far = [node for node in record.nodes if node.instance and isinstance(node.instance.endpoint, SshEndpoint)]
    if not far or any(await gather(_answers(ctx, record, node) for node in far)):
        return False
    try:
        return not lost(await look(ctx, record))
    except ProviderError:
        return True


async def _answers(ctx: Context, record: ClusterRecord, node: NodeRecord) -> bool:
    try:
        await open_one(ctx, record, node, patience=0)
    except NodeError:
        return False
    return True
