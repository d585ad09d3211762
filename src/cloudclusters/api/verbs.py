"""The verbs on clusters, blocking: each takes one cluster, handle or name, or several at once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, overload

from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.session import Session, session
from cloudclusters.api.targets import Target, handle_of, handles_of
from cloudclusters.base.gather import each_to_its_end
from cloudclusters.base.loop import core_loop
from cloudclusters.errors import InvalidContract, NodeError, ProviderError, UnreadableRecord, WaitTimeout
from cloudclusters.lifecycle.context import Context
from cloudclusters.store.record import ClusterRecord

if TYPE_CHECKING:
    from cloudclusters.lifecycle.sweep import Finding

Verb = Callable[[Context, str], Coroutine[object, object, ClusterRecord]]


async def on_each(of: Session, verb: Verb, handles: Sequence[str]) -> list[ClusterRecord]:
    """Run a verb on several clusters at once; one that fails stops none of the others, and all failures are told."""
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
    """Replace all processes of clusters by fresh ones with new pids; the machines are not touched.

    Waits until the workers are ready. Raises `IllegalState`, `NodeError` naming a node whose machine is gone.
    """
    from cloudclusters.lifecycle.restart import restart as verb

    return _each(verb, clusters, ends_processes=True)


@overload
def terminate(cluster: Target, /) -> Cluster: ...
@overload
def terminate(cluster: Target, /, *more: Target) -> list[Cluster]: ...
def terminate(*clusters: Target) -> Cluster | list[Cluster]:
    """Delete all machines of clusters, with their disks, and what was made for them; waits until they are gone.

    Raises `IllegalState` for a cluster that is terminated already, `ProviderError` when something could not be
    deleted: the cluster is then `terminating`, and the verb may be repeated.
    """
    from cloudclusters.lifecycle.terminate import terminate as verb

    return _each(verb, clusters, ends_processes=True)


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

    Work on nodes that leave is moved to the others first. New nodes cost money. When growing fails the cluster
    keeps its size. Raises `NoCapacity`, `NotSupported`, `IllegalState`, `InvalidContract`.
    """
    from cloudclusters.lifecycle.scale import scale as verb

    of = session()
    found = cluster if isinstance(cluster, Cluster) else kept(of, handle_of(cluster, of))
    found.retire_beyond(n)
    core_loop().run(verb(of.context, found.handle, n))
    return found


def status(cluster: Target, *, refresh: bool = False) -> ClusterRecord:
    """What is known of a cluster: state, nodes, prices, history.

    Makes no provider call, and `record.seen` tells the age of the last look; unless `refresh`, or unless a dead
    process left a verb half-way: then it looks, and finishes or undoes that verb. Raises `UnknownHandle`.
    """
    of = session()
    handle = handle_of(cluster, of)
    if refresh or handle in of.store.left_open():
        from cloudclusters.lifecycle.reconnect import refresh as look

        return core_loop().run(look(of.context, handle))
    return of.store.record(handle)


def clusters(*, since: float | None = None, cluster_type: str | None = None, terminated: bool = False) -> list[Cluster]:
    """The clusters of this user's store, the oldest first; terminated ones only if asked for.

    `since` is in seconds since the epoch, `cluster_type` such as `"PeerWorkers"`. Makes no provider call, unless a
    dead process left a verb half-way: then it is finished or undone, or a warning says why it could not be.
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
    for failure in mend(of.store.left_open()):
        warnings.warn(failure, stacklevel=2)
    kind = ClusterType(cluster_type) if cluster_type else None
    return [Cluster(s.handle) for s in of.store.summaries(terminated=terminated, since=since, cluster_type=kind)]


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

    Without `delete` nothing changes. Things made by other owners are listed, and deleted only with `everyone`.
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
