"""clusters, status, nodes: what is known."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.beside import beside
from cloudclusters.cli.console import Command, Row, age, json_option, say, show, show_facts, show_rows, usd, warn
from cloudclusters.cli.glance import complete_cluster, record_of, records
from cloudclusters.cli.limiting import in_short, limits_row, strikes, use
from cloudclusters.contract.limits import limits_text
from cloudclusters.lifecycle.deadline import outlook_of
from cloudclusters.lifecycle.spending import hourly, spent

if TYPE_CHECKING:
    from cloudclusters.lifecycle.deadline import Outlook
    from cloudclusters.store.record import ClusterRecord

_COLUMNS = {
    "handle": "handle",
    "name": "name",
    "state": "state",
    "provider": "provider",
    "instance_type": "instance type",
    "nodes": "nodes",
    "hourly_usd": "USD/h",
    "spent_usd": "USD so far",
    "lets_go": "lets go",
    "seen_at": "last look",
}
_FACTS = {
    "handle": "handle",
    "name": "name",
    "state": "state",
    "reason": "reason",
    "cluster_type": "cluster type",
    "provider": "provider",
    "region": "region",
    "instance_type": "instance type",
    "engine": "engine",
    "contract": "contract",
    "created_at": "deployed",
    "hourly_usd": "USD per hour",
    "spent_usd": "USD so far",
    "limits": "limits",
    "strikes": "strikes",
    "unused": "unused",
    "beside": "beside",
    "seen_at": "last look",
}
_NODES = {
    "node": "node",
    "role": "role",
    "state": "state",
    "instance_type": "instance type",
    "address": "address",
    "instance": "instance",
    "hourly_usd": "USD/h",
}
_WORKERS = {
    "node": "node",
    "role": "role",
    "state": "state",
    "process": "process",
    "pid": "pid",
    "rank": "rank",
    "os_pid": "os pid",
    "memory_bytes": "memory",
    "address": "address",
}


@click.command(cls=Command)
@click.option("-a", "--all", "everything", is_flag=True, help="Terminated ones, too.")
@click.option("--refresh", is_flag=True, help="Ask the providers first.")
@json_option
def clusters(everything: bool, refresh: bool, as_json: bool) -> None:
    """Your clusters, their state and price.

    Shows the last look and its age, and asks no provider, unless an operation was left unfinished or a limit may have
    struck: then what was begun is finished or undone first.
    """
    _list(records(terminated=everything, refresh=refresh), as_json=as_json)


@click.command(cls=Command)
@click.argument("cluster", required=False, shell_complete=complete_cluster)
@click.option("--refresh", is_flag=True, help="Ask the providers first.")
@json_option
def status(cluster: str | None, refresh: bool, as_json: bool) -> None:
    """What is known of your clusters, or of one by handle or name.

    Shows the last look and its age, and asks no provider, unless an operation was left unfinished or a limit may have
    struck: then what was begun is finished or undone first.
    """
    if cluster is None:
        _list(records(refresh=refresh), as_json=as_json)
        return
    record = record_of(cluster, refresh=refresh)
    outlook = _outlook(record, refresh=refresh)
    members = [_node(record, index) for index in range(len(record.nodes))]
    row: dict[str, object] = {**_cluster(record), **limits_row(outlook)}
    if as_json:
        show_facts({**row, "members": members}, {}, as_json=True)
        return
    now = time.time()
    row = {
        **row,
        "limits": "" if record.state == "terminated" else limits_text(outlook.limits, None),
        "strikes": strikes(outlook, now),
        "unused": use(outlook),
    }
    show_facts(row, {key: title for key, title in _FACTS.items() if row[key] not in ("", None)}, as_json=False)
    show("")
    show_rows(members, _NODES, as_json=False, empty="it has no nodes")


@click.command(cls=Command)
@click.argument("cluster", shell_complete=complete_cluster)
@json_option
def nodes(cluster: str, as_json: bool) -> None:
    """The nodes and workers of a cluster: pids, ranks, addresses.

    Asks the nodes of a running cluster; of another one shows the last look.
    """
    from cloudclusters.store.record import ClusterState

    record = record_of(cluster)
    if record.state is not ClusterState.RUNNING:
        say(f"{record.handle} is {record.state}: no workers; its nodes as seen {age(record.seen)}")
        members = [_node(record, index) for index in range(len(record.nodes))]
        show_rows(members, _NODES, as_json=as_json, empty="it has no nodes")
        return
    rows = _workers(record)
    show_rows(rows, _WORKERS, as_json=as_json, empty="no process runs on its nodes")


def _outlook(record: ClusterRecord, *, refresh: bool) -> Outlook:
    """By the record; with `refresh` also by what the head's agent says of its use."""
    if not refresh:
        return outlook_of(record, time.time())
    from cloudclusters.api.verbs import limits

    found = limits(record.handle)
    if found.unheard or found.untold:
        warn(found.unheard or found.untold)
    return found


def _list(found: list[ClusterRecord], *, as_json: bool) -> None:
    rows = [_cluster(record) for record in found]
    show_rows(rows, _COLUMNS, as_json=as_json, empty="no clusters; `cloudclusters deploy` makes one")
    if as_json or not rows:
        return
    paid = [hourly(record) for record in found]
    known = sum(price for price in paid if price is not None)
    unknown = paid.count(None)
    more = f", and {unknown} at an unknown price" if unknown else ""
    say(f"in all ${usd(known)} per hour{more}")


def _cluster(record: ClusterRecord) -> Row:
    """A cluster by the words of the package."""
    now = time.time()
    offers = list(dict.fromkeys(node.offer.instance_type for node in record.nodes))
    return {
        "handle": record.handle,
        "name": record.name,
        "state": record.state.value,
        "reason": record.reason,
        "cluster_type": record.plan.cluster_type.value,
        "contract": record.plan.contract,
        "provider": record.holding.provider,
        "region": record.holding.place.region,
        "instance_type": ", ".join(offers),
        "engine": record.plan.engine,
        "nodes": len(record.nodes),
        "hourly_usd": hourly(record),
        "spent_usd": spent(record, now),
        "beside": beside(record),
        "created_at": record.history[0].at if record.history else 0.0,
        **limits_row(outlook_of(record, now)),
        "lets_go": in_short(record, now),
        "seen_at": record.seen,
    }


def _node(record: ClusterRecord, index: int) -> dict[str, object]:
    """A node by the words of the package."""
    node = record.nodes[index]
    seen = node.instance
    return {
        "node": node.name,
        "role": node.slot.role,
        "state": seen.state.value if seen else "requested",
        "provider": node.offer.provider,
        "instance_type": node.offer.instance_type,
        "region": node.offer.place.region,
        "zone": seen.place.zone if seen else node.offer.place.zone,
        "market": node.offer.market.value,
        "hourly_usd": node.offer.hourly_usd,
        "instance": seen.id if seen else "",
        "address": (seen.public_address or seen.inner_address) if seen else "",
    }


def _workers(record: ClusterRecord) -> list[Row]:
    """The processes of a running cluster, in node order, then nodes without any; ranks count the workers."""
    from cloudclusters.api.cluster import Cluster
    from cloudclusters.base.loop import core_loop
    from cloudclusters.engine.protocol import Kind

    rows: list[Row] = []
    rank = 0
    facts = {str(row["node"]): row for row in (_node(record, index) for index in range(len(record.nodes)))}
    for worker in Cluster(record.handle).workers():
        is_worker = worker.kind is Kind.WORKER
        rows.append(
            {
                **facts[worker.node],
                "state": worker.state,
                "process": worker.name,
                "pid": worker.pid,
                "rank": rank if is_worker else None,
                "os_pid": worker.os_pid,
                "memory_bytes": worker.rss_bytes,
            }
        )
        rank += is_worker
    busy = {row["node"] for row in rows}
    silent = core_loop().run(_silent(record)) if facts.keys() - busy else ()
    none = dict.fromkeys(("process", "pid", "rank", "os_pid", "memory_bytes"))
    return rows + [
        {**row, **none, "state": "no answer" if name in silent else "no processes"}
        for name, row in facts.items()
        if name not in busy
    ]


async def _silent(record: ClusterRecord) -> Sequence[str]:
    """The nodes that did not answer just now."""
    from cloudclusters.api.session import session
    from cloudclusters.lifecycle.processes import unanswered

    return unanswered(session().context, record)
