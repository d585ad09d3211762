"""Who computes: the pids that the user gave, by the cluster they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cloudclusters.api.compute.backlog import Backlog
from cloudclusters.errors import UnknownName, WorkersLost

if TYPE_CHECKING:
    from distributed import Client


class HasWorkers(Protocol):
    """What a computation needs of a cluster."""

    @property
    def handle(self) -> str:
        """The cluster's handle."""
        ...

    @property
    def backlog(self) -> Backlog:
        """What the maps of this program still have for it."""
        ...

    def get_client(self) -> Client:
        """A connected Dask client."""
        ...

    def live_workers(self) -> Mapping[int, str]:
        """The workers that live now: the name each has in Dask (`node/process/life`), by pid."""
        ...

    def is_cut_off(self) -> bool:
        """Whether nothing of the cluster reaches us, and nobody says that its machines are gone."""
        ...

    def why_gone(self) -> str:
        """Why its machines are gone, when it let go of them by itself; else empty."""
        ...

    def trouble(self) -> str:
        """Which nodes of the cluster are known to be lost, and why; empty when none is."""
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """The workers of one cluster that take part, by pid."""

    cluster: HasWorkers
    workers: Mapping[int, str]
    open: bool = False
    """Workers that join the cluster later take part, too."""


def shares(clusters: Sequence[HasWorkers], pids: Iterable[int] | None = None) -> list[Share]:
    """Group pids by cluster; None is every live worker of these clusters, and those to come.

    Raises `UnknownName` naming the pids that no live worker has, and `WorkersLost` when there is no worker at all.
    """
    alive = [(cluster, cluster.live_workers()) for cluster in clusters]
    if pids is None:
        found = [Share(cluster, dict(workers), open=True) for cluster, workers in alive if workers]
    else:
        wanted = list(dict.fromkeys(pids))
        known = {pid for _, workers in alive for pid in workers}
        missing = [pid for pid in wanted if pid not in known]
        if missing:
            raise UnknownName(
                f"no live worker has the pid {_listed(missing)}; alive: {_listed(sorted(known)) or 'none'}",
                hint="a restarted worker has a new pid: ask `nodes(cluster)` again",
            )
        chosen = [(cluster, {p: workers[p] for p in wanted if p in workers}) for cluster, workers in alive]
        found = [Share(cluster, workers) for cluster, workers in chosen if workers]
    if not found:
        names = ", ".join(cluster.handle for cluster in clusters) or "no cluster"
        raise WorkersLost(f"there is no worker to compute on ({names})", hint="`restart` the cluster, or deploy one")
    return found


def _listed(pids: Sequence[int]) -> str:
    shown = ", ".join(map(str, pids[:20]))
    return f"{shown} and {len(pids) - 20} more" if len(pids) > 20 else shown


def lost(what: str, where: Sequence[Share], *, silent: Sequence[Share] = ()) -> WorkersLost:
    """The error for a computation whose workers are all gone; tells of clusters that let go by themselves.

    Of the `silent` ones it is the scheduler that does not answer.
    """
    pids = sorted(pid for share in where for pid in share.workers)
    handles = " ".join(share.cluster.handle for share in where)
    reasons = {share.cluster.handle: share.cluster.why_gone() for share in where}
    told = [f"cluster {handle} {why}" for handle, why in reasons.items() if why]
    if told:
        return WorkersLost(
            f"{what}: {'; '.join(told)}",
            hint=f"`cloudclusters status {handles}` shows what is left; `deploy` and `limits` set later limits",
        )
    trouble = "".join(f"; {told}" for told in (share.cluster.trouble() for share in where) if told)
    if len(silent) == len(where):
        schedulers = " and of ".join(share.cluster.handle for share in silent)
        return WorkersLost(
            f"{what}: the scheduler of {schedulers} does not answer any more{trouble}",
            hint=f"`cloudclusters status --refresh {handles}` shows what runs; `restart` starts a scheduler anew",
        )
    return WorkersLost(
        f"{what}: no worker is left of pid {_listed(pids)}{trouble}",
        hint=f"`cloudclusters logs {handles}` shows their last lines; workers that the agents restarted have new pids",
    )
