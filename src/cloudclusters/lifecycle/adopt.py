"""Taking up a cluster of another machine: from what its machines carry, with the provider's credentials alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState, SshEndpoint, rates_in
from cloudclusters.base.handle import is_handle
from cloudclusters.base.table import counted
from cloudclusters.contract.limits import plan_limits
from cloudclusters.errors import CloudClustersError, IllegalState, NameTaken, NotSupported, StoreError, UnknownHandle
from cloudclusters.lifecycle import keys, words
from cloudclusters.lifecycle.claims import limits_said
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import limits_by
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.reconnect import reconnect
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.state import changed
from cloudclusters.provider.protocol import CanEnter, CanFind
from cloudclusters.remote.ssh import HostKeyRefused
from cloudclusters.store import Lease
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

SAME = 300.0
"""Seconds by which two moments of the same limit differ: machines are older than what is written of them."""
_OVER = (InstanceState.GONE, InstanceState.TERMINATING)
_PLAIN = re.compile(r"[a-z_][a-z0-9_.-]{0,31}\Z")


async def find_elsewhere(ctx: Context, word: str, providers: Collection[str]) -> tuple[Holding | None, list[str]]:
    """The holding of this cluster (handle or name) at these providers, and what kept us from asking some of them.

    Raises `UnknownHandle` for a name that several have: anybody in the account may give a cluster any name, and our
    programs shall not run on machines that somebody else only called like ours.
    """
    troubles: list[str] = []
    found: dict[str, Holding] = {}
    for name in providers:
        try:
            provider = await ctx.opened(name)
            if isinstance(provider, CanFind):
                found |= {h.cluster: h for h in await ctx.door(provider.find) if word in (h.cluster, h.name)}
        except CloudClustersError as exc:
            troubles.append(f"{name}: {exc.message}")
    if word in found or len(found) < 2:
        return found.get(word) or next(iter(found.values()), None), troubles
    told = ", ".join(f"{each.cluster} ({each.provider}, of {each.owner})" for each in found.values())
    raise UnknownHandle(f"{len(found)} clusters are called {word!r}: {told}", hint="name one of them by its handle")


async def adopt(ctx: Context, holding: Holding) -> ClusterRecord:
    """Take up a cluster that no record of ours knows, with new keys, new certificates and fresh processes.

    Waits until its workers are ready; a stopped one stays stopped until `resume`. Machines that a driver which died was
    still bringing up are deleted. Whoever made it can go on to enter the others, but his Dask clients cannot join any
    more. Raises `NotSupported` where the provider lets in nobody who has lost the key, `IllegalState` when nothing is
    left of it, `StoreError` for words that are not ours, `HostKeyRefused` where its machines cannot be told from those
    of strangers: then it stands in the store, so that it can be terminated. `NodeError`.
    """
    provider = await ctx.opened(holding.provider)
    if not isinstance(provider, CanEnter):
        raise NotSupported(
            f"{holding.provider} lets nobody in without the cluster's key, which is on the machine that made "
            f"{holding.cluster}",
            hint=f"reconnect from there (owner {holding.owner}), or copy its CLOUDCLUSTERS_HOME here",
        )
    seen = [i for i in await ctx.door(provider.describe, holding) if i.token and i.state not in _OVER]
    _check(holding, seen)
    record = _record(ctx, holding, seen)
    async with held(ctx, holding.cluster, "reconnect", alone=True, more=True) as lease:
        await ctx.door(keys.client_key, ctx.home, record.handle)  # first: without it the record is of no use
        if not await _is_known(ctx, record.handle):
            await _create(ctx, record, lease)
            ctx.tell(record.handle, "taken up", f"{counted(len(seen), 'machine')} of {holding.owner}")
    if provider.traits.ssh and not words.tell_host_keys(seen):
        raise HostKeyRefused(
            f"the machines of {holding.cluster} do not say which host keys they have: who made it died before that, "
            "and nobody can tell them from a stranger's",
            hint=f"`cloudclusters terminate {holding.cluster}` deletes them",
        )
    if _are_stopped(seen):
        return await reconnect(ctx, record.handle)
    return await restart(ctx, record.handle)


def _are_stopped(seen: Sequence[Instance]) -> bool:
    return all(each.state is InstanceState.STOPPED for each in seen)


async def _is_known(ctx: Context, handle: str) -> bool:
    """Whether another program of ours was quicker to take it up."""
    try:
        await ctx.door(ctx.store.record, handle)
    except UnknownHandle:
        return False
    return True


async def _create(ctx: Context, record: ClusterRecord, lease: Lease) -> None:
    try:
        await ctx.door(ctx.store.create, record, lease)
    except NameTaken:
        await ctx.door(ctx.store.create, msgspec.structs.replace(record, name=""), lease)


def _check(holding: Holding, seen: Sequence[Instance]) -> None:
    """Raise `StoreError` for words that we never write: others may write tags, and we make paths and files of them."""
    users = [i.endpoint.user for i in seen if isinstance(i.endpoint, SshEndpoint) and i.endpoint.user]
    odd = [word for word in (*(i.slot.role for i in seen), *users) if not _PLAIN.match(word)]
    odd += [holding.cluster] if not is_handle(holding.cluster) else []
    if odd:
        raise StoreError(
            f"the machines of {holding.cluster!r} say {odd[0]!r}, which no release of cloudclusters writes",
            hint="nothing was taken up; look at the provider who made them",
        )


def _record(ctx: Context, holding: Holding, seen: Sequence[Instance]) -> ClusterRecord:
    if not seen:
        raise IllegalState(f"no machine of cluster {holding.cluster} is left", hint="`cloudclusters sweep` tidies up")
    roles: dict[str, list[Instance]] = {}
    for instance in sorted(seen, key=lambda i: (i.slot.role, i.slot.index)):
        roles.setdefault(instance.slot.role, []).append(instance)
    plan = words.plan_of(holding.provider, roles)
    offers = {role.role: role.offer for role in plan.roles}
    late = words.unsettled_in(seen)
    nodes = tuple(
        NodeRecord(
            slot=i.slot,
            offer=words.offer_of(i, offers[i.slot.role]),
            token=i.token,
            instance=i,
            unsettled=i.slot.name in late,
        )
        for machines in roles.values()
        for i in machines
    )
    stopped = _are_stopped(seen)
    # What was still being added is undone first, as after any `scale` whose driver died.
    state = ClusterState.SCALING if late else ClusterState.INTERRUPTED if stopped else ClusterState.BROKEN
    record = ClusterRecord(
        handle=holding.cluster,
        name=holding.name,
        state=state,
        plan=plan,
        holding=msgspec.structs.replace(holding, settings={k: str(v) for k, v in plan.settings.items()}),
        nodes=nodes,
        limits=plan_limits(plan),
        rates=rates_in(ctx.provider(holding.provider).traits.rates, holding.place.region),
        seen=ctx.clock.now(),
        adopted=True,
    )
    record = changed(record, state, clock=ctx.clock, reason="" if stopped else "taken up from another machine")
    # It has lived since its machines were made, wherever it was recorded then: that is what its lifetime counts from.
    made = min((i.launched_at for i in seen if i.launched_at), default=ctx.clock.now())
    record = msgspec.structs.replace(record, history=(msgspec.structs.replace(record.history[0], at=made),))
    return msgspec.structs.replace(record, limits=limits_by(record, limits_said(seen), ctx.clock.now(), same=SAME))
