"""What is there beside the machines of a cluster: asked while they can still be found."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from cloudclusters.base.cloud import Holding, Remain
from cloudclusters.base.remains import what_is_kept
from cloudclusters.base.table import shorten
from cloudclusters.errors import ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.state import changed
from cloudclusters.provider.protocol import CanRemain
from cloudclusters.store.record import ClusterRecord, ClusterState


async def remaining(ctx: Context, holding: Holding, *, of: Collection[str] = ()) -> tuple[Remain, ...]:
    """What the provider says is there beside the machines; that it could not be asked is told, and holds up nothing.

    `of` names machines that should be there: of those that are gone it says that nobody knows.
    """
    provider = await ctx.opened(holding.provider)
    if not isinstance(provider, CanRemain):
        return ()
    try:
        found = tuple(await ctx.door(provider.remains, holding))
    except ProviderError as exc:
        ctx.tell(holding.cluster, "not asked", exc.message)
        return (_perhaps_more(f"not asked: {exc.message}"),)
    gone = sorted(set(of) - {each.machine for each in found})
    are = "were" if len(gone) > 1 else "was"
    unseen = f"{shorten(gone)} {are} gone before anybody saw what was attached"
    return (*found, _perhaps_more(unseen)) if gone else found


def keeping(ctx: Context, record: ClusterRecord, found: Collection[Remain]) -> ClusterRecord:
    """The record of a cluster that stopped, with what was found beside its machines; what is kept is told."""
    if kept := what_is_kept(found):
        ctx.tell(record.handle, "stopped", kept)
    return msgspec.structs.replace(record, remains=tuple(found))


async def in_state(ctx: Context, record: ClusterRecord, state: ClusterState, reason: str) -> ClusterRecord:
    """The record in a state that its machines show; where they are stopped, with what they keep."""
    record = changed(record, state, clock=ctx.clock, reason=reason)
    if state is not ClusterState.INTERRUPTED:
        return record
    return keeping(ctx, record, await remaining(ctx, record.holding))


def _perhaps_more(why: str) -> Remain:
    return Remain(kind="perhaps", id="more", monthly_usd=None, why=why)
