"""replace, simulate-interruption: what becomes of single nodes."""

from __future__ import annotations

import time

import click

from cloudclusters.cli import progress
from cloudclusters.cli.beside import beside
from cloudclusters.cli.console import Command, agreed, json_option, say, show_json, usd, yes_option
from cloudclusters.cli.duration import seconds
from cloudclusters.cli.glance import complete_cluster, record_of
from cloudclusters.errors import InvalidContract
from cloudclusters.store.record import ClusterRecord, NodeRecord

one_node = click.argument("place", metavar="CLUSTER/NODE", shell_complete=complete_cluster)


@click.command(cls=Command)
@one_node
@click.option("--buy/--no-buy", default=True, help="Buy another machine in its place, or go on without it.")
@yes_option
@json_option
def replace(place: str, buy: bool, yes: bool, as_json: bool) -> None:
    """Buy another machine in the place of a node's, and delete the old one with its disk.

    For a node that is lost or hangs. When the scheduler was on it, all processes are started anew, elsewhere. On a
    terminal you are asked first, unless -y is given.
    """
    from cloudclusters.api.dying import replace as verb

    record, node = _found(place, last=buy)
    if not agreed(_question(record, node, buy=buy), yes=yes, must=False):
        say("nothing was changed")
        return
    with progress.shown(f"replacing {node.name}" if buy else f"letting go of {node.name}"):
        after = verb(record.handle, node.name, buy=buy).record
    _report(after, as_json=as_json)


@click.command("simulate-interruption", cls=Command)
@one_node
@click.option("--notice", callback=seconds, default="120s", show_default=True, metavar="TIME", help="How long before.")
@click.option("--kind", type=click.Choice(["interruption", "rebalance"]), default="interruption", show_default=True)
@yes_option
@json_option
def simulate_interruption(place: str, notice: float, kind: str, yes: bool, as_json: bool) -> None:
    """Give a node the notice that its machine is taken back, and then delete the machine as the cloud would.

    To see what your program does about it. With --kind rebalance nothing is deleted. On a terminal you are asked first,
    unless -y is given.
    """
    from cloudclusters.api.dying import simulate_interruption as verb

    record, node = _found(place)
    question = f"Lose {record.name or record.handle}/{node.name} in {notice:g} s, with its disk?"
    if kind == "interruption" and not agreed(question, yes=yes, must=False):
        say("nothing was changed")
        return
    with progress.shown(f"{kind} of {node.name}"):
        verb(record.handle, node.name, notice=notice, kind=kind)
        after = record_of(record.handle, refresh=True)
    _report(after, as_json=as_json)


def _found(place: str, *, last: bool = True) -> tuple[ClusterRecord, NodeRecord]:
    """The cluster and its node, which without `last` must not be the only one; before anybody is asked."""
    from cloudclusters.lifecycle.replacing import node_of

    cluster, _, node = place.partition("/")
    record = record_of(cluster)
    if not node:
        names = ", ".join(each.name for each in record.nodes)
        raise InvalidContract(f"{place!r} names no node", hint=f"write {cluster}/NODE; its nodes are {names}")
    return record, node_of(record, node, last=last)


def _question(record: ClusterRecord, node: NodeRecord, *, buy: bool) -> str:
    from cloudclusters.lifecycle.replacing import offer_instead

    title = f"{record.name or record.handle}/{node.name}"
    if not buy:
        return f"Delete {title} with its disk?"
    offer = offer_instead(record, node, time.time())
    price = "an unknown price" if offer.hourly_usd is None else f"${usd(offer.hourly_usd)}"
    market = " on demand, after many losses," if offer.market is not node.offer.market else ""
    return f"Buy another {offer.instance_type}{market} at about {price} per hour, and delete {title} with its disk?"


def _report(record: ClusterRecord, *, as_json: bool) -> None:
    if as_json:
        show_json({"handle": record.handle, "state": record.state.value, "nodes": [n.name for n in record.nodes]})
    say(f"{record.name or record.handle} is {record.state}: {', '.join(node.name for node in record.nodes)}")
    if said := beside(record):
        say(said)
