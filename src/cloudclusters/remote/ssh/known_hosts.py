"""The host keys of one cluster, in a file of its own that plain `ssh` understands.

Keys are pinned under a node's alias, never under an address: addresses change when a machine is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cloudclusters.remote.ssh.keys import bare


class KnownHosts:
    """The pinned keys; the file is read again only when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, tuple[str, ...]] = {}
        self._stamp: tuple[int, int, int] | None = None

    def of(self, alias: str) -> tuple[str, ...]:
        """The keys that are trusted for this alias: algorithm and key, without comments."""
        self._refresh()
        return self._read.get(alias, ())

    def pin(self, alias: str, public: str) -> None:
        """Trust this key for the alias, and no other from now on; other aliases keep theirs."""
        with self._alone():
            self._write(lambda name: name != alias, [f"{alias} {bare(public)}"])

    def forget(self, alias: str) -> None:
        """Trust nothing under this alias any more."""
        with self._alone():
            self._write(lambda name: name != alias, [])

    def _refresh(self) -> None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._read, self._stamp = {}, None
            return
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if stamp != self._stamp:
            self._read, self._stamp = _parsed(self.path.read_text()), stamp

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Several processes may pin at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _write(self, keep: Callable[[str], bool], more: list[str]) -> None:
        old = self.path.read_text().splitlines() if self.path.exists() else []
        lines = [line for line in old if not line.strip() or keep(line.split()[0])] + more
        write_file(self.path, "".join(f"{line}\n" for line in lines))


def write_file(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _parsed(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and not line.startswith("#"):
            for alias in words[0].split(","):
                found[alias] = (*found.get(alias, ()), bare(" ".join(words[1:])))
    return found
