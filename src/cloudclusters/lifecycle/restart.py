"""restart: fresh processes on the machines that are there; the scheduler moves when its own is lost."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.base.gather import gather
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.links import open_one
from cloudclusters.lifecycle.machines import instances, look, lost
from cloudclusters.lifecycle.replacing import bring_others, leave, start_anew
from cloudclusters.lifecycle.sharing import ENTERING
from cloudclusters.lifecycle.state import check_possible, describe_name
from cloudclusters.lifecycle.verb import Running, running
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord


async def restart(ctx: Context, cluster: str) -> ClusterRecord:
    """Replace every process of a running or broken cluster by a fresh one; pids are new.

    Machines are not touched, but nodes whose machines are gone leave the cluster, and with `on_lost=replace` others are
    bought in their place; the scheduler is on the first that is left. Waits until all workers are ready. Raises
    `NodeError` when no machine is left, `NoCapacity`, `IllegalState`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "restart", now=ctx.clock.now())
    async with running(ctx, cluster, "restart", ClusterState.RESTARTING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        there = len(instances(seen, InstanceState.RUNNING))
        if not there or there + len(lost(seen)) < len(seen.nodes):
            verb.unharmed = None  # no process was touched, but this is no running cluster
            await verb.write(seen)
            raise _not_running(seen)
        await verb.write(seen)
        await _without_lost(verb, seen)
        await _check_answers(verb)
        for node in verb.record.nodes:
            ctx.tell(cluster, "stopping", node=node.name)
        await start_anew(verb)
    return verb.record


async def _without_lost(verb: Running, seen: ClusterRecord) -> None:
    """Have others in the place of lost nodes where that is the policy, and take the lost ones out of the record."""
    gone = lost(seen)
    if gone:
        verb.unharmed = None
    if seen.plan.settings.get("on_lost") == "replace":
        await bring_others(verb, gone, starts=False)
    await leave(verb, [node.name for node in gone])


async def _check_answers(verb: Running) -> None:
    """Raise `NodeError` at once for nodes that do not answer while others do: to wait for them would not help.

    In a cluster that was taken up our key has to be let in first, which takes a moment.
    """
    record = verb.record
    patience = ENTERING if record.adopted else 0
    found = await gather(_obstacle(verb.ctx, record, node, patience) for node in record.nodes)
    silent = {node.name: why for node, why in zip(record.nodes, found, strict=True) if why is not None}
    if silent and len(silent) < len(found):
        await _check_runs(verb)
        name, why = next(iter(silent.items()))
        raise NodeError(
            f"{', '.join(silent)} of {describe_name(record)} cannot be reached, though the machine runs: {why.message}",
            hint=f"`cloudclusters replace {record.name or record.handle}/{name}` buys another in its place, with "
            "--no-buy the cluster goes on without it",
        ) from why


async def _check_runs(verb: Running) -> None:
    """Raise `NodeError` where a machine does not run any more: a stop that a dead driver asked for may come late."""
    seen = await look(verb.ctx, verb.record)
    if len(instances(seen, InstanceState.RUNNING)) < len(seen.nodes):
        verb.unharmed = None
        await verb.write(seen)
        raise _not_running(seen)


async def _obstacle(ctx: Context, record: ClusterRecord, node: NodeRecord, patience: float) -> NodeError | None:
    """Why a node cannot be reached; None when it can."""
    try:
        await open_one(ctx, record, node, patience=patience)
    except NodeError as exc:
        return exc
    return None


def _not_running(record: ClusterRecord) -> NodeError:
    states = {node.name: node.instance.state.value if node.instance else "gone" for node in record.nodes}
    off, gone = {name: state for name, state in states.items() if state != InstanceState.RUNNING}, lost(record)
    hint = f"try `cloudclusters resume {record.handle}`"
    if gone:
        hint = f"`cloudclusters terminate {record.handle}`, and deploy its contract again"
        if len(gone) == len(off) < len(states):
            hint = f"`cloudclusters restart {record.handle}` goes on without what is gone"
    return NodeError(
        f"not every machine of {describe_name(record)} runs: "
        + ", ".join(f"{name} is {state}" for name, state in off.items()),
        hint=hint,
    )
