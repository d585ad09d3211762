"""deploy: from a plan to a running cluster, or to nothing at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from cloudclusters.base.cloud import Holding, InstanceState, Place, Slot
from cloudclusters.base.door import finish
from cloudclusters.base.gather import gather
from cloudclusters.base.handle import new_handle
from cloudclusters.base.table import counted
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.contract.estimate import check_first_hour
from cloudclusters.contract.limits import plan_limits
from cloudclusters.errors import CloudClustersError, DeployFailed, NotSupported, ProviderError, Remedy
from cloudclusters.lifecycle.booted import first_boot_done
from cloudclusters.lifecycle.claims import LASTS
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.entering import settle
from cloudclusters.lifecycle.first_boot import read_script
from cloudclusters.lifecycle.launching import Group, groups_of, launch_role
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.letting_go import close_steps, undo
from cloudclusters.lifecycle.limiting import limit
from cloudclusters.lifecycle.machines import has_state, wait_for
from cloudclusters.lifecycle.notices import ON_NOTICE
from cloudclusters.lifecycle.patience import patiently
from cloudclusters.lifecycle.preparing import capture_now, wished
from cloudclusters.lifecycle.processes import lay_out, living, read_secrets, start_nodes
from cloudclusters.lifecycle.state import changed, describe_name
from cloudclusters.remote.ssh import parse_flags
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

Reached = Callable[[str, ClusterRecord], None]
"""Told when the cluster is `recorded`, its machines are `launched`, its processes are `starting`, and its `first`
node is ready."""


def _nobody(milestone: str, record: ClusterRecord) -> None:
    """Tell nobody."""


async def deploy(
    ctx: Context, plan: Plan, *, name: str = "", keep: bool = False, reached: Reached = _nobody
) -> ClusterRecord:
    """Make the machines and processes of `plan`, and return the record of the running cluster.

    Costs money from the launch on. When it fails or is cancelled, everything made is deleted first (`keep`
    leaves a failed, not a cancelled one as `broken`), and what is left is named. Raises `DeployFailed`,
    `NotSupported`, `ProviderError`.
    """
    await ctx.opened(plan.provider)
    check_deployable(ctx, plan)
    handle = new_handle()
    async with held(ctx, handle, "deploy", alone=True) as lease:
        record = first_record(ctx, plan, handle, name)
        await _asked_first(ctx, record, lease)
        await ctx.door(ctx.store.create, record, lease)
        reached("recorded", record)
        async with undone_on_failure(ctx, record, lease, keep=keep):
            return await _build(ctx, record, lease, reached)


def check_deployable(ctx: Context, plan: Plan) -> None:
    """Raise `NotSupported` when this release or the provider cannot deploy the plan; costs nothing.

    Raises also as `check_plan`.
    """
    traits = ctx.provider(plan.provider).traits
    check_plan(plan, shared=traits.shared)
    if traits.max_nodes is not None and plan.node_count > traits.max_nodes:
        raise NotSupported(
            f"{plan.provider} gives at most {traits.max_nodes} nodes per cluster, the plan wants {plan.node_count}",
            hint="lower node_count",
        )


def check_plan(plan: Plan, *, shared: bool) -> None:
    """Raise `NotSupported` for a cluster type that this release does not deploy; needs no provider.

    Raises also `InvalidSetting` for `sshflags` that are none, a script for the nodes that cannot be read, an
    environment that lacks what it needs, and limits that cannot be kept. `shared`: the nodes are this machine.
    """
    parse_flags(str(plan.settings.get("sshflags", "")))
    check_first_hour(plan)
    read_script(plan)
    read_script(plan, ON_NOTICE)
    wished(plan, shared=shared)
    if plan.cluster_type is not ClusterType.PEER_WORKERS:
        raise NotSupported(
            f"{plan.cluster_type} clusters can be described and resolved, but not deployed by this release",
            hint="use cluster_type=PeerWorkers, the default",
        )


def first_record(ctx: Context, plan: Plan, handle: str, name: str) -> ClusterRecord:
    """The record before anything is made: every seat, its offer and its token."""
    nodes = tuple(
        NodeRecord(slot=slot, offer=group.offer, token=group.token)
        for role in plan.roles
        for group in _groups(handle, role)
        for slot in group.slots
    )
    holding = Holding(
        provider=plan.provider,
        cluster=handle,
        owner=ctx.store.owner,
        store=ctx.store.id,
        place=Place(region=plan.roles[0].offer.place.region),
        name=name,
        expires=ctx.clock.now() + LASTS,
        settings={key: str(value) for key, value in plan.settings.items()},
    )
    record = ClusterRecord(
        handle=handle,
        name=name,
        state=ClusterState.DEPLOYING,
        plan=plan,
        holding=holding,
        nodes=nodes,
        limits=plan_limits(plan),
    )
    return changed(record, ClusterState.DEPLOYING, clock=ctx.clock)


def _groups(handle: str, role: RolePlan) -> list[Group]:
    """The role's seats in order, at the first offer."""
    slots = [Slot(role.role, index) for index in range(role.count)]
    found = groups_of(slots, role.offer, token(handle, role.role, 0), role.steady_count)
    return sorted(found, key=lambda group: group.slots[0].index)


def token(handle: str, role: str, attempt: int) -> str:
    """The client token of one launch: the same again gives the same machines."""
    return f"{handle}-{role}-{attempt}"


async def _asked_first(ctx: Context, record: ClusterRecord, lease: Lease) -> None:
    """Look once before anything is written: so what is refused to everybody leaves no record."""
    provider = await ctx.opened(record.holding.provider)
    try:
        await patiently(ctx, lease, lambda: provider.describe(record.holding))
    except ProviderError as exc:
        raise _failed(record, exc, "Nothing had been made.") from exc


async def _build(ctx: Context, record: ClusterRecord, lease: Lease, reached: Reached) -> ClusterRecord:
    for role in record.plan.roles:
        record = await _offer_by_offer(ctx, record, lease, role)
    reached("launched", record)
    record = await ctx.write(await _booted(ctx, record, lease), lease)
    await ctx.door(ctx.store.intend, lease, "start", {"engine": record.plan.engine})
    await first_boot_done(ctx, record, record.nodes)
    record, preparation = await lay_out(ctx, record)
    record = await ctx.write(record, lease)
    first = record.nodes[0].name
    reached("starting", record)
    await start_nodes(ctx, record, preparation, told=lambda name: reached("first", record) if name == first else None)
    await living(ctx, record)
    await settle(ctx, record)
    await limit(ctx, record)
    await close_steps(ctx, record.handle, lease, "all processes are ready")
    record = await ctx.write(changed(record, ClusterState.RUNNING, clock=ctx.clock), lease)
    ctx.tell(record.handle, "running", f"{counted(len(record.nodes), 'node')} ready")
    return record


async def _booted(ctx: Context, record: ClusterRecord, lease: Lease) -> ClusterRecord:
    """Wait for all machines; meanwhile secrets are made, which takes a slow import, and the environment captured."""
    running = has_state(InstanceState.RUNNING)
    waiting = wait_for(ctx, record, running, what="a running machine for every node", lease=lease)
    making = ctx.door(read_secrets, ctx, record)
    works: tuple[Coroutine[object, object, object], ...] = (waiting, making, ctx.door(capture_now, ctx, record))
    seen, *_ = await gather(works)
    assert isinstance(seen, ClusterRecord)
    return seen


async def _offer_by_offer(ctx: Context, record: ClusterRecord, lease: Lease, role: RolePlan) -> ClusterRecord:
    tokens = ((offer, token(record.handle, role.role, n)) for n, offer in enumerate((role.offer, *role.fallbacks)))
    return await launch_role(ctx, record, lease, role, list(tokens))


@contextlib.asynccontextmanager
async def undone_on_failure(ctx: Context, record: ClusterRecord, lease: Lease, *, keep: bool) -> AsyncIterator[None]:
    """Delete everything when the body fails or is cancelled, and say so."""
    try:
        yield
    except (CloudClustersError, BaseExceptionGroup, OSError) as exc:
        if isinstance(exc, BaseExceptionGroup) and not isinstance(exc, ExceptionGroup):
            await _clean_up(ctx, record, lease, "cancelled")
            raise
        if keep:
            raise await _kept(ctx, record, lease, exc) from exc
        raise _failed(record, exc, await _clean_up(ctx, record, lease, _sentence(exc))) from exc
    except BaseException as exc:
        reason = "cancelled" if isinstance(exc, asyncio.CancelledError) else _sentence(exc)
        ctx.tell(record.handle, "undoing", f"{reason}; deleting what was made")
        exc.add_note(await _clean_up(ctx, record, lease, reason))
        raise


def _failed(record: ClusterRecord, exc: BaseException, left: str) -> DeployFailed:
    """The failure of a deploy; who can do something about it is who can about its cause."""
    failure = DeployFailed(
        f"cluster {describe_name(record)} was not deployed: {_sentence(exc)}\n{left}", hint=_hint(exc, record.handle)
    )
    if isinstance(exc, CloudClustersError):
        failure.remedy = exc.remedy
    return failure


def _hint(exc: BaseException, handle: str) -> str:
    """What to do; a hint about the cluster itself is of no use once it was deleted."""
    said = str(getattr(exc, "hint", ""))
    if said and handle not in said:
        return said
    if getattr(exc, "remedy", None) is Remedy.FIX:
        return "correct that, and deploy again"
    return "deploy again, or see `cloudclusters explain` for other machines"


def _sentence(exc: BaseException) -> str:
    if isinstance(exc, BaseExceptionGroup):
        return "; ".join(_sentence(inner) for inner in exc.exceptions)
    return exc.message if isinstance(exc, CloudClustersError) else f"{type(exc).__name__}: {exc}"


async def _clean_up(ctx: Context, record: ClusterRecord, lease: Lease, reason: str) -> str:
    """Undo, and say in a sentence what is left."""
    try:
        await finish(undo(ctx, record.handle, lease, reason=reason))
    except CloudClustersError as exc:
        left = (
            f"Not everything could be deleted ({exc.message}): the next command goes on with it, or run "
            f"`cloudclusters terminate {record.handle}`"
        )
        ctx.tell(record.handle, "left behind", left)
        return left
    return "Everything that had been made was deleted."


async def _kept(ctx: Context, record: ClusterRecord, lease: Lease, exc: BaseException) -> DeployFailed:
    latest = await ctx.door(ctx.store.record, record.handle)
    broken = changed(latest, ClusterState.BROKEN, clock=ctx.clock, reason=_sentence(exc))
    await ctx.write(broken, lease)
    return DeployFailed(
        f"cluster {describe_name(record)} is broken: {_sentence(exc)}",
        hint=f"its machines were kept as asked; `cloudclusters restart {record.handle}` or `… terminate …`",
    )
