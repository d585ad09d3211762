"""exec and logs: commands on the nodes, and what the processes there wrote."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import Command, say
from cloudclusters.cli.glance import complete_cluster, record_of

if TYPE_CHECKING:
    from cloudclusters.api.on_nodes import Piece

a_place = click.argument("place", metavar="CLUSTER[/NODE]", shell_complete=complete_cluster)


@click.command(cls=Command, name="exec", context_settings={"ignore_unknown_options": False})
@a_place
@click.argument("argv", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
def execute(place: str, argv: Sequence[str]) -> int:
    """Run a command on every node of a cluster at once, or on one node.

    Lines of several nodes are told apart by a prefix. The exit code is the command's; of several nodes the highest.
    Commands find CLOUDCLUSTERS_NODE, RANK, WORLD_SIZE and MASTER_ADDR in their environment.

    Example: cloudclusters exec training -- nvidia-smi -L
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    record = record_of(cluster)
    out = Lines(prefixed=not node and len(record.nodes) > 1)
    codes = on_nodes.execute(record.handle, list(argv), nodes=[node] if node else [], heard=out.take)
    out.end()
    if len(set(codes.values())) > 1:
        counts = Counter(codes.values())
        said = ", ".join(f"{count} nodes ended with {code}" for code, count in sorted(counts.items()))
        say(f"exit codes differ: {said}")
    return max((code if code >= 0 else 128 - code for code in codes.values()), default=0)


@click.command(cls=Command)
@a_place
@click.option("-f", "--follow", is_flag=True, help="Go on as the logs grow, until Ctrl-C.")
@click.option("--tail", type=click.IntRange(min=0), default=100, metavar="N", help="The last N lines of each (100).")
@click.option("--all", "everything", is_flag=True, help="All lines.")
def logs(place: str, follow: bool, tail: int, everything: bool) -> None:
    """What the processes of a cluster, or of one node, wrote; each line names node and process.

    The logs of a terminated cluster are kept on this machine.
    """
    from cloudclusters.api import on_nodes

    cluster, node = split_place(place)
    record = record_of(cluster)
    lines = Lines(prefixed=True)

    def heard(piece: Piece) -> None:
        lines.take(f"{piece.node}/{piece.process}", 1, piece.text)

    on_nodes.logs(record.handle, node=node, tail=None if everything else tail, follow=follow, heard=heard)
    lines.end()
    if not lines.count:
        say(f"no logs of {place}")


def split_place(place: str) -> tuple[str, str]:
    """Cluster and node of `CLUSTER/NODE`; the node is empty where none is named."""
    cluster, _, node = place.partition("/")
    return cluster, node


class Lines:
    """Text from several sources, printed in whole lines, so that no two of them mix in one."""

    def __init__(self, *, prefixed: bool) -> None:
        self.count = 0
        self._prefixed = prefixed
        self._rest: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()

    def take(self, source: str, fd: int, text: str) -> None:
        """Print what of `text` ends a line; keep the rest until its line ends. Called in any thread."""
        with self._lock:
            if not self._prefixed:
                self._write(fd, text)
                return
            *whole, rest = (self._rest.get((source, fd), "") + text).split("\n")
            self._rest[source, fd] = rest
            for line in whole:
                self._write(fd, f"{source}: {line}\n")

    def end(self) -> None:
        """Print what is left without an end of line."""
        with self._lock:
            for (source, fd), rest in self._rest.items():
                if rest:
                    self._write(fd, f"{source}: {rest}\n")
            self._rest.clear()

    def _write(self, fd: int, text: str) -> None:
        self.count += 1
        stream = sys.stderr if fd == 2 else sys.stdout
        stream.write(text)
        stream.flush()
