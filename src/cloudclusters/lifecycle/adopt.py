"""Taking up a cluster of another machine: from what its machines carry, with the provider's credentials alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import msgspec

from cloudclusters.base.cloud import Holding, Instance, InstanceState, SshEndpoint
from cloudclusters.base.handle import is_handle
from cloudclusters.base.table import counted
from cloudclusters.errors import CloudClustersError, IllegalState, NameTaken, NotSupported, StoreError, UnknownHandle
from cloudclusters.lifecycle import keys, words
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.reconnect import reconnect
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.state import changed
from cloudclusters.provider.protocol import CanEnter, CanFind
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

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

    Waits until its workers are ready; a stopped one stays stopped until `resume`. Whoever made it can go on to enter
    its machines, but his Dask clients cannot join any more. Raises `NotSupported` where the provider lets in nobody who
    has lost the key, `IllegalState` when nothing of it runs, `StoreError` for words that are not ours, `NodeError`.
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
    async with held(ctx, holding.cluster, "reconnect") as lease:
        await ctx.door(keys.client_key, ctx.home, record.handle)  # first: without it the record is of no use
        try:
            await ctx.door(ctx.store.create, record, lease)
        except NameTaken:
            record = msgspec.structs.replace(record, name="")
            await ctx.door(ctx.store.create, record, lease)
        ctx.tell(record.handle, "taken up", f"{counted(len(seen), 'machine')} of {holding.owner}")
    if record.state is ClusterState.INTERRUPTED:
        return await reconnect(ctx, record.handle)
    return await restart(ctx, record.handle)


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
    nodes = tuple(
        NodeRecord(slot=i.slot, offer=offers[i.slot.role], token=i.token, instance=i)
        for machines in roles.values()
        for i in machines
    )
    stopped = all(i.state is InstanceState.STOPPED for i in seen)
    state = ClusterState.INTERRUPTED if stopped else ClusterState.BROKEN
    record = ClusterRecord(
        handle=holding.cluster,
        name=holding.name,
        state=state,
        plan=plan,
        holding=msgspec.structs.replace(holding, settings={k: str(v) for k, v in plan.settings.items()}),
        nodes=nodes,
        seen=ctx.clock.now(),
        adopted=True,
    )
    return changed(record, state, clock=ctx.clock, reason="" if stopped else "taken up from another machine")
