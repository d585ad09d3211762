"""What is there beside the machines of a cluster: asked while they can still be found."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from cloudclusters.base.cloud import Holding, Remain
from cloudclusters.base.remains import joined, staying, what_is_kept
from cloudclusters.base.table import shorten
from cloudclusters.errors import ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.state import changed
from cloudclusters.provider.protocol import CanRemain
from cloudclusters.store.record import ClusterRecord, ClusterState

_PERHAPS = "perhaps"


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


async def staying_of(ctx: Context, holding: Holding, machines: Collection[str]) -> tuple[Remain, ...]:
    """What will stay of these machines when they are deleted; asked while they are there."""
    found = staying(await remaining(ctx, holding))
    unknown = [msgspec.structs.replace(each, machine=min(machines)) for each in found if each.kind == _PERHAPS]
    return (*unknown, *(each for each in found if each.machine in machines))


def keeping(ctx: Context, record: ClusterRecord, found: Collection[Remain]) -> ClusterRecord:
    """The record of a cluster that stopped, with what was found beside its machines; what is kept is told."""
    remains = joined(found, record.left_behind)
    if kept := what_is_kept(remains):
        ctx.tell(record.handle, "stopped", kept)
    return msgspec.structs.replace(record, remains=remains)


async def in_state(ctx: Context, record: ClusterRecord, state: ClusterState, reason: str) -> ClusterRecord:
    """The record in a state that its machines show; where they are stopped, with what they keep."""
    record = changed(record, state, clock=ctx.clock, reason=reason)
    if state is not ClusterState.INTERRUPTED:
        return msgspec.structs.replace(record, remains=record.left_behind)
    return keeping(ctx, record, await remaining(ctx, record.holding))


def _perhaps_more(why: str) -> Remain:
    return Remain(kind=_PERHAPS, id="more", monthly_usd=None, why=why)
