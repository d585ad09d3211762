"""Commands on the nodes of a cluster, and the logs of their processes, blocking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cloudclusters.api.session import session
from cloudclusters.api.targets import Target, handle_of
from cloudclusters.base.loop import core_loop
from cloudclusters.errors import InvalidContract
from cloudclusters.lifecycle import execute as verb
from cloudclusters.lifecycle import logs as reading
from cloudclusters.lifecycle.execute import Heard
from cloudclusters.lifecycle.logs import Piece

__all__ = ["Heard", "Piece", "execute", "logs"]


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
