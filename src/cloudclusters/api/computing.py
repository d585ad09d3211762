"""Computing on clusters for people: pids in, results out, whichever clusters the pids belong to."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from cloudclusters.api import compute
from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.session import session
from cloudclusters.api.targets import handle_of
from cloudclusters.errors import InvalidContract, UnknownName
from cloudclusters.lifecycle.state import ALLOWED

if TYPE_CHECKING:
    from cloudclusters.api.compute.progress import Progress

P = ParamSpec("P")
R = TypeVar("R")
Where = Cluster | str | int | Iterable[int]
"""A cluster, its handle or name, one pid, or several pids of one or several clusters."""


def pmap(
    function: Callable[P, R],
    *iterables: Iterable[object],
    pids: Iterable[int] | None = None,
    on_error: Literal["raise", "return"] = "raise",
    chunk: int | None = None,
    progress: Progress | bool | None = None,
) -> list[R]:
    """Call `function` on every item, as `map` does, on workers; returns the results in the order of the items.

    `pids` are the workers to use, of one or several clusters (`nodes(a) + nodes(b)`); None is every worker of the
    clusters that this program deployed or reconnected to, and those that join them meanwhile: started again after a
    crash, in the place of a lost node, or by `scale`. Blocks; shows a bar on a terminal, or tells `progress`.
    Input is read lazily; short items travel in chunks whose size is learned (`chunk` fixes it). A failed item raises
    the user's exception, or stands in the results with `on_error="return"`. What was on a lost worker is computed
    again on the remaining ones, so an item may run more than once. Raises `WorkersLost` when none remains,
    `NotPicklable`, `UnknownName` (pids). Ctrl-C drops what has not begun.

    >>> cc.pmap(len, ["a", "bb"], pids=cc.nodes(cluster))  # doctest: +SKIP
    [1, 2]
    """
    wanted = None if pids is None else pids_of(pids)
    return compute.pmap(
        function,
        *iterables,
        clusters=_clusters(wanted),
        pids=wanted,
        on_error=on_error,
        chunk=chunk,
        progress=progress,
    )


def everywhere(code: Callable[P, object] | str, where: Where, *arguments: object) -> dict[int, object]:
    """Run a function, or a text of code, once on each worker of a cluster or on these pids; results by pid.

    Names that it defines (the globals that it assigns) stay in a namespace per worker, which `fetchfrom` reads.
    Blocks until all are done. Raises the user's exception when one worker failed, an `ExceptionGroup` when several
    failed differently; `WorkersLost`, `NotPicklable`, `UnknownName`.

    >>> cc.everywhere("import math; scale = math.pi", cluster)  # doctest: +SKIP
    """
    if isinstance(where, Cluster | str):
        of = session()
        return compute.everywhere(code, *arguments, clusters=[kept(of, handle_of(where, of))])
    wanted = pids_of([where] if isinstance(where, int) else where)
    return compute.everywhere(code, *arguments, clusters=_clusters(wanted), pids=wanted)


def fetchfrom(pid: int, what: Callable[P, object] | str, *arguments: object) -> object:
    """The value of a name in one worker's namespace, or what a function gives there.

    A text is a name; a function may use the names of the namespace. Blocks. Raises `UnknownName` for a name or pid
    that is not there, the user's exception, `WorkersLost`.

    >>> cc.fetchfrom(2, "scale")  # doctest: +SKIP
    3.141592653589793
    """
    return compute.fetchfrom(pid, what, *arguments, clusters=_clusters(pids_of([pid])))


def pids_of(given: object) -> list[int]:
    """Pids that somebody gave, as numbers; raises `InvalidContract` for anything else."""
    if isinstance(given, str | bytes | Cluster) or not isinstance(given, Iterable):
        raise InvalidContract(f"pids is a list of numbers, not {given!r}", hint="give pids=nodes(cluster)")
    pids = list(given)
    for pid in pids:
        if isinstance(pid, bool) or not hasattr(pid, "__index__"):
            raise InvalidContract(f"{pid!r} is not a pid, which is a number", hint="give pids=nodes(cluster)")
    return [operator.index(pid) for pid in pids]


def _clusters(pids: list[int] | None) -> list[Cluster]:
    """The clusters that these pids belong to; for None, the running ones of this program."""
    of = session()
    if pids is None:
        mine = [cluster for cluster in of.kept.values() if cluster.state in ALLOWED["compute"]]
        if not mine:
            raise InvalidContract(
                "this program has no running cluster", hint="give pids=nodes(cluster), or deploy or reconnect first"
            )
        return mine
    if not pids:
        raise InvalidContract("pids is empty: there is nobody to compute", hint="give pids=nodes(cluster)")
    lives = of.store.lives(pids)
    unknown = [pid for pid in pids if pid not in lives]
    if unknown:
        listed = ", ".join(map(str, unknown[:20]))
        raise UnknownName(f"no worker ever had the pid {listed}", hint="ask `nodes(cluster)` for the pids")
    return [kept(of, handle) for handle in dict.fromkeys(cluster for cluster, _ in lives.values())]
