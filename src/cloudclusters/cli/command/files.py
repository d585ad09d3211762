"""put, get and sync: files to the nodes of a cluster and back."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.command.nodes import a_place, split_place
from cloudclusters.cli.console import Command, json_option, say, show_json, size
from cloudclusters.cli.glance import record_of
from cloudclusters.cli.transfers import shown

if TYPE_CHECKING:
    from cloudclusters.api.on_nodes import Copied, Told

a_local = click.Path(path_type=Path)


@click.command(cls=Command)
@a_place
@click.argument("local", type=a_local)
@click.argument("remote", default="")
@json_option
def put(place: str, local: Path, remote: str, as_json: bool) -> None:
    """Send a file, or what is in a folder, to every node of a cluster at once, or to one node.

    It goes to the path REMOTE, or keeps its name. A file goes into REMOTE when that is a folder or ends with a slash.
    What is not absolute lies where `exec` starts commands; ~/x in the login directory. Of a folder travels what git and
    .ccignore let through; nothing is deleted.

    Example: cloudclusters put training data.csv
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    nodes = [node] if node else None
    handle = record_of(cluster).handle
    _carry(f"Sending {local}", lambda told: on_nodes.put(handle, local, remote, nodes=nodes, told=told), as_json)


@click.command(cls=Command)
@a_place
@click.argument("remote")
@click.argument("local", type=a_local, default=None, required=False)
@json_option
def get(place: str, remote: str, local: Path | None, as_json: bool) -> None:
    """Fetch a file, or what is in a folder, from one node to LOCAL, or from every node into LOCAL/NODE/.

    Without LOCAL it keeps its name and comes here: from one node as ./NAME, from several as ./NODE/NAME.

    Example: cloudclusters get training/node0 results
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    nodes = [node] if node else None
    record = record_of(cluster)
    if local is None:
        name = posixpath.basename(posixpath.normpath(remote))
        local = Path(name if (node or len(record.nodes) == 1) and name not in ("..", "~") else ".")
    to = local
    _carry(f"Fetching {remote}", lambda told: on_nodes.get(record.handle, remote, to, nodes=nodes, told=told), as_json)


@click.command(cls=Command)
@a_place
@click.argument("folder", type=a_local)
@click.argument("remote", default="")
@click.option("--delete", is_flag=True, help="Delete there what an earlier sync brought and is no longer here.")
@json_option
def sync(place: str, folder: Path, remote: str, delete: bool, as_json: bool) -> None:
    """Make a folder of every node, or of one node, have what FOLDER has, by sending only what differs in content.

    Without REMOTE that is where `exec` starts commands. Results that programs wrote there stay.

    Example: cloudclusters sync training . && cloudclusters exec training -- python3 train.py
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    nodes = [node] if node else None
    handle = record_of(cluster).handle
    _carry(
        f"Syncing {folder}",
        lambda told: on_nodes.sync(handle, folder, remote, delete=delete, nodes=nodes, told=told),
        as_json,
    )


def _carry(title: str, work: Callable[[Told], Mapping[str, Copied]], as_json: bool) -> None:
    """Do it with its progress on stderr, and tell what was done, also when some nodes failed."""
    from cloudclusters.api.on_nodes import NotEverywhere

    try:
        with shown(title) as told:
            done = work(told)
    except NotEverywhere as exc:
        _tell(exc.done, {node: failure.message for node, failure in exc.failures.items()}, as_json)
        raise
    _tell(done, {}, as_json)


def _tell(done: Mapping[str, Copied], failures: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        import msgspec

        rows = [{**msgspec.structs.asdict(copied), "error": ""} for copied in done.values()]
        show_json(rows + [{"node": node, "files": 0, "bytes": 0, "error": said} for node, said in failures.items()])
        return
    for node, copied in done.items():
        more = [f"{copied.unchanged} unchanged"] * bool(copied.unchanged)
        more += [f"{copied.deleted} deleted"] * bool(copied.deleted)
        say(", ".join([f"{node}: {_count(copied.files)}", size(copied.bytes), *more]))


def _count(files: int) -> str:
    return f"{files} file{'s' * (files != 1)}"
