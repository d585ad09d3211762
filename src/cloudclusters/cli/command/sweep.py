"""sweep: find what nobody claims, and let go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cloudclusters.base.table import counted
from cloudclusters.cli import progress
from cloudclusters.cli.console import Command, Row, agreed, json_option, say, show_rows, yes_option
from cloudclusters.cli.glance import records

if TYPE_CHECKING:
    from cloudclusters.lifecycle.sweep import Finding

_COLUMNS = {
    "handle": "cluster",
    "name": "name",
    "provider": "provider",
    "region": "region",
    "machines": "machines",
    "instance_type": "instance type",
    "launched_at": "launched",
    "daily_usd": "USD/day",
    "owner": "owner",
    "claim": "stays because",
}


@click.command(cls=Command)
@click.option("--all", "everyone", is_flag=True, help="What others made, too, and what has an unreadable record.")
@yes_option
@json_option
def sweep(everyone: bool, yes: bool, as_json: bool) -> None:
    """List what is ours at the providers, and delete what nobody claims; asks first.

    Claimed is a cluster of yours here, one that a program looks after elsewhere, and one whose machines let go of
    themselves. Finishes what dead programs left half-way. What other owners made is listed with its cost, and deleted
    only with --all; so is what a program of yours elsewhere claims, or has a damaged record.
    """
    from cloudclusters.api import verbs

    records()  # finishes what was left half-way, as every command that looks does
    found = verbs.sweep(everyone=everyone)
    unclaimed = [finding for finding in found if not finding.claim]
    if not unclaimed:
        _show(found, as_json=as_json)
        say(_claimed(found))
        return
    if not yes:
        _show(found, as_json=as_json)
        machines = sum(finding.machines for finding in unclaimed)
        what = f"{counted(machines, 'machine')} of {counted(len(unclaimed), 'cluster')}"
        if not agreed(f"Delete {what} that nobody claims?", yes=False):
            say("nothing was deleted")
            return
    with progress.shown("sweeping"):
        swept = verbs.sweep(everyone=everyone, delete=True)
    if yes:
        _show(swept, as_json=as_json)
    left = [finding for finding in swept if not finding.claim and not finding.swept]
    say(f"deleted: {sum(finding.swept for finding in swept)}; left behind: {len(left) or 'nothing'}")


def _claimed(found: list[Finding]) -> str:
    """What is left when everything is claimed."""
    machines = sum(finding.machines for finding in found)
    return (
        f"nobody's: nothing; {counted(machines, 'machine')} claimed, as shown" if machines else "left behind: nothing"
    )


def _show(found: list[Finding], *, as_json: bool) -> None:
    show_rows([_row(each) for each in found], _COLUMNS, as_json=as_json, empty="nothing of ours is at the providers")


def _row(finding: Finding) -> Row:
    holding = finding.holding
    return {
        "handle": holding.cluster,
        "name": holding.name,
        "provider": holding.provider,
        "region": holding.place.region,
        "machines": finding.machines,
        "instance_type": ", ".join(finding.instance_types),
        "launched_at": finding.launched_at or None,
        "daily_usd": finding.daily_usd,
        "owner": holding.owner,
        "claim": finding.claim or ("deleted" if finding.swept else "nobody claims it"),
        "swept": finding.swept,
    }
