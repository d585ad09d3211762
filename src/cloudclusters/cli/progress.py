"""Progress of a verb: the phase of each node, live on a terminal, else a plain line per phase, on stderr."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cloudclusters.api.session import ALARMS, session
from cloudclusters.base.event import Event
from cloudclusters.cli.console import span
from cloudclusters.cli.frame import loudness

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 16
"""More nodes than this are counted by phase instead of listed."""


class Phases:
    """What is known of a verb under way: the last phase of each node, and what was said of the cluster."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], str] = {}
        self.cluster = ""
        self.since = time.monotonic()
        self._lock = threading.Lock()

    def take(self, event: Event) -> str:
        """Note an event; returns the line to print for it, empty when it says nothing new."""
        with self._lock:
            if event.node:
                if self.nodes.get((event.cluster, event.node)) == event.phase:
                    return ""
                self.nodes[event.cluster, event.node] = event.phase
            said = f"{event.phase}: {event.text}" if event.text else event.phase
            if not event.node:
                self.cluster = said
            return f"{event.cluster}{'/' + event.node if event.node else ''} {said}"

    def rows(self) -> list[tuple[str, str]]:
        """Node and phase; or phase and count, where there are many."""
        with self._lock:
            if len(self.nodes) > MOST_ROWS:
                return [(phase, f"{count} nodes") for phase, count in Counter(self.nodes.values()).items()]
            return [(node, phase) for (_, node), phase in self.nodes.items()]


@contextlib.contextmanager
def shown(title: str) -> Iterator[None]:
    """While the body runs, show what happens to clusters; nothing with `-q`, and with `-v` the log says it."""
    level = loudness()
    if level.quiet or level.verbose:
        yield
        return
    live = sys.stderr.isatty()
    with _live(title) if live else _lines(title):
        yield


@contextlib.contextmanager
def _lines(title: str) -> Iterator[None]:
    """A plain line per phase."""
    phases = Phases()

    def listen(event: Event) -> None:
        line = phases.take(event)
        if line:
            click.echo(line, err=True)

    click.echo(title, err=True)
    with _listening(listen):
        yield


@contextlib.contextmanager
def _live(title: str) -> Iterator[None]:
    """One table that changes in place, and is gone at the end; alarms stay."""
    from rich.console import Console
    from rich.live import Live

    phases, alarms = Phases(), list[str]()

    def listen(event: Event) -> None:
        line = phases.take(event)
        if line and event.phase in ALARMS:
            alarms.append(line)

    live = Live(
        get_renderable=lambda: _picture(title, phases),
        console=Console(stderr=True),
        refresh_per_second=8,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    try:
        with live, _listening(listen):
            yield
    finally:
        for line in alarms:  # what was said of them meanwhile is under the table, which wipes its lines
            click.echo(line, err=True)
    click.echo(f"{title} {span(time.monotonic() - phases.since)}", err=True)


def _picture(title: str, phases: Phases) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_row(title, phases.cluster, span(time.monotonic() - phases.since), style="bold")
    for left, right in phases.rows():
        grid.add_row(f"  {left}", right)
    return grid


@contextlib.contextmanager
def _listening(listen: object) -> Iterator[None]:
    listeners = session().listeners
    assert callable(listen)
    listeners.append(listen)
    try:
        yield
    finally:
        if listen in listeners:  # one that failed has been dropped
            listeners.remove(listen)
