"""What is there beside the machines of a cluster: asked while they can still be found."""

from __future__ import annotations

from cloudclusters.base.cloud import Holding, Remain
from cloudclusters.errors import ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.provider.protocol import CanRemain


async def remaining(ctx: Context, holding: Holding) -> tuple[Remain, ...]:
    """What the provider says is there beside the machines; that it could not be asked is told, and holds up nothing."""
    provider = await ctx.opened(holding.provider)
    if not isinstance(provider, CanRemain):
        return ()
    try:
        return tuple(await ctx.door(provider.remains, holding))
    except ProviderError as exc:
        ctx.tell(holding.cluster, "not asked", exc.message)
        return (Remain(kind="perhaps", id="more", monthly_usd=None, why=f"not asked: {exc.message}"),)
