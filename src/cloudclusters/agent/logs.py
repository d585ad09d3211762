"""The folder of logs: one file for each life of each process, `NAME.LIFE.log`; neither many nor long ones."""

from __future__ import annotations

import os

from .files import remove
from .system import complain
from .wire import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import Message

LOGS_KEPT = 8
"""Logs kept of each process: its latest lives."""
LOG_LIMIT = 64 << 20
"""Bytes of a log beyond which its first half is thrown away."""


class Logs:
    """The logs of one node."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, 0o700, exist_ok=True)

    def path(self, name: str, life: str) -> str:
        """Where the log of a life is, if there is one."""
        return os.path.join(self.folder, f"{name}.{life}.log")

    def open(self, name: str, life: str) -> int:
        """Open a log for appending, and throw away those of long past lives."""
        os.makedirs(self.folder, 0o700, exist_ok=True)
        old = [file for file in self.files() if file["name"] == name]
        for file in old[: max(0, len(old) - LOGS_KEPT + 1)]:
            remove(self.path(name, str(file["life"])))
        return os.open(self.path(name, life), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def files(self) -> list[Message]:
        """Every log, the oldest first."""
        found = []
        for entry in list(os.scandir(self.folder)):
            name, _, life = entry.name[: -len(".log")].partition(".")
            if entry.name.endswith(".log") and life:
                try:
                    facts = entry.stat()
                except FileNotFoundError:  # deleted meanwhile
                    continue
                found.append((facts.st_mtime, name, life, facts.st_size))
        return [{"name": n, "life": i, "bytes": size, "modified": at} for at, n, i, size in sorted(found)]

    def latest(self, name: str) -> str:
        """The life whose log was written last, or nothing."""
        return next((str(file["life"]) for file in reversed(self.files()) if file["name"] == name), "")

    def note(self, name: str, life: str, text: str) -> None:
        """Write a line of our own into a log."""
        try:
            with open(self.path(name, life), "a") as file:
                file.write(f"[agent] {text}\n")
        except OSError as exc:
            complain(f"no line in the log of {name}: {exc}")

    def shorten(self, name: str, life: str) -> None:
        """Throw away the first half of a log that is too long; its writer appends and does not notice."""
        try:
            with open(self.path(name, life), "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                if size > LOG_LIMIT:
                    file.seek(size - LOG_LIMIT // 2)
                    kept = file.read().partition(b"\n")[2]
                    file.truncate(0)
                    file.seek(0)
                    file.write(b"[agent] the log was too long: its beginning is thrown away\n" + kept)
        except OSError as exc:
            complain(f"the log of {name} cannot be shortened: {exc}")


def tail_offset(fd: int, lines: int | None) -> int:
    """Where the last so many lines of a file begin."""
    if lines is None:
        return 0
    position = os.fstat(fd).st_size
    if lines == 0:
        return position
    missing = lines + 1  # the newline before the first of them, too
    while position > 0:
        block = min(CHUNK, position)
        position -= block
        data = os.pread(fd, block, position)
        if missing == lines + 1 and not data.endswith(b"\n"):
            missing -= 1  # an unfinished last line is a line
        for index in range(len(data) - 1, -1, -1):
            if data[index] == 10:
                missing -= 1
                if missing <= 0:
                    return position + index + 1
    return 0
