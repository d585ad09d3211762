"""sweep: find what is ours at the providers and nobody claims, and let go of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from cloudclusters.base.cloud import Holding, Instance, InstanceState
from cloudclusters.base.remains import MONTH_HOURS, monthly
from cloudclusters.errors import LeaseHeld, UnknownHandle, UnreadableRecord
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.claims import claim_of
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import delete_machines, release_holding
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.remaining import remaining
from cloudclusters.lifecycle.words import price_of
from cloudclusters.provider.protocol import CanFind, CanMark
from cloudclusters.store import Lease
from cloudclusters.store.leases import EXPIRY
from cloudclusters.store.record import ClusterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something found at a provider: what it is, who claims it, how many machines it has, and what it costs."""

    holding: Holding
    machines: int
    claim: str
    """Why it stays (`cluster is running`, `made by someone else` …); empty when nobody claims it."""
    instance_types: tuple[str, ...] = ()
    launched_at: float = 0.0
    """When its oldest machine was launched; 0 where there is none."""
    daily_usd: float | None = 0.0
    """What it costs per day as it is now, by the prices that its machines carry; None is unknown."""
    swept: bool = False


async def sweep(
    ctx: Context, providers: Collection[str], *, everyone: bool = False, delete: bool = False
) -> list[Finding]:
    """List what these providers hold for us, and with `delete` let go of what nobody claims.

    Claimed is what a record of this store holds, a verb that runs, a driver's claim that has not ended, and machines
    that let go of themselves. Finishes what dead processes left, first. Things of other owners, and of clusters whose
    record cannot be read, are listed, and deleted only with `everyone`.
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
        await reconcile(ctx, handle, more=True)
    except LeaseHeld as exc:
        ctx.tell(handle, "busy", exc.message)
    except UnreadableRecord as exc:
        ctx.tell(handle, "unreadable", exc.message)


async def _judge(ctx: Context, holding: Holding, *, everyone: bool, delete: bool) -> Finding:
    seen = await ctx.door(ctx.provider(holding.provider).describe, holding)
    there = [i for i in seen if i.state is not InstanceState.GONE]
    found = Finding(
        holding=holding,
        machines=len(there),
        claim=await _claim(ctx, holding, there, everyone=everyone),
        instance_types=tuple(sorted({i.instance_type for i in there})),
        launched_at=min((i.launched_at for i in there), default=0.0),
        daily_usd=await _daily(ctx, holding, there),
    )
    if found.claim or not delete:
        return found
    try:
        async with held(ctx, holding.cluster, "sweep", alone=True, more=True) as lease:
            if claim := await _claim(ctx, holding, there, everyone=everyone):  # taken up while we waited for the lease
                return replace(found, claim=claim)
            await delete_machines(ctx, holding, lease)
            await release_holding(ctx, holding, lease)
            await ctx.door(keys.remove, ctx.home, holding.cluster)
            if everyone:
                await _bury_unreadable(ctx, lease)
    except LeaseHeld as exc:
        return replace(found, claim=exc.message)
    return replace(found, swept=True)


async def _daily(ctx: Context, holding: Holding, there: Collection[Instance]) -> float | None:
    """USD per day: machines that run, by the price that each carries, and disks where no machine runs."""
    running = [i for i in there if i.state in (InstanceState.PENDING, InstanceState.RUNNING)]
    if ctx.provider(holding.provider).traits.free:
        return 0.0
    prices = [price_of(instance.words) for instance in running]
    beside = () if running else await remaining(ctx, holding)
    rent = monthly(each for each in beside if each.kind == "disk")
    if None in prices or rent is None:
        return None
    return 24 * (sum(price for price in prices if price is not None) + rent / MONTH_HOURS)


async def _bury_unreadable(ctx: Context, lease: Lease) -> None:
    try:
        await ctx.door(ctx.store.record, lease.cluster)
    except UnreadableRecord:
        await ctx.door(ctx.store.bury, lease)
    except UnknownHandle:
        return


async def _claim(ctx: Context, holding: Holding, there: Collection[Instance], *, everyone: bool) -> str:
    try:
        record = await ctx.door(ctx.store.record, holding.cluster)
    except UnknownHandle:
        return "" if everyone else _claim_by_words(ctx, holding, there)
    except UnreadableRecord:
        return "" if everyone else "its record cannot be read"
    if record.state is ClusterState.TERMINATED:
        return ""
    return f"cluster is {record.state}"


def _claim_by_words(ctx: Context, holding: Holding, there: Collection[Instance]) -> str:
    """Who claims what no record of this store knows, as far as its tags tell."""
    if holding.owner != ctx.store.owner:
        return f"made by {holding.owner}"
    provider = ctx.provider(holding.provider)
    if holding.store == ctx.store.id or provider.traits.free:
        return ""
    if not isinstance(provider, CanMark):
        return "made from another store of yours"
    return claim_of(holding, there, store=ctx.store.id, now=ctx.clock.now(), longest=EXPIRY)
