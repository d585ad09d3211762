"""The verbs on clusters, blocking: each takes one cluster, handle or name, or several at once."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, overload

from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.session import Session, session
from cloudclusters.api.targets import Target, handle_of, handles_of
from cloudclusters.api.watching import unwatched
from cloudclusters.base.gather import each_to_its_end
from cloudclusters.base.loop import core_loop
from cloudclusters.errors import InvalidContract, NodeError, ProviderError, UnreadableRecord, WaitTimeout
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deadline import Outlook, is_due
from cloudclusters.store.record import ClusterRecord

if TYPE_CHECKING:
    from typing import Unpack

    from cloudclusters.contract.limits import LimitOptions
    from cloudclusters.lifecycle.sweep import Finding

Verb = Callable[[Context, str], Coroutine[object, object, ClusterRecord]]


async def on_each(of: Session, verb: Verb, handles: Sequence[str]) -> list[ClusterRecord]:
    """Run a verb on several clusters at once; one that fails stops none of the others, and all failures are told."""
    async with unwatched(of, handles):
        return await each_to_its_end(verb(of.context, handle) for handle in handles)


def _each(verb: Verb, targets: Sequence[Target], *, ends_processes: bool = False) -> Cluster | list[Cluster]:
    of = session()
    handles = handles_of(targets, of)
    if ends_processes:
        part(of, handles)
    core_loop().run(on_each(of, verb, handles))
    return shaped(targets, handles)


def part(of: Session, handles: Sequence[str]) -> None:
    """Close our clients of clusters whose processes are about to end, so that they do not look for them for ever."""
    for handle in handles:
        of.end_adapting(handle)
        if handle in of.kept:
            of.kept[handle].close_client()


def shaped(targets: Sequence[Target], handles: Sequence[str]) -> Cluster | list[Cluster]:
    """One cluster for one target, a list for several; cluster objects that were given are given back."""
    given = {target.handle: target for target in targets if isinstance(target, Cluster)}
    found = [given.get(handle) or kept(session(), handle) for handle in handles]
    return found[0] if len(targets) == 1 else found


@overload
def interrupt(cluster: Target, /) -> Cluster: ...
@overload
def interrupt(cluster: Target, /, *more: Target) -> list[Cluster]: ...
def interrupt(*clusters: Target) -> Cluster | list[Cluster]:
    """Stop the machines of clusters and keep their disks; waits until they are stopped.

    What the processes held is lost; save your results first. From then on only disks are paid. Raises
    `NotSupported` where the provider cannot stop machines (the cluster is unharmed), `IllegalState`.

    >>> cc.interrupt(cluster)                       # doctest: +SKIP
    >>> cc.interrupt("FXqElAnSeTEpQAm", "training")  # doctest: +SKIP
    """
    from cloudclusters.lifecycle.interrupt import interrupt as verb

    return _each(verb, clusters, ends_processes=True)


@overload
def resume(cluster: Target, /, *, patience: float = ..., elsewhere: bool = ...) -> Cluster: ...
@overload
def resume(cluster: Target, /, *more: Target, patience: float = ..., elsewhere: bool = ...) -> list[Cluster]: ...
def resume(*clusters: Target, patience: float = 0.0, elsewhere: bool = False) -> Cluster | list[Cluster]:
    """Start the machines of interrupted clusters, and fresh processes with new pids; waits until they are ready.

    Costs money from the start on. With no capacity it asks again for `patience` seconds; then, with `elsewhere`, other
    machines of the plan in the same region are bought and the stopped ones deleted with their disks, else the cluster
    stays interrupted (`NoCapacity`). Raises also `IllegalState`, `NodeError`.
    """
    from cloudclusters.lifecycle.resume import resume as verb

    return _each(functools.partial(verb, patience=patience, elsewhere=elsewhere), clusters)


@overload
def restart(cluster: Target, /) -> Cluster: ...
@overload
def restart(cluster: Target, /, *more: Target) -> list[Cluster]: ...
def restart(*clusters: Target) -> Cluster | list[Cluster]:
    """Replace all processes of clusters by fresh ones with new pids; the machines that are there are not touched.

    Waits until the workers are ready. Nodes whose machines are gone leave the cluster; with the setting
    `on_lost="replace"` others are bought in their place, for all of them or for none (`NoCapacity`). Raises also
    `IllegalState`, and `NodeError` naming a node that does not answer.
    """
    from cloudclusters.lifecycle.restart import restart as verb

    return _each(verb, clusters, ends_processes=True)


@overload
def terminate(cluster: Target, /, *, force: bool = ...) -> Cluster: ...
@overload
def terminate(cluster: Target, /, *more: Target, force: bool = ...) -> list[Cluster]: ...
def terminate(*clusters: Target, force: bool = False) -> Cluster | list[Cluster]:
    """Delete all machines of clusters, with their disks, and what was made for them; waits until they are gone.

    Raises `IllegalState` for a cluster that is terminated already, `ProviderError` when something could not be
    deleted: the cluster is then `terminating`, and the verb may be repeated; `LeaseHeld` while another program runs a
    verb on it. One that only looks is not waited for. With `force` programs on other machines are not asked.
    """
    from cloudclusters.lifecycle.terminate import terminate as verb

    return _each(functools.partial(verb, force=force), clusters, ends_processes=True)


@overload
def reconnect(cluster: Target, /) -> Cluster: ...
@overload
def reconnect(cluster: Target, /, *more: Target) -> list[Cluster]: ...
def reconnect(*clusters: Target) -> Cluster | list[Cluster]:
    """Take up clusters of an earlier program, by handle or name.

    Looks at the machines and processes and records what is seen; pids of living processes are kept. Finishes or
    undoes what a dead process left half-way. A cluster that this store does not know is looked for at the configured
    clouds, and taken up with new keys and fresh processes. Raises `IllegalState` for a terminated cluster,
    `UnknownHandle`, `NotSupported` where a cloud lets nobody in who has lost the cluster's key.
    """
    from cloudclusters.api.taking_up import reconnect_each

    handles = core_loop().run(reconnect_each(session(), clusters))
    return shaped(clusters, handles)


def scale(cluster: Target, n: int) -> Cluster:
    """Bring a running cluster to `n` compute nodes, at its own offer; waits until it is so.

    Nodes that leave end their tasks first, for at most two minutes, and hand over their results; what they do not end
    is begun anew on the others. New nodes follow the cluster's mix of spot and on demand, and cost money. When growing
    fails the cluster keeps its size. Turns off `Cluster.adapt`. Raises `NoCapacity`, `NotSupported`, `IllegalState`,
    `InvalidContract`.
    """
    of = session()
    found = cluster if isinstance(cluster, Cluster) else kept(of, handle_of(cluster, of))
    of.end_adapting(found.handle)
    core_loop().run(scaling(of, found.handle, n))
    return found


async def scaling(of: Session, handle: str, n: int) -> ClusterRecord:
    """`scale` on the core loop, while the watch rests."""
    from cloudclusters.lifecycle.scale import scale as verb

    async with unwatched(of, [handle]):
        return await verb(of.context, handle, n)


def limits(cluster: Target, **changes: Unpack[LimitOptions]) -> Outlook:
    """The limits by which a cluster lets go of its machines by itself, and when they strike; with names, changes them.

    `idle_timeout` and `max_lifetime` take `"2h"` or seconds, `max_cost` USD, `at_limit` `"terminate"` or `"stop"`;
    `"off"` is no limit. Changes hold at once, on the machines as well. Asks the head's agent how long the cluster was
    not used. Raises `InvalidSetting` for a limit that has struck already, `IllegalState`, and `NodeUnreachable` naming
    the nodes that could not be told.

    >>> cc.limits(cluster, idle_timeout="2h", max_cost="off")  # doctest: +SKIP
    """
    from cloudclusters.lifecycle.change_limits import change_limits
    from cloudclusters.lifecycle.outlook import look_out

    of = session()
    handle = handle_of(cluster, of)
    if changes:
        core_loop().run(change_limits(of.context, handle, changes))
    return core_loop().run(look_out(of.context, status(handle)))


def status(cluster: Target, *, refresh: bool = False) -> ClusterRecord:
    """What is known of a cluster: state, nodes, prices, history.

    Makes no provider call, and `record.seen` tells the age of the last look; unless `refresh`, unless a dead process
    left a verb half-way, or a limit may have struck since: then it looks, and finishes what was begun. Raises
    `UnknownHandle`.
    """
    of = session()
    handle = handle_of(cluster, of)
    if refresh or handle in of.store.left_open() or is_due(of.store.record(handle), time.time()):
        from cloudclusters.lifecycle.reconnect import refresh as look

        return core_loop().run(look(of.context, handle))
    return of.store.record(handle)


def clusters(*, since: float | None = None, cluster_type: str | None = None, terminated: bool = False) -> list[Cluster]:
    """The clusters of this user's store, the oldest first; terminated ones only if asked for.

    `since` is in seconds since the epoch, `cluster_type` such as `"PeerWorkers"`. Makes no provider call, unless a
    dead process left a verb half-way or a limit may have struck: then what was begun is finished or undone, or a
    warning says why it could not be.
    """
    from cloudclusters.contract.document import ClusterType

    if since is not None and (isinstance(since, bool) or not isinstance(since, int | float)):
        raise InvalidContract(
            f"since={since!r} is not a number of seconds", hint="write for instance time.time() - 3600"
        )
    if cluster_type is not None and cluster_type not in list(ClusterType):
        raise InvalidContract(
            f"cluster_type={cluster_type!r} is unknown", hint=f"the types are {', '.join(ClusterType)}"
        )
    of = session()
    for failure in mend(due(of)):
        warnings.warn(failure, stacklevel=2)
    kind = ClusterType(cluster_type) if cluster_type else None
    return [Cluster(s.handle) for s in of.store.summaries(terminated=terminated, since=since, cluster_type=kind)]


def due(of: Session) -> list[str]:
    """Handles of clusters that have to be looked at: a verb was left half-way, or a limit may have struck."""
    struck = [summary.handle for summary in of.store.summaries() if _is_due(of, summary.handle)]
    return list(dict.fromkeys([*of.store.left_open(), *struck]))


def _is_due(of: Session, handle: str) -> bool:
    try:
        return is_due(of.store.record(handle), time.time())
    except UnreadableRecord:  # whoever wants this cluster is told; the others are not hidden by it
        return False


def mend(handles: Iterable[str]) -> list[str]:
    """Look at clusters; what could not be asked is told in sentences, so that one never hides the others."""
    failures = []
    for handle in handles:
        try:
            status(handle, refresh=True)
        except (ProviderError, NodeError, WaitTimeout, UnreadableRecord) as exc:
            failures.append(f"{handle} could not be looked at: {exc.message}")
    return failures


def nodes(cluster: Target) -> list[int]:
    """The pids of a cluster's compute workers, in node order; raises `IllegalState` when it does not run."""
    return _cluster(cluster).nodes()


def entry(cluster: Target) -> int:
    """The pid of a cluster's scheduler; raises `IllegalState`, `NodeError`."""
    return _cluster(cluster).entry()


def ranks(cluster: Target) -> dict[int, int]:
    """The pid at each rank of a cluster; rank 0 is on the first node."""
    return _cluster(cluster).ranks()


def _cluster(target: Target) -> Cluster:
    of = session()
    return target if isinstance(target, Cluster) else kept(of, handle_of(target, of))


def sweep(*, delete: bool = False, everyone: bool = False, providers: Iterable[str] | None = None) -> list[Finding]:
    """Find what is ours at the providers and nobody claims; with `delete` let go of it, and wait until it is gone.

    Without `delete` nothing changes. Claimed is what a record of this store holds, what a program elsewhere looks
    after, and machines that let go of themselves. What other owners made, or a program elsewhere claims, is listed with
    its cost, and deleted only with `everyone`.
    `providers` defaults to those that are installed and configured. Raises `ProviderError`.
    """
    from cloudclusters.lifecycle.sweep import sweep as verb

    of = session()
    names = provider_names(providers, of)
    return core_loop().run(verb(of.context, names, everyone=everyone, delete=delete))


def provider_names(providers: Iterable[str] | None, of: Session) -> list[str]:
    """The providers to look at; raises `InvalidContract` for what is no list of names."""
    if providers is None:
        return of.known_providers()
    if isinstance(providers, str) or not isinstance(providers, Iterable):
        raise InvalidContract(f"providers={providers!r} is not a list of names", hint='write providers=["local"]')
    names = list(providers)
    for name in names:
        if not isinstance(name, str):
            raise InvalidContract(f"{name!r} is not the name of a provider", hint='write providers=["local"]')
    return names
