"""The host keys of one cluster, in a file of its own that plain `ssh` understands.

Keys are pinned under a node's alias, never under an address: addresses change when a machine is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from cloudclusters.remote.ssh.keys import bare


class KnownHosts:
    """The pinned keys; the file is read again only when somebody else has changed it.

    It is used on the loop: to pin another node's first key is one short line more, however many there are.
    """

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
        line = f"{alias} {bare(public)}"
        with self._alone():
            if self.of(alias):
                self._write({alias}, [line])
                return
            self._append(line)
            self._read[alias], self._stamp = (bare(public),), _stamp(self.path)

    def forget(self, *aliases: str) -> None:
        """Trust nothing under these aliases any more."""
        with self._alone():
            self._write(set(aliases), [])

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self.path)
        except FileNotFoundError:
            self._read, self._stamp = {}, None
            return
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

    def _append(self, line: str) -> None:
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            whole = file.read(1) in (b"", b"\n")  # a full disk may have cut the last line off
            file.write(f"{'' if whole else chr(10)}{line}\n".encode())

    def _write(self, without: Collection[str], more: list[str]) -> None:
        old = self.path.read_text().splitlines() if self.path.exists() else []
        lines = [line for line in old if not line.strip() or line.split()[0] not in without] + more
        write_file(self.path, "".join(f"{line}\n" for line in lines))


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


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
