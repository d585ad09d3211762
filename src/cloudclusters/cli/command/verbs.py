"""interrupt, resume, restart, reconnect, scale, terminate: the verbs on clusters that exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.base.limits import duration
from cloudclusters.base.table import counted
from cloudclusters.cli import progress
from cloudclusters.cli.beside import beside
from cloudclusters.cli.console import Command, agreed, json_option, say, show_json, usd, yes_option
from cloudclusters.cli.duration import seconds
from cloudclusters.cli.glance import complete_cluster, record_of
from cloudclusters.lifecycle.spending import hourly, spent

if TYPE_CHECKING:
    from cloudclusters.api.cluster import Cluster
    from cloudclusters.base.cloud import Offer
    from cloudclusters.store.record import ClusterRecord

some_clusters = click.argument(
    "clusters", nargs=-1, required=True, metavar="CLUSTER...", shell_complete=complete_cluster
)


@click.command(cls=Command)
@some_clusters
@json_option
def interrupt(clusters: Sequence[str], as_json: bool) -> None:
    """Stop the machines and keep their disks; waits until they are stopped.

    What the processes held is lost. From then on only disks are paid. `resume` starts the machines again.
    """
    from cloudclusters.api import verbs

    with progress.shown("interrupting"):
        found = verbs.interrupt(*clusters)
    _report(found, as_json=as_json, after="`cloudclusters resume {0}` starts it again")


@click.command(cls=Command)
@some_clusters
@click.option(
    "--patience",
    callback=seconds,
    metavar="TIME",
    help="Ask so long for capacity that is gone, such as 30m.",
)
@click.option(
    "--elsewhere",
    is_flag=True,
    help="Then buy the plan's other machines in the region, and delete the stopped ones with their disks.",
)
@json_option
def resume(clusters: Sequence[str], patience: float | None, elsewhere: bool, as_json: bool) -> None:
    """Start interrupted machines again, with fresh workers and new pids; waits until they are ready.

    The machines are paid again from the start on. With no capacity the cluster stays interrupted, unless the options
    say else.
    """
    from cloudclusters.api import verbs

    with progress.shown("resuming"):
        found = verbs.resume(*clusters, patience=patience or 0.0, elsewhere=elsewhere)
    _report(found, as_json=as_json)


@click.command(cls=Command)
@some_clusters
@json_option
def restart(clusters: Sequence[str], as_json: bool) -> None:
    """Fresh processes with new pids on the same machines; waits until they are ready.

    Nodes whose machines are gone leave the cluster; with the setting on_lost=replace others are bought in their place.
    """
    from cloudclusters.api import verbs

    with progress.shown("restarting"):
        found = verbs.restart(*clusters)
    _report(found, as_json=as_json)


@click.command(cls=Command)
@some_clusters
@json_option
def reconnect(clusters: Sequence[str], as_json: bool) -> None:
    """Look at clusters and record what is seen; finish or undo what a dead program left half-way."""
    from cloudclusters.api import verbs

    with progress.shown("reconnecting"):
        found = verbs.reconnect(*clusters)
    _report(found, as_json=as_json)


@click.command(cls=Command)
@click.argument("cluster", shell_complete=complete_cluster)
@click.argument("n", type=int, metavar="N")
@yes_option
@json_option
def scale(cluster: str, n: int, yes: bool, as_json: bool) -> None:
    """Bring a running cluster to N compute nodes; waits until it is so.

    Work on nodes that leave is moved to the others first. New nodes are paid at the cluster's own offer: on a terminal
    you are asked first, unless -y is given.
    """
    from cloudclusters.api import verbs

    question = _growth(record_of(cluster), n)
    if question and not agreed(question, yes=yes, must=False):
        say("nothing was bought")
        return
    with progress.shown(f"scaling to {counted(n, 'node')}"):
        found = verbs.scale(cluster, n)
    _report(found, as_json=as_json)


@click.command(cls=Command)
@some_clusters
@click.option("--force", is_flag=True, help="Do not ask whether another machine is at work on them.")
@yes_option
@json_option
def terminate(clusters: Sequence[str], force: bool, yes: bool, as_json: bool) -> None:
    """Delete all machines, with their disks, and what was made for them; waits until they are gone.

    Asks on a terminal, unless -y is given.
    """
    from cloudclusters.api import verbs

    names = ", ".join(_title(record_of(cluster)) for cluster in clusters)
    if not agreed(f"Delete {names} with all disks?", yes=yes, must=False):
        say("nothing was deleted")
        return
    with progress.shown("terminating"):
        found = verbs.terminate(*clusters, force=force)
    _report(found, as_json=as_json)


def _growth(record: ClusterRecord, n: int) -> str:
    """What to ask before nodes are bought; empty when none are, or they cost nothing."""
    from cloudclusters.cli.plans import bought
    from cloudclusters.lifecycle.scale import growth

    parts = growth(record, n)
    prices = [None if offer.hourly_usd is None else count * offer.hourly_usd for offer, count in parts]
    known = sum(price for price in prices if price is not None)
    if not known and None not in prices:
        return ""
    price = "an unknown price" if None in prices else f"${usd(known)}"
    more = counted(sum(count for _, count in parts), "more node")
    return f"Buy {more} ({bought(parts)}) for {_title(record)} at {price} per hour{_then_strikes(record, parts)}?"


def _then_strikes(record: ClusterRecord, parts: Sequence[tuple[Offer, int]]) -> str:
    """When the first limit strikes once these nodes are bought; empty where none does at a known moment."""
    import time

    from cloudclusters.lifecycle.affording import strike_with

    now = time.time()
    strike = strike_with(record, [offer for offer, count in parts for _ in range(count)], now)
    if strike is None:
        return ""
    return f"; its limit strikes in {duration(strike.at - now)} then, when {strike.why}"


def _report(found: Cluster | list[Cluster], *, as_json: bool, after: str = "") -> None:
    """Say of each cluster how it is now and what it costs."""
    several = found if isinstance(found, list) else [found]
    records = [cluster.record for cluster in several]
    if as_json:
        show_json([_row(record) for record in records])
    for record in records:
        price = hourly(record)
        cost = "nothing" if price == 0 else "an unknown price" if price is None else f"${usd(price)}"
        say(f"{_title(record)} is {record.state}: {cost} per hour, {_so_far(record)}")
        if said := beside(record):
            say(said)
        if after:
            say(after.format(record.name or record.handle))


def _so_far(record: ClusterRecord) -> str:
    import time

    total = spent(record, time.time())
    return "at an unknown price so far" if total is None else f"${usd(total)} so far"


def _title(record: ClusterRecord) -> str:
    return f"{record.name} ({record.handle})" if record.name else record.handle


def _row(record: ClusterRecord) -> dict[str, object]:
    return {
        "handle": record.handle,
        "name": record.name,
        "state": record.state.value,
        "provider": record.holding.provider,
        "nodes": len(record.nodes),
        "hourly_usd": hourly(record),
    }
