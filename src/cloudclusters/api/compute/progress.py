"""How far a computation is: events for whoever listens, and a bar for a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Progress = Callable[[int, int | None], None]
"""Called with the items done and the items in all (None while the input's length is unknown)."""
NOTICE = 0.3
"""Seconds before a bar appears: what is quicker needs none."""


@contextlib.contextmanager
def shown(progress: Progress | bool | None, title: str) -> Iterator[Progress]:
    """The listener that `progress` means.

    A callable is itself. None is a bar on a terminal or in a notebook, and silence elsewhere; True adds one
    plain line at the end elsewhere; False is silence.
    """
    if callable(progress):
        yield progress
    elif progress is not False and _is_live():
        bar = _Bar(title)
        try:
            yield bar.show
        finally:
            bar.close()
    elif progress:
        line = _Line(title)
        try:
            yield line.show
        finally:
            line.close()
    else:
        yield _silence


def _silence(done: int, total: int | None) -> None:
    """Show nothing."""


def _is_live() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class _Line:
    """One plain line at the end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._begun = time.monotonic()
        self._done, self._total = 0, None

    _total: int | None

    def show(self, done: int, total: int | None) -> None:
        self._done, self._total = done, total

    def close(self) -> None:
        of = f" of {self._total}" if self._total not in (None, self._done) else ""
        sys.stderr.write(f"{self._title}: {self._done}{of} items in {time.monotonic() - self._begun:.1f} s\n")


class _Bar:
    """A live bar on stderr; what is printed meanwhile scrolls above it."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._begun = time.monotonic()
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._bars.add_task(title, total=None)
        self._live = False

    def show(self, done: int, total: int | None) -> None:
        self._bars.update(self._task, completed=done, total=total)
        if not self._live and time.monotonic() - self._begun > NOTICE:
            self._live = True
            self._bars.start()

    def close(self) -> None:
        if self._live:
            self._bars.stop()
