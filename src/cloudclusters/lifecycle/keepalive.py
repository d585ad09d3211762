"""The driver's sign of life: it claims the machines in their words, at the end of verbs and while a cluster is open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from cloudclusters.base.waiting import SystemClock
from cloudclusters.errors import CloudClustersError, ProviderError, UnknownHandle
from cloudclusters.lifecycle.claims import KEPT, LASTS, claim_words, limits_words
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import deadline_of, end_of
from cloudclusters.provider.protocol import CanMark
from cloudclusters.store.record import ClusterRecord, ClusterState

AGAIN = 600.0
"""Seconds after which a claim is made anew."""
LOOK = 60.0
"""Seconds between two looks whether one is due."""
_OPEN = (ClusterState.RUNNING, ClusterState.BROKEN)


async def claim(
    ctx: Context, record: ClusterRecord, words: Mapping[str, str] | None = None, *, lasts: float = LASTS
) -> bool:
    """Claim a cluster's machines for so many seconds, and keep these words and its limits with them in the same call.

    Makes no call while an earlier claim of this process is fresh and there are no words. A failure is told, and no
    more: the cluster does not depend on it. Whether the provider keeps what it was to keep.
    """
    provider = await ctx.opened(record.holding.provider)
    last = ctx.claimed.get(record.handle)
    fresh = last is not None and ctx.clock.monotonic() - last < AGAIN and lasts == LASTS
    if not isinstance(provider, CanMark) or (fresh and not words):
        return True
    ctx.claimed.pop(record.handle, None)
    if lasts == LASTS:
        ctx.claimed[record.handle] = ctx.clock.monotonic()
    now = ctx.clock.now()
    limits = {} if words is None else limits_told(record, now, ctx.store.id)  # others may have said others since
    said = {**claim_words(ctx.store.owner, until=now + lasts), **limits, **(words or {})}
    try:
        await ctx.door(provider.mark, record.holding, said)
    except ProviderError as exc:
        ctx.tell(record.handle, "not marked", exc.message)
        return False
    return True


async def claim_anew(ctx: Context, record: ClusterRecord) -> bool:
    """`claim` with the limits as they are now: nobody is to go by others that the machines told before."""
    lasts = KEPT if record.state is ClusterState.INTERRUPTED else LASTS
    return await claim(ctx, record, limits_told(record, ctx.clock.now(), ctx.store.id), lasts=lasts)


def limits_told(record: ClusterRecord, now: float, store: str) -> dict[str, str]:
    """The word that tells by which limits the machines of a cluster let go of themselves, as they are now."""
    return limits_words(record.limits, deadline=deadline_of(record, now), store=store, ends=end_of(record))


async def keepalive(ctx: Context, handles: Callable[[], Collection[str]], *, every: float = LOOK) -> None:
    """Go on claiming these clusters, as long as one of them has machines that others could take for forgotten."""
    while [handle for handle in list(handles()) if await _kept_alive(ctx, handle)]:
        await SystemClock().sleep(every)


async def _kept_alive(ctx: Context, handle: str) -> bool:
    """Claim a cluster if that is due; whether there is anything to claim from now on."""
    try:
        record = await ctx.door(ctx.store.record, handle)
        if (await ctx.opened(record.holding.provider)).traits.shared or record.state is ClusterState.TERMINATED:
            return False
        if record.state in _OPEN:
            await claim(ctx, record)
    except UnknownHandle:
        return False
    except CloudClustersError as exc:  # it may be better at the next look
        ctx.tell(handle, "not claimed", exc.message)
    return True
