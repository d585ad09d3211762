"""A quick look at the store: no provider call and no event loop, unless something was left half-way or is due."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from cloudclusters.api.session import session
from cloudclusters.cli.console import warn
from cloudclusters.lifecycle.deadline import is_due

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

    from cloudclusters.errors import UnreadableRecord
    from cloudclusters.store.record import ClusterRecord


def record_of(cluster: str, *, refresh: bool = False) -> ClusterRecord:
    """The record of a cluster by handle or name, looked at with `refresh`, and where that is due."""
    store = session().store
    handle = store.find(cluster)
    left = handle in store.left_open()
    if not (refresh or left):
        record = store.record(handle)
        if not is_due(record, time.time()):
            return record
    from cloudclusters.api.verbs import status

    with _finishing(left=left):
        return status(handle, refresh=True)


def records(*, terminated: bool = False, since: float | None = None, refresh: bool = False) -> list[ClusterRecord]:
    """The records of all clusters, as `record_of`; what could not be asked is warned of."""
    store = session().store
    unread: list[UnreadableRecord] = []
    left, now = store.left_open(), time.time()
    due = set(left)
    due.update(r.handle for r in store.records(unread=unread) if refresh or is_due(r, now))
    failures = []
    if due:
        from cloudclusters.api.verbs import mend

        with _finishing(left=bool(left)):
            failures = mend(sorted(due))
    for failure in dict.fromkeys((*failures, *(each.message for each in unread))):
        warn(failure)
    return store.records(terminated=terminated, since=since, unread=[])


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
