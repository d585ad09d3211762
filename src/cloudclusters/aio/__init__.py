"""The verbs for async programs: the same names, awaitable, from any event loop.

They run on the core loop and are bridged onto the caller's, cancellation included: a cancelled `deploy` cleans up
before it ends. What only reads the store (`clusters`, `cluster`, `resolve`, `select` …) does not wait for anything;
use it from `cloudclusters` itself.

>>> from cloudclusters import aio
>>> cluster = await aio.deploy(contract)        # doctest: +SKIP
>>> await aio.terminate(cluster)                # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar, overload

from cloudclusters.api import computing, costing, dying, on_nodes, verbs
from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.contracts import Deployable, deploying_plan
from cloudclusters.api.deploying import Wait, begin, check_wait, within
from cloudclusters.api.leaving import remember
from cloudclusters.api.session import session
from cloudclusters.api.taking_up import reconnect_each
from cloudclusters.api.targets import Target, handle_of, handles_of
from cloudclusters.base.loop import core_loop
from cloudclusters.lifecycle import change_limits as _change_limits
from cloudclusters.lifecycle import deploy as _deploy
from cloudclusters.lifecycle import files as _files
from cloudclusters.lifecycle import interrupt as _interrupt
from cloudclusters.lifecycle import outlook as _outlook
from cloudclusters.lifecycle import restart as _restart
from cloudclusters.lifecycle import resume as _resume
from cloudclusters.lifecycle import sweep as _sweep
from cloudclusters.lifecycle import terminate as _terminate
from cloudclusters.store.record import ClusterRecord

if TYPE_CHECKING:
    from typing import Unpack

    from cloudclusters.contract.limits import LimitOptions
    from cloudclusters.lifecycle.deadline import Outlook
    from cloudclusters.lifecycle.files import Copied
    from cloudclusters.lifecycle.sweep import Finding

P = ParamSpec("P")
T = TypeVar("T")

__all__ = [
    "cost",
    "deploy",
    "entry",
    "everywhere",
    "fetchfrom",
    "get",
    "interrupt",
    "limits",
    "nodes",
    "pmap",
    "put",
    "ranks",
    "reconnect",
    "replace",
    "restart",
    "resume",
    "scale",
    "simulate_interruption",
    "status",
    "sweep",
    "sync",
    "terminate",
]


async def _each(
    verb: verbs.Verb, targets: Sequence[Target], *, ends_processes: bool = False
) -> Cluster | list[Cluster]:
    of = session()
    handles = handles_of(targets, of)
    if ends_processes:
        await asyncio.to_thread(verbs.part, of, handles)
    await core_loop().bridge(verbs.on_each(of, verb, handles))
    return verbs.shaped(targets, handles)


async def deploy(
    target: Deployable,
    *,
    resolve: bool = False,
    name: str = "",
    wait: Wait = "all",
    timeout: float | None = None,
    keep: bool = False,
    **limits: Unpack[LimitOptions],
) -> Cluster:
    """As `cloudclusters.deploy`; a cancellation deletes what was made before it gets through."""
    check_wait(wait, timeout)
    of = session()
    plan = deploying_plan(of, target, resolve=resolve, limits=limits)
    if wait == "all":
        work = within(_deploy.deploy(of.context, plan, name=name, keep=keep), timeout)
        record = await core_loop().bridge(work)
        remember(of, record.handle)
        return kept(of, record.handle)
    return await core_loop().bridge(begin(of, plan, name=name, wait=wait, timeout=timeout, keep=keep))


@overload
async def interrupt(cluster: Target, /) -> Cluster: ...
@overload
async def interrupt(cluster: Target, /, *more: Target) -> list[Cluster]: ...
async def interrupt(*clusters: Target) -> Cluster | list[Cluster]:
    """As `cloudclusters.interrupt`."""
    return await _each(_interrupt.interrupt, clusters, ends_processes=True)


@overload
async def resume(cluster: Target, /, *, patience: float = ..., elsewhere: bool = ...) -> Cluster: ...
@overload
async def resume(cluster: Target, /, *more: Target, patience: float = ..., elsewhere: bool = ...) -> list[Cluster]: ...
async def resume(*clusters: Target, patience: float = 0.0, elsewhere: bool = False) -> Cluster | list[Cluster]:
    """As `cloudclusters.resume`."""
    return await _each(functools.partial(_resume.resume, patience=patience, elsewhere=elsewhere), clusters)


@overload
async def restart(cluster: Target, /) -> Cluster: ...
@overload
async def restart(cluster: Target, /, *more: Target) -> list[Cluster]: ...
async def restart(*clusters: Target) -> Cluster | list[Cluster]:
    """As `cloudclusters.restart`."""
    return await _each(_restart.restart, clusters, ends_processes=True)


@overload
async def terminate(cluster: Target, /, *, force: bool = ...) -> Cluster: ...
@overload
async def terminate(cluster: Target, /, *more: Target, force: bool = ...) -> list[Cluster]: ...
async def terminate(*clusters: Target, force: bool = False) -> Cluster | list[Cluster]:
    """As `cloudclusters.terminate`."""
    return await _each(functools.partial(_terminate.terminate, force=force), clusters, ends_processes=True)


@overload
async def reconnect(cluster: Target, /) -> Cluster: ...
@overload
async def reconnect(cluster: Target, /, *more: Target) -> list[Cluster]: ...
async def reconnect(*clusters: Target) -> Cluster | list[Cluster]:
    """As `cloudclusters.reconnect`."""
    handles = await core_loop().bridge(reconnect_each(session(), clusters))
    return verbs.shaped(clusters, handles)


async def scale(cluster: Target, n: int) -> Cluster:
    """As `cloudclusters.scale`."""
    of = session()
    found = cluster if isinstance(cluster, Cluster) else kept(of, handle_of(cluster, of))
    await asyncio.to_thread(of.end_adapting, found.handle)
    await core_loop().bridge(verbs.scaling(of, found.handle, n))
    return found


async def limits(cluster: Target, **changes: Unpack[LimitOptions]) -> Outlook:
    """As `cloudclusters.limits`."""
    of = session()
    handle = handle_of(cluster, of)
    if changes:
        await core_loop().bridge(_change_limits.change_limits(of.context, handle, changes))
    record = await asyncio.to_thread(verbs.status, handle)
    return await core_loop().bridge(_outlook.look_out(of.context, record))


async def replace(cluster: Target, node: str, *, buy: bool = True) -> Cluster:
    """As `cloudclusters.replace`."""
    of = session()
    found = cluster if isinstance(cluster, Cluster) else kept(of, handle_of(cluster, of))
    await asyncio.to_thread(dying.part_from, found, node, of)
    await core_loop().bridge(dying.replacing(of, found.handle, node, buy=buy))
    return found


async def simulate_interruption(
    cluster: Target, node: str, *, notice: float = 120.0, kind: str = "interruption"
) -> Cluster:
    """As `cloudclusters.simulate_interruption`."""
    from cloudclusters.lifecycle.interruption import simulate_interruption as verb

    of = session()
    found = cluster if isinstance(cluster, Cluster) else kept(of, handle_of(cluster, of))
    await core_loop().bridge(verb(of.context, found.handle, node, notice=notice, kind=kind))
    return found


async def status(cluster: Target, *, refresh: bool = False) -> ClusterRecord:
    """As `cloudclusters.status`."""
    return await asyncio.to_thread(verbs.status, cluster, refresh=refresh)


async def sweep(
    *, delete: bool = False, everyone: bool = False, providers: Iterable[str] | None = None
) -> list[Finding]:
    """As `cloudclusters.sweep`."""
    of = session()
    names = verbs.provider_names(providers, of)
    return await core_loop().bridge(_sweep.sweep(of.context, names, everyone=everyone, delete=delete))


async def put(
    cluster: Target, local: on_nodes.Local, remote: str = "", *, nodes: on_nodes.Nodes = None
) -> dict[str, Copied]:
    """As `Cluster.put`."""
    of, path = session(), on_nodes.here(local)
    work = _files.put(
        of.context, handle_of(cluster, of), path, remote, nodes=on_nodes.names(nodes), told=on_nodes.unheard
    )
    return await core_loop().bridge(work)


async def get(
    cluster: Target, remote: str, local: on_nodes.Local, *, nodes: on_nodes.Nodes = None
) -> dict[str, Copied]:
    """As `Cluster.get`."""
    of, path = session(), on_nodes.here(local)
    work = _files.get(
        of.context, handle_of(cluster, of), remote, path, nodes=on_nodes.names(nodes), told=on_nodes.unheard
    )
    return await core_loop().bridge(work)


async def sync(
    cluster: Target,
    folder: on_nodes.Local,
    remote: str = "",
    *,
    delete: bool = False,
    nodes: on_nodes.Nodes = None,
) -> dict[str, Copied]:
    """As `Cluster.sync`."""
    of, path, chosen = session(), on_nodes.here(folder), on_nodes.names(nodes)
    work = _files.sync(
        of.context, handle_of(cluster, of), path, remote, delete=delete, nodes=chosen, told=on_nodes.unheard
    )
    return await core_loop().bridge(work)


def _in_thread(call: Callable[P, T]) -> Callable[P, asyncio.Future[T]]:
    """What blocks, as on Dask's own loop, is awaited through a thread; it changes nothing at a provider."""

    def awaitable(*args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        return asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))

    awaitable.__doc__ = f"As `cloudclusters.{call.__name__}`, awaitable."
    awaitable.__name__ = call.__name__
    return awaitable


nodes = _in_thread(verbs.nodes)
cost = _in_thread(costing.cost)
entry = _in_thread(verbs.entry)
ranks = _in_thread(verbs.ranks)
pmap = _in_thread(computing.pmap)
everywhere = _in_thread(computing.everywhere)
fetchfrom = _in_thread(computing.fetchfrom)
