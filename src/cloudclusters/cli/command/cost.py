"""cost: what clusters cost, from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.api.session import session
from cloudclusters.cli.console import Command, Row, json_option, say, show, show_json
from cloudclusters.cli.glance import records

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

    from cloudclusters.store.accounts import ClusterCost, Cost, Sum


def _complete(_ctx: Context, _parameter: Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names and handles of all clusters that begin so, terminated ones too."""
    from click.shell_completion import CompletionItem

    return [
        CompletionItem(summary.name or summary.handle, help=f"{summary.state} at {summary.provider}")
        for summary in session().store.summaries(terminated=True)
        if (summary.name or summary.handle).startswith(incomplete)
    ]


@click.command(cls=Command)
@click.argument("clusters", nargs=-1, metavar="[CLUSTER...]", shell_complete=_complete)
@click.option("--since", metavar="TIME", help="From then on only: 7d, 12h …, or a day such as 2026-11-01.")
@click.option("--nodes", is_flag=True, help="A line for each node.")
@json_option
def cost(clusters: Sequence[str], since: str | None, nodes: bool, as_json: bool) -> None:
    """What your clusters cost, or those named: until now, and per hour now. Terminated ones, too.

    Counted by the second at the prices of the launches, with disks and public addresses where their prices are known;
    what has no known price is told and not counted. Asks no provider, unless an operation was left unfinished.

    \b
    cloudclusters cost --since 7d
    cloudclusters cost training --nodes
    """
    from cloudclusters.api.costing import cost as costs
    from cloudclusters.store.accounts import cost_text

    records()  # finishes what was left half-way: it may be paid still
    found = costs(*clusters, since=since)
    if as_json:
        show_json(_rows(found, nodes=nodes))
    elif found.clusters:
        show(cost_text(found, nodes=nodes))
    else:
        say("nothing was paid; `cloudclusters deploy` makes a cluster")


def _rows(found: Cost, *, nodes: bool) -> Row:
    """What is printed as JSON: sums by the words of the package."""
    return {
        "since_at": found.since,
        "at": found.at,
        **_sum(found.total),
        "clusters": [_cluster(each, nodes=nodes) for each in found.clusters],
    }


def _cluster(each: ClusterCost, *, nodes: bool) -> Row:
    members = {"members": [{"node": node.node, **_sum(node.cost)} for node in each.nodes]} if nodes else {}
    return {"handle": each.handle, "name": each.name, "state": each.state, **_sum(each.cost), **members}


def _sum(cost: Sum) -> Row:
    import msgspec

    return msgspec.structs.asdict(cost)
