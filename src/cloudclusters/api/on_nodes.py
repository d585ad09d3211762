"""Commands, files and shells on the nodes of a cluster, and the logs of their processes, blocking."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cloudclusters.api.session import session
from cloudclusters.api.targets import Target, handle_of
from cloudclusters.base.loop import core_loop
from cloudclusters.errors import InvalidContract
from cloudclusters.lifecycle import execute as verb
from cloudclusters.lifecycle import files, shells
from cloudclusters.lifecycle import logs as reading
from cloudclusters.lifecycle.execute import Heard
from cloudclusters.lifecycle.files import Copied, NotEverywhere, Told
from cloudclusters.lifecycle.logs import Piece
from cloudclusters.lifecycle.shells import Shell
from cloudclusters.remote.ssh.include import exclude, include, include_line
from cloudclusters.remote.ssh.pack import Progress

__all__ = [
    "Copied",
    "Heard",
    "NotEverywhere",
    "Piece",
    "Progress",
    "Shell",
    "Told",
    "execute",
    "get",
    "include_configs",
    "logs",
    "put",
    "shell",
    "ssh_config",
    "sync",
]

Local = str | os.PathLike[str]
"""A path on this machine."""
Nodes = Sequence[str] | None
"""Names of nodes; None is all of them."""


def execute(
    cluster: Target,
    argv: Sequence[str],
    *,
    nodes: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    heard: Heard,
) -> dict[str, int]:
    """Run a command on all nodes of a cluster, or on those named; returns its exit code by node.

    `heard` is told node, file descriptor (1 or 2) and text as it comes, in another thread. Waits for the end of
    all; when interrupted the commands are killed. Raises `IllegalState`, `NodeError`, `UnknownName`.
    """
    if not argv:
        raise InvalidContract("a command is wanted", hint='give it as a list: ["hostname"]')
    of = session()
    return core_loop().run(verb.execute(of.context, handle_of(cluster, of), argv, nodes=nodes, env=env, heard=heard))


def logs(
    cluster: Target, *, node: str = "", tail: int | None = 100, follow: bool = False, heard: Callable[[Piece], None]
) -> None:
    """Tell `heard` what the processes of a cluster, or of one node, wrote: the last `tail` lines of each.

    Of a cluster whose machines are gone, the logs that were kept. With `follow` goes on until interrupted.
    Raises `NodeError`, `UnknownName`.
    """
    of = session()
    record = of.store.record(handle_of(cluster, of))

    async def read() -> None:
        async for piece in reading.read(of.context, record, node=node, tail=tail, follow=follow):
            heard(piece)

    core_loop().run(read())


def put(
    cluster: Target, local: Local, remote: str = "", *, nodes: Nodes = None, told: Told | None = None
) -> dict[str, Copied]:
    """Send a file, or what is in a folder, to all nodes of a cluster at once, or to these; returns what, by node.

    It goes to exactly the path `remote`, or keeps its name; a file goes into a folder that is there or ends with `/`.
    What is not absolute lies where commands start (`exec`), `~/x` in the login directory. What is there is overwritten,
    not deleted; of a folder travels what git and `.ccignore` let through. Waits for all nodes, also when one fails. May
    be repeated. When interrupted, a single file is there as before; of a folder one file may stay cut off.

    `told` hears node and progress, in another thread. Raises `UnknownName` for a node or a path here that does not
    exist, `IllegalState`, `NodeError`, and where several nodes are meant `NotEverywhere`, which tells every failure.
    """
    of = session()
    work = files.put(of.context, handle_of(cluster, of), here(local), remote, nodes=names(nodes), told=told or unheard)
    return core_loop().run(work)


def get(
    cluster: Target, remote: str, local: Local, *, nodes: Nodes = None, told: Told | None = None
) -> dict[str, Copied]:
    """Fetch a file, or what is in a folder, from one node to `local`, or from several into `local/NODE/`.

    Paths on the nodes as for `put`; from several nodes it keeps its name, below the node's. Every file comes whole or
    not at all, and nothing is written outside `local`. Waits for all nodes; may be repeated. Returns, raises as `put`.
    """
    of = session()
    work = files.get(of.context, handle_of(cluster, of), remote, here(local), nodes=names(nodes), told=told or unheard)
    return core_loop().run(work)


def sync(
    cluster: Target,
    folder: Local,
    remote: str = "",
    *,
    delete: bool = False,
    nodes: Nodes = None,
    told: Told | None = None,
) -> dict[str, Copied]:
    """Make a folder of the nodes, by default where commands start, have what this folder has.

    Only what differs in content is sent. With `delete`, what an earlier `sync` brought and is no longer here is deleted
    there; results that programs wrote there stay. Else as `put`.
    """
    of = session()
    work = files.sync(
        of.context,
        handle_of(cluster, of),
        here(folder),
        remote,
        delete=delete,
        nodes=names(nodes),
        told=told or unheard,
    )
    return core_loop().run(work)


def here(path: Local) -> Path:
    """A path on this machine, with `~`."""
    return Path(path).expanduser()


def names(nodes: Nodes) -> Sequence[str]:
    """Names of nodes; a single one may be given as it is, and none is all."""
    return [nodes] if isinstance(nodes, str) else list(nodes or ())


def unheard(_node: str, _progress: Progress) -> None:
    """Nobody listens."""


def shell(cluster: Target, node: str = "", command: Sequence[str] = (), *, terminal: bool = True) -> Shell:
    """The program that is a shell on a node (the first one, when none is named), to be run in our place.

    Over SSH that is the system's `ssh`, on this machine the user's shell. With `command` it runs that line instead;
    `terminal` says whether somebody sits there. A machine that does not answer is looked at first, which makes provider
    calls. Raises `IllegalState`, `MissingExtra` where `ssh` is not installed, `NodeUnreachable`, `UnknownName`.
    """
    of = session()
    return core_loop().run(shells.shell(of.context, handle_of(cluster, of), node, command, terminal=terminal))


def ssh_config(cluster: Target) -> str:
    """The configuration by which plain `ssh` and `scp` find the nodes of a cluster; also written to its key folder.

    Raises `IllegalState`, and `NotSupported` for nodes that are not reached by SSH.
    """
    of = session()
    return core_loop().run(shells.ssh_config(of.context, handle_of(cluster, of))).read_text()


def include_configs(*, remove: bool = False) -> tuple[Path, str, bool]:
    """Put one line into the user's `~/.ssh/config` that includes the configurations of all clusters, or take it away.

    May be repeated. Returns that file, the line, and whether anything was changed. Raises `InvalidSetting`.
    """
    of = session()
    config, line = Path("~/.ssh/config").expanduser(), include_line(shells.write_all_configs(of.context))
    return config, line, exclude(config, line) if remove else include(config, line)
