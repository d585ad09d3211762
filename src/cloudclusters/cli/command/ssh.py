"""ssh and ssh-config: a shell on a node, and names for plain `ssh` and `scp`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from cloudclusters.cli.command.nodes import a_place, split_place
from cloudclusters.cli.console import Command, say, show
from cloudclusters.cli.glance import complete_cluster, record_of


@click.command(cls=Command, context_settings={"ignore_unknown_options": False})
@a_place
@click.argument("argv", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
def ssh(place: str, argv: Sequence[str]) -> None:
    """Open a shell on a node, the first one when none is named, or run a command line there as `ssh` does.

    The system's `ssh` takes our place, with the cluster's keys. A node on this machine gets your own shell, in its
    directory and with its variables.

    Example: cloudclusters ssh training/node1
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    record = record_of(cluster)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    found = on_nodes.shell(record.handle, node, argv, terminal=terminal)
    if found.cwd:
        os.chdir(found.cwd)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(found.argv[0], found.argv, {**os.environ, **found.env})


@click.command(cls=Command, name="ssh-config")
@click.argument("cluster", required=False, shell_complete=complete_cluster)
@click.option("--install", is_flag=True, help="Let ~/.ssh/config include the names of all clusters.")
@click.option("--uninstall", is_flag=True, help="Take that line away again.")
def ssh_config(cluster: str | None, install: bool, uninstall: bool) -> None:
    """Print the configuration by which plain `ssh` and `scp` find the nodes of a cluster.

    With --install one line at the top of ~/.ssh/config includes those of all your clusters, now and later:
    then `ssh NAME-node0` and `scp file NAME-node0:` work, with the cluster's name or its handle.

    Example: cloudclusters ssh-config training > ssh_config; scp -F ssh_config data.csv training-node0:
    """
    from cloudclusters.api import on_nodes

    if install and uninstall:
        raise click.UsageError("--install and --uninstall exclude each other")
    if not (cluster or install or uninstall):
        raise click.UsageError("name a cluster, or add --install for all of them")
    if install or uninstall:
        config, line, changed = on_nodes.include_configs(remove=uninstall)
        if uninstall:
            say(f"removed from {config}: {line}" if changed else f"{config} has no such line: {line}")
        else:
            say(f"added at the top of {config}: {line}" if changed else f"{config} has it already: {line}")
    if cluster:
        show(on_nodes.ssh_config(record_of(cluster).handle).rstrip("\n"))
