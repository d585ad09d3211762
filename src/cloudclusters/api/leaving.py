"""What happens when the program ends: background deploys are waited for, and running clusters are named."""

from __future__ import annotations

import atexit
import concurrent.futures
import os
import sys

from cloudclusters.api.session import Session
from cloudclusters.base.table import counted
from cloudclusters.errors import CloudClustersError
from cloudclusters.store.record import ClusterRecord, ClusterState

UNDOING = 300.0
"""Seconds that a deploy interrupted at the end of the program may take to delete what it made."""
_ENDED = (ClusterState.TERMINATED, ClusterState.INTERRUPTED)


def remember(of: Session, handle: str) -> None:
    """Note that this program deployed a cluster, to name it at the end if it still runs."""
    if not of.deployed:
        atexit.register(_leave, of, os.getpid())
    of.deployed.append(handle)


def _leave(of: Session, os_pid: int) -> None:
    if os.getpid() != os_pid:
        return
    from cloudclusters.base.loop import core_loop

    try:
        for handle, deploy in list(of.pending.items()):
            _await(handle, deploy)
    except KeyboardInterrupt:
        print("cloudclusters: undoing what is not deployed yet (Ctrl-C again: let go)", file=sys.stderr)  # noqa: T201
        core_loop().close(patience=UNDOING)
    for line in still_running(of):
        print(line, file=sys.stderr)  # noqa: T201
    core_loop().close()


def _await(handle: str, deploy: concurrent.futures.Future[ClusterRecord]) -> None:
    """Wait for a deploy, and tell of its failure when nobody has been told."""
    if deploy.done():
        return
    from cloudclusters.base.loop import has_ended

    print(f"cloudclusters: waiting for the deploy of {handle} to end (Ctrl-C undoes it)", file=sys.stderr)  # noqa: T201
    has_ended(deploy)
    if not deploy.cancelled() and (error := deploy.exception()) is not None:
        print(f"cloudclusters: {error}", file=sys.stderr)  # noqa: T201


def still_running(of: Session) -> list[str]:
    """A line for each cluster of this program that still has machines, with its price and how to end it."""
    lines = []
    for handle in of.deployed:
        try:
            record = of.store.record(handle)
        except CloudClustersError as exc:
            lines.append(f"cloudclusters: nothing is known of {handle}: {exc.message}")
            continue
        if record.state in _ENDED:
            continue
        price = record.plan.hourly_usd
        cost = "at an unknown price" if price is None else f"${price:g} per hour"
        named = f"{record.name} ({handle})" if record.name else handle
        lines.append(
            f"cloudclusters: {named} is still {record.state}: {counted(len(record.nodes), 'node')} at "
            f"{record.holding.provider}, {cost}; end it with `cloudclusters terminate {record.name or handle}`"
        )
    return lines
