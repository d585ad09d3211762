"""terminate: everything is deleted, and nothing is left."""

from __future__ import annotations

from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import let_go
from cloudclusters.lifecycle.state import check_allowed
from cloudclusters.store.record import ClusterRecord


async def terminate(ctx: Context, cluster: str, *, force: bool = False) -> ClusterRecord:
    """Delete all machines of a cluster, their disks, and what was prepared for them.

    Waits until they are gone, and for nobody who only looks. From any state but terminated (`IllegalState`). When
    something cannot be deleted now (`ProviderError`), the cluster stays terminating and the verb may be repeated. With
    `force` no other machine is asked whether it runs a verb on the cluster.
    """
    check_allowed(await ctx.door(ctx.store.record, cluster), "terminate")
    async with held(ctx, cluster, "terminate", alone=force) as lease:
        record = await ctx.door(ctx.store.record, cluster)
        check_allowed(record, "terminate")
        return await let_go(ctx, record, lease)
