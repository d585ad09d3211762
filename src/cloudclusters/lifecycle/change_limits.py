"""limits: other limits for a cluster that is there, in its record, at its provider and with its agents."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cloudclusters.contract.limits import check_priced, limits_text, limits_with
from cloudclusters.errors import InvalidSetting, NodeUnreachable, ProviderError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import strike_of
from cloudclusters.lifecycle.enforcing import LIMITS, enforce
from cloudclusters.lifecycle.keepalive import claim_anew
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.machines import look
from cloudclusters.lifecycle.reconcile import reconciled
from cloudclusters.lifecycle.state import check_allowed, check_possible, describe_name
from cloudclusters.store.record import ClusterRecord


async def change_limits(ctx: Context, cluster: str, options: Mapping[str, object]) -> ClusterRecord:
    """Change those limits of a cluster that the options (`LimitOptions`) name; may be repeated.

    They hold at once: the provider is told what a power-off means, and the agents of a running cluster when to let go.
    Raises `InvalidSetting` for what is no limit or has struck already, `IllegalState`, and `NodeUnreachable` naming the
    nodes that could not be told: they go by their old limits until they are.
    """
    record = await ctx.door(ctx.store.record, cluster)
    check_possible(record, "limits", now=ctx.clock.now())
    limits_with(record.limits, options, "limits")
    await ctx.opened(record.holding.provider)
    async with held(ctx, cluster, "limits") as lease:
        record = await reconciled(ctx, await ctx.door(ctx.store.record, cluster), lease)
        check_allowed(record, "limits")
        record = await _as_they_are(ctx, record)
        record = msgspec.structs.replace(record, limits=limits_with(record.limits, options, "limits"))
        check_priced(record.limits, record.plan)
        _check_ahead(record, options, ctx.clock.now())
        entry = await ctx.door(ctx.store.intend, lease, LIMITS, {name: str(value) for name, value in options.items()})
        record = await ctx.write(record, lease)
        silent = await enforce(ctx, record, lease, power_off="at_limit" in options)
        outcome = f"not told: {', '.join(silent)}" if silent else "in force"
        if await claim_anew(ctx, record):  # else the next command tries it once more
            await ctx.door(ctx.store.done, entry, lease, outcome)
        ctx.tell(cluster, "limits", limits_text(record.limits, None))
    if silent:
        raise _not_told(record, silent)
    return record


async def _as_they_are(ctx: Context, record: ClusterRecord) -> ClusterRecord:
    """The record with the limits that hold: another home may have changed those that the options do not name.

    A provider that cannot be asked keeps nobody from telling the agents.
    """
    try:
        return msgspec.structs.replace(record, limits=(await look(ctx, record)).limits)
    except ProviderError as exc:
        ctx.tell(record.handle, "not seen", exc.message)
        return record


def _check_ahead(record: ClusterRecord, options: Mapping[str, object], now: float) -> None:
    """Raise `InvalidSetting` for a limit that has struck already: the machines would go at once, which is a verb."""
    strike = strike_of(record, now)
    if strike is not None and strike.limit in options and strike.at <= now:
        raise InvalidSetting(
            f"{strike.limit}={options[strike.limit]} has struck already: {strike.why}",
            hint=f"name a later one; `cloudclusters terminate {record.name or record.handle}` lets go of it now",
        )


def _not_told(record: ClusterRecord, silent: list[str]) -> NodeUnreachable:
    head = record.nodes[0].name
    who = f"{head}, which decides for all," if head in silent else ", ".join(silent)
    return NodeUnreachable(
        f"the limits of {describe_name(record)} are changed here, but {who} could not be told: the old ones hold there",
        hint=f"see `cloudclusters status {record.name or record.handle} --refresh`, and give them once more",
    )
