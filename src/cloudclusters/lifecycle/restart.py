"""restart: the same machines, fresh processes."""

from __future__ import annotations

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import NodeError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.links import open_all
from cloudclusters.lifecycle.machines import has_state, look
from cloudclusters.lifecycle.processes import living, start_all, stop_all
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.lifecycle.verb import running
from cloudclusters.store.record import ClusterRecord, ClusterState


async def restart(ctx: Context, cluster: str) -> ClusterRecord:
    """Replace every process of a running or broken cluster by a fresh one; pids are new, machines are not touched.

    Waits until all workers are ready. Raises `NodeError` naming a node whose machine is gone, `IllegalState`.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_allowed(record, "restart")
    async with running(ctx, cluster, "restart", ClusterState.RESTARTING, ClusterState.RUNNING) as verb:
        seen = await look(ctx, verb.record)
        if not has_state(InstanceState.RUNNING)(seen):
            raise NodeError(
                f"not every machine of {cluster} runs: "
                + ", ".join(f"{n.name} is {n.instance.state if n.instance else 'gone'}" for n in seen.nodes),
                hint=f"try `cloudclusters resume {cluster}`",
            )
        links = await open_all(ctx, seen)
        for node in seen.nodes:
            ctx.tell(cluster, "stopping", node=node.name)
        verb.unharmed = None
        await stop_all(links)
        await verb.write(await start_all(ctx, seen))
        await living(ctx, verb.record)
    return verb.record
