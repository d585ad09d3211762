"""limits: when a cluster lets go of its machines by itself, and other limits for it."""

from __future__ import annotations

import time

import click

from cloudclusters.cli import progress
from cloudclusters.cli.console import Command, json_option, say, show_facts, show_json, warn
from cloudclusters.cli.glance import complete_cluster, record_of
from cloudclusters.cli.limiting import limit_options, limits_row, named_limits, strikes, use

_FACTS = {"limits": "limits", "strikes": "strikes", "unused": "unused"}


@click.command(cls=Command)
@click.argument("cluster", shell_complete=complete_cluster)
@limit_options
@json_option
def limits(cluster: str, as_json: bool, **options: object) -> None:
    """When a cluster lets go of its machines by itself; with options, other limits for it, at once.

    Limits hold on the machines themselves, whether this computer is on or not. Those that are not named stay.

    \b
    cloudclusters limits training
    cloudclusters limits training --idle-timeout 2h --max-cost off
    """
    from cloudclusters.api import verbs
    from cloudclusters.contract.limits import limits_text

    record = record_of(cluster)
    changes = named_limits(options)
    if record.state == "terminated" and not (changes or as_json):
        say(f"{record.name or record.handle} is terminated: it has nothing to let go of")
        return
    with progress.shown("changing limits" if changes else "asking for limits"):
        outlook = verbs.limits(record.handle, **changes)
    if outlook.unheard or outlook.untold:
        warn(outlook.unheard or outlook.untold)
    if as_json:
        show_json({"handle": record.handle, "name": record.name, **limits_row(outlook)})
        return
    row = {
        "limits": limits_text(outlook.limits, None),
        "strikes": strikes(outlook, time.time()),
        "unused": use(outlook),
    }
    show_facts(row, {key: title for key, title in _FACTS.items() if row[key]}, as_json=False)
