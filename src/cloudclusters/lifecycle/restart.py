"""restart: the same machines, fresh processes."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.links import open_all
from cloudclusters.lifecycle.machines import instances, look, lost
from cloudclusters.lifecycle.processes import living, start_all, stop_all
from cloudclusters.lifecycle.state import check_possible, describe_name
from cloudclusters.lifecycle.verb import running
from cloudclusters.store.record import ClusterRecord, ClusterState


async def restart(ctx: Context, cluster: str) -> ClusterRecord:
    """Replace every process of a running or broken cluster by a fresh one; pids are new, machines are not touched.

    Waits until all workers are ready. Raises `NodeError` naming a node whose machine is gone, `IllegalState`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "restart")
    async with running(ctx, cluster, "restart", ClusterState.RESTARTING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        if len(instances(seen, InstanceState.RUNNING)) < len(seen.nodes):
            verb.unharmed = None  # no process was touched, but this is no running cluster
            await verb.write(seen)
            raise _not_running(seen)
        links = await open_all(ctx, seen)
        for node in seen.nodes:
            ctx.tell(cluster, "stopping", node=node.name)
        verb.unharmed = None
        await stop_all(links)
        await start_all(ctx, seen, verb.write)
        await living(ctx, verb.record)
        await settle(ctx, verb.record)
    return verb.record


def _not_running(record: ClusterRecord) -> NodeError:
    states = {node.name: node.instance.state.value if node.instance else "gone" for node in record.nodes}
    return NodeError(
        f"not every machine of {describe_name(record)} runs: "
        + ", ".join(f"{name} is {state}" for name, state in states.items() if state != InstanceState.RUNNING),
        hint="what was on a machine that is gone is lost: terminate the cluster and deploy its contract again"
        if lost(record)
        else f"try `cloudclusters resume {record.handle}`",
    )
