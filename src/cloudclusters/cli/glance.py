"""A quick look at the store: no provider call and no event loop, unless a verb was left half-way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from cloudclusters.api.session import session

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

    from cloudclusters.store.record import ClusterRecord


def record_of(cluster: str, *, refresh: bool = False) -> ClusterRecord:
    """The record of a cluster by handle or name, mended when its verb died; looks with `refresh`."""
    store = session().store
    handle = store.find(cluster)
    left = handle in store.left_open()
    if not (refresh or left):
        return store.record(handle)
    from cloudclusters.api.verbs import status

    with _finishing(left=left):
        return status(handle, refresh=True)


def records(*, terminated: bool = False, since: float | None = None, refresh: bool = False) -> list[ClusterRecord]:
    """The records of all clusters, mended where a verb died; looks at each that lives with `refresh`."""
    from cloudclusters.store.record import ClusterState

    store = session().store
    left = store.left_open()
    due = set(left)
    if refresh:
        due.update(record.handle for record in store.records() if record.state is not ClusterState.TERMINATED)
    if due:
        from cloudclusters.api.verbs import mend
        from cloudclusters.cli.console import warn

        with _finishing(left=bool(left)):
            failures = mend(sorted(due))
        for failure in failures:
            warn(failure)
    return store.records(terminated=terminated, since=since)


def _finishing(*, left: bool) -> AbstractContextManager[None]:
    """Show what is done where a verb was left half-way: it takes time, and may delete machines."""
    if not left:
        return nullcontext()
    from cloudclusters.cli import progress

    return progress.shown("finishing what was left half-way")


def complete_cluster(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names and handles of clusters that begin so, for the shell."""
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(summary.name or summary.handle, help=f"{summary.state} at {summary.provider}")
        for summary in session().store.summaries()
        if (summary.name or summary.handle).startswith(incomplete)
    ]
