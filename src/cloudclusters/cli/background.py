"""A deploy that goes on after its command has returned: in a process of its own, which outlives the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.api.session import session
from cloudclusters.base.handle import new_handle
from cloudclusters.base.loop import Interrupted

if TYPE_CHECKING:
    from cloudclusters.base.event import Event

TELL = "--tell"
"""The hidden option of `deploy` that names the file descriptor on which the child tells its milestones."""


def start(arguments: Sequence[str], milestone: str) -> tuple[str, Path, int | None]:
    """Run `deploy ARGUMENTS` in another session, and wait until it tells `milestone` or ends.

    Returns the cluster's handle (empty when it was not even recorded), the file with what it says, and its exit code
    if it has ended. Ctrl-C here ends it, with its clean-up.
    """
    log = _log()
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "cloudclusters", "deploy", *arguments, TELL, str(writing)]
    with log.open("wb") as said:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[writing], start_new_session=True
        )
    os.close(writing)
    handle = ""
    try:
        with os.fdopen(reading, encoding="utf-8") as told:
            for line in told:
                reached, handle = line.split()
                if reached == milestone:
                    return handle, log, None
        return handle, log, child.wait()
    except KeyboardInterrupt as exc:
        child.send_signal(exc.signal_number if isinstance(exc, Interrupted) else signal.SIGINT)
        child.wait()
        raise


class Teller:
    """In the child: tells `recorded` and `first` with the cluster's handle, as a listener of events."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd
        self._told = False

    def __call__(self, event: Event) -> None:
        """Tell what an event means for who waits."""
        if not self._told:
            self._told = True
            self._tell("recorded", event.cluster)
        if event.phase == "ready" and event.node and self._is_first(event):
            self._tell("first", event.cluster)

    def _is_first(self, event: Event) -> bool:
        return event.node == session().store.record(event.cluster).nodes[0].name

    def _tell(self, milestone: str, handle: str) -> None:
        if self._fd is None:
            return
        try:
            os.write(self._fd, f"{milestone} {handle}\n".encode())
        except BrokenPipeError:
            self._fd = None  # who waited has what it wanted


def _log() -> Path:
    folder = session().home / "logs" / "deploys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{new_handle()}.log"
    path.touch(mode=0o600)
    return path
