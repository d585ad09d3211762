"""Progress of files that travel: bytes and files of each node, live on a terminal, else a line at the begin."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import size, span
from cloudclusters.cli.frame import loudness
from cloudclusters.cli.progress import MOST_ROWS

if TYPE_CHECKING:
    from rich.table import Table

    from cloudclusters.api.on_nodes import Progress, Told


class Transfers:
    """How far the files of each node are."""

    def __init__(self) -> None:
        self.nodes: dict[str, Progress] = {}
        self.since = time.monotonic()
        self._lock = threading.Lock()

    def take(self, node: str, progress: Progress) -> None:
        """Note it; called in another thread."""
        with self._lock:
            self.nodes[node] = progress

    def rows(self) -> list[tuple[str, str, str]]:
        """Node, files and bytes; one row for all where there are many."""
        with self._lock:
            found = dict(self.nodes)
        if len(found) <= MOST_ROWS:
            return [
                (node, *_far(each.files, each.all_files, each.bytes, each.all_bytes)) for node, each in found.items()
            ]
        sums = [
            sum(numbers)
            for numbers in zip(*((e.files, e.all_files, e.bytes, e.all_bytes) for e in found.values()), strict=True)
        ]
        return [(f"{len(found)} nodes", *_far(*sums))]


def _far(files: int, all_files: int, sent: int, all_bytes: int) -> tuple[str, str]:
    if not all_files:  # nobody knows how many
        return f"{files} files", size(sent)
    share = 100 if not all_bytes else 100 * sent // all_bytes
    return f"{files}/{all_files} files", f"{size(sent)} of {size(all_bytes)} ({share} %)"


@contextlib.contextmanager
def shown(title: str) -> Iterator[Told]:
    """While the body runs, show what the callable is told; nothing with `-q`, one line without a terminal."""
    transfers = Transfers()
    if loudness().quiet:
        yield transfers.take
    elif not sys.stderr.isatty():
        click.echo(title, err=True)
        yield transfers.take
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(
            get_renderable=lambda: _picture(title, transfers),
            console=Console(stderr=True),
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield transfers.take
        click.echo(f"{title} {span(time.monotonic() - transfers.since)}", err=True)


def _picture(title: str, transfers: Transfers) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_row(title, span(time.monotonic() - transfers.since), style="bold")
    for node, files, sent in transfers.rows():
        grid.add_row(f"  {node}", files, sent)
    return grid
