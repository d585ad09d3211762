"""The frame of a verb on an existing cluster: lease, reconciliation, check, intention, outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from cloudclusters.base.door import finish
from cloudclusters.errors import CloudClustersError, ClusterBroken, SeveralFailed
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import close_steps
from cloudclusters.lifecycle.moving import open_moves
from cloudclusters.lifecycle.reconcile import reconciled
from cloudclusters.lifecycle.state import changed, check_allowed, describe_name
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState


@dataclass(slots=True)
class Running:
    """A verb under way: its lease and the record so far; the frame writes the outcome."""

    ctx: Context
    lease: Lease
    record: ClusterRecord
    unharmed: ClusterState | None = None
    """The state to go back to on failure, while nothing has changed yet; None once something has."""

    async def write(self, record: ClusterRecord) -> None:
        """Store the record as it is now."""
        self.record = await self.ctx.write(record, self.lease)

    async def enter(self, state: ClusterState) -> None:
        """Store a new state."""
        await self.write(changed(self.record, state, clock=self.ctx.clock))


@contextlib.asynccontextmanager
async def running(
    ctx: Context, cluster: str, verb: str, during: ClusterState, after: ClusterState
) -> AsyncIterator[Running]:
    """Hold the lease, mend what a dead process left, check that the verb is allowed, and frame it.

    The body acts; at its end the cluster is `after`. When it fails or is cancelled, the cluster is as it was
    if nothing changed, else `broken`, and the reason is recorded.
    """
    async with held(ctx, cluster, verb) as lease:
        record = await reconciled(ctx, await ctx.door(ctx.store.record, cluster), lease)
        check_allowed(record, verb)
        verb_under_way = Running(ctx, lease, record, unharmed=record.state)
        try:
            await ctx.door(ctx.store.intend, lease, verb, {"from": record.state.value})
            await verb_under_way.enter(during)
            yield verb_under_way
            await close_steps(ctx, cluster, lease, after.value)
            verb_under_way.unharmed = None
            await verb_under_way.enter(after)
        except BaseException as exc:
            await finish(_ended_early(verb_under_way, verb, exc, before=record, after=after))
            if isinstance(exc, ExceptionGroup | SeveralFailed):
                raise ClusterBroken(
                    f"{verb} of {describe_name(record)} failed on several nodes: " + _why(verb, exc),
                    hint=f"try `cloudclusters restart {cluster}`, or `cloudclusters terminate {cluster}`",
                ) from exc
            raise
        ctx.tell(cluster, after.value)


async def _ended_early(
    verb: Running, name: str, exc: BaseException, *, before: ClusterRecord, after: ClusterState
) -> None:
    ctx = verb.ctx
    reason = _why(name, exc)
    with contextlib.suppress(CloudClustersError):
        # When even this cannot be written, the state, which only lasts while a verb runs, makes the next command mend.
        # The latest record is the store's: the body may have written one that it did not hand back.
        record = await ctx.door(ctx.store.record, verb.record.handle)
        if record.state is after and verb.unharmed is None:
            return  # the cancellation came when all was done and written
        if any(node.unsettled for node in record.nodes) or await open_moves(ctx, record.handle):
            ctx.tell(record.handle, record.state.value, f"{reason}; the next command goes on with it")
            return
        if verb.unharmed is not None:
            record = changed(record, verb.unharmed, clock=ctx.clock, reason=before.reason)
        else:
            record = changed(record, ClusterState.BROKEN, clock=ctx.clock, reason=f"{name}: {reason}")
        await close_steps(ctx, record.handle, verb.lease, f"failed: {reason}")
        await ctx.write(record, verb.lease)
        ctx.tell(record.handle, record.state.value, reason)


def _why(name: str, exc: BaseException) -> str:
    match exc:
        case CloudClustersError():
            return "; ".join(exc.message.splitlines()) if isinstance(exc, SeveralFailed) else exc.message
        case BaseExceptionGroup():
            return "; ".join(_why(name, inner) for inner in exc.exceptions)
        case asyncio.CancelledError():
            return f"{name} was stopped on the way"
        case _:
            return f"{type(exc).__name__}: {exc}"
