"""A tree as one stream of bytes, and back: tar, made and read piece by piece."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cloudclusters.remote.ssh.ignore import Entry

PIECE = 256 << 10
"""Bytes that are sent at once."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is; what there is in all is 0 where it is not known."""

    files: int = 0
    bytes: int = 0
    all_files: int = 0
    all_bytes: int = 0


Told = Callable[[Progress], None]


def packed(top: Path, entries: Sequence[Entry], told: Told) -> Iterator[bytes]:
    """The entries as a tar file, in pieces. A file that changes meanwhile is cut or filled to the size that it had."""
    below, block = os.path.join(top, ""), tarfile.BLOCKSIZE  # noqa: PTH118  thousands of files
    total, sent = sum(entry.size for entry in entries), 0
    piece = bytearray()
    for files, entry in enumerate(entries):
        piece += _header(entry)
        if entry.size:
            for data in _content(below + entry.path, entry.size):
                piece += data
                sent += len(data)
                if len(piece) >= PIECE:
                    yield bytes(piece)
                    piece.clear()
                    told(Progress(files, sent, len(entries), total))
            piece += bytes(-entry.size % block)
    yield bytes(piece) + bytes(2 * block)
    told(Progress(len(entries), sent, len(entries), total))


_PLAIN = b"%b%07o\0" + 2 * b"0000000\0" + b"%011o\0%011o\0"
"""Name, mode, nobody's numbers, size, date: what differs in the headers of most files."""
_REST = (b"0" + bytes(100) + b"ustar  \0").ljust(tarfile.BLOCKSIZE - len(_PLAIN % (bytes(100), 0, 0, 0)) - 8, b"\0")
"""A regular file, no link, GNU's manner, and nothing more."""
_SUM = sum(_REST) + 8 * ord(" ")


def _header(entry: Entry) -> bytes:
    """As `tarfile` makes it; that of a plain file, of which there are thousands, by hand."""
    name = os.fsencode(entry.path)
    if not stat.S_ISREG(entry.mode) or len(name) >= 100 or entry.size >> 33 or entry.modified >> 33:
        return _any_header(entry)
    start = _PLAIN % (name.ljust(100, b"\0"), stat.S_IMODE(entry.mode), entry.size, entry.modified)
    return b"%b%06o\0 %b" % (start, sum(start) + _SUM, _REST)


def _any_header(entry: Entry) -> bytes:
    item = tarfile.TarInfo(entry.path)
    item.mode, item.mtime, item.size = stat.S_IMODE(entry.mode), entry.modified, entry.size
    if entry.is_folder:
        item.type = tarfile.DIRTYPE
    elif entry.is_link:
        item.type, item.linkname = tarfile.SYMTYPE, entry.target
    return item.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _content(path: str, size: int) -> Iterator[bytes]:
    """Exactly as many bytes as were announced."""
    file = os.open(path, os.O_RDONLY)
    try:
        while size and (data := os.read(file, min(size, PIECE))):
            size -= len(data)
            yield data
    finally:
        os.close(file)
    while size:
        yield bytes(min(size, PIECE))
        size -= min(size, PIECE)


def unpack(stream: IO[bytes], place: Callable[[str], Path], told: Told) -> Progress:
    """Write what a tar stream holds; `place` says where a name goes.

    Nothing is written outside: names that lead out are refused, also those through a link, which may be one of an
    earlier stream; links are made when all files are there. Devices are left out. Raises `tarfile.TarError`, `OSError`.
    """
    links: list[tuple[Path, tarfile.TarInfo]] = []
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    done = Progress()
    looked: set[str] = set()
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=1) as archive:
        for item in archive:
            path = _placed(item.name, place, looked, is_folder=item.isdir())
            if item.isdir():
                path.mkdir(parents=True, exist_ok=True)
                folders.append((path, item))
            elif item.issym() or item.islnk():
                links.append((path, item))
            elif item.isreg():
                for count in _write(path, archive, item):
                    done = Progress(done.files, done.bytes + count)
                    told(done)
                done = Progress(done.files + 1, done.bytes)
    for path, item in links:
        _link(path, item, place)  # looks anew: the one before may be a link in its way
    for path, item in reversed(folders):
        path.chmod(item.mode & 0o777 | 0o700)
    done = Progress(done.files + len(links), done.bytes)
    told(done)
    return done


def _write(path: Path, archive: tarfile.TarFile, item: tarfile.TarInfo) -> Iterator[int]:
    """Write a file whole or not at all, and say how many bytes as it goes on."""
    content = archive.extractfile(item)
    assert content is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".cc-{os.urandom(6).hex()}")
    try:
        with fresh.open("xb") as file:
            while data := content.read(PIECE):
                file.write(data)
                yield len(data)
        fresh.chmod(item.mode & 0o777)
        os.utime(fresh, (item.mtime, item.mtime))
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _link(path: Path, item: tarfile.TarInfo, place: Callable[[str], Path]) -> None:
    _placed(item.name, place, set())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if item.issym():
        path.symlink_to(item.linkname)
    else:
        path.hardlink_to(_placed(item.linkname, place, set()))


def _placed(name: str, place: Callable[[str], Path], looked: set[str], *, is_folder: bool = False) -> Path:
    """Where a name goes; raises `tarfile.TarError` for one that leads out. `looked` are folders known to be none."""
    if name.startswith("/") or ".." in name.split("/"):
        raise tarfile.TarError(f"the node sent a file with the name {name!r}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    for depth in range(1, len(parts) + is_folder):
        folder = "/".join((".", *parts[:depth]))
        if folder not in looked and place(folder).is_symlink():
            raise tarfile.TarError(
                f"{name} would be written through the link {place(folder)}: remove it, or fetch elsewhere"
            )
        looked.add(folder)
    return place(name)
