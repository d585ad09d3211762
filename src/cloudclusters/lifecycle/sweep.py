"""sweep: find what is ours at the providers and nobody claims, and let go of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cloudclusters.base.cloud import Holding, InstanceState
from cloudclusters.errors import LeaseHeld, UnknownHandle, UnreadableRecord
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import delete_machines, release_holding
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.provider.protocol import CanFind
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something found at a provider: what it is, who claims it, and how many machines it has."""

    holding: Holding
    machines: int
    claim: str
    """Why it stays (`cluster is running`, `made by someone else` …); empty when nobody claims it."""
    swept: bool = False


async def sweep(
    ctx: Context, providers: Collection[str], *, everyone: bool = False, delete: bool = False
) -> list[Finding]:
    """List what these providers hold for us, and with `delete` let go of what nobody claims.

    Finishes what dead processes left, first. Things of other owners, and of clusters whose record cannot be read, are
    listed, and deleted only with `everyone`.
    Waits until what it deletes is gone. Raises `ProviderError`.
    """
    if delete:
        for handle in await ctx.door(ctx.store.left_open):
            await _reconcile_unless_held(ctx, handle)
    findings = []
    for name in providers:
        provider = await ctx.opened(name)
        if not isinstance(provider, CanFind):
            continue
        for holding in await ctx.door(provider.find):
            findings.append(await _judge(ctx, holding, everyone=everyone, delete=delete))
    return findings


async def _reconcile_unless_held(ctx: Context, handle: str) -> None:
    try:
        await reconcile(ctx, handle)
    except LeaseHeld as exc:
        ctx.tell(handle, "busy", exc.message)
    except UnreadableRecord as exc:
        ctx.tell(handle, "unreadable", exc.message)


async def _judge(ctx: Context, holding: Holding, *, everyone: bool, delete: bool) -> Finding:
    seen = await ctx.door(ctx.provider(holding.provider).describe, holding)
    machines = sum(i.state is not InstanceState.GONE for i in seen)
    claim = await _claim(ctx, holding, everyone=everyone)
    if claim or not delete:
        return Finding(holding=holding, machines=machines, claim=claim)
    try:
        async with held(ctx, holding.cluster, "sweep") as lease:
            await delete_machines(ctx, holding, lease)
            await release_holding(ctx, holding, lease)
            if everyone:
                await _bury_unreadable(ctx, lease)
    except LeaseHeld as exc:
        return Finding(holding=holding, machines=machines, claim=exc.message)
    return Finding(holding=holding, machines=machines, claim="", swept=True)


async def _bury_unreadable(ctx: Context, lease: Lease) -> None:
    try:
        await ctx.door(ctx.store.record, lease.cluster)
    except UnreadableRecord:
        await ctx.door(ctx.store.bury, lease)
    except UnknownHandle:
        return


async def _claim(ctx: Context, holding: Holding, *, everyone: bool) -> str:
    if holding.owner != ctx.store.owner and not everyone:
        return f"made by {holding.owner}"
    try:
        record = await ctx.door(ctx.store.record, holding.cluster)
    except UnknownHandle:
        elsewhere = holding.store != ctx.store.id and not ctx.provider(holding.provider).traits.free
        return "made from another store of yours" if elsewhere and not everyone else ""
    except UnreadableRecord:
        return "" if everyone else "its record cannot be read"
    if record.state is ClusterState.TERMINATED:
        return ""
    return f"cluster is {record.state}"
