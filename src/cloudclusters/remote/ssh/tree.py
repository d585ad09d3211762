"""Files to a node and back: always one stream, never a round trip for each file, and nothing needed but tar there."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import posixpath
import shlex
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudclusters.base.door import finish
from cloudclusters.errors import NodeError, Remedy, UnknownName
from cloudclusters.remote.machine import Machine, Running, place
from cloudclusters.remote.ssh.ignore import Entry, entries, entry_of
from cloudclusters.remote.ssh.onnode import command
from cloudclusters.remote.ssh.pack import PIECE, Progress, Told, packed, unpack
from cloudclusters.remote.ssh.trouble import ConnectionLost


class NotCopied(NodeError):
    """Files did not travel for a reason that the user can mend: a path that is not there, no space, no permission."""

    remedy = Remedy.FIX


def nobody(_progress: Progress) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Load:
    """What travels, read once for all the machines to which it goes; made by `load`."""

    top: Path
    """The folder in which the entries lie."""
    entries: Sequence[Entry]
    is_folder: bool
    manifest: bytes = b""
    """Of the contents, for `sync`."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a `sync` did: what it sent, what was there already, and how many it deleted."""

    sent: Progress
    unchanged: int
    deleted: int


def load(local: Path, *, contents: bool = False) -> Load:
    """Look what travels of a file or folder; with `contents` its files are read, as `sync` needs it. Blocks.

    Raises `UnknownName` when it is not there or cannot be read, and with `contents` when it is no folder.
    """
    with _readable(local):
        if not (contents or local.is_dir()):
            return Load(local.parent, _single(local), is_folder=False)
        found = entries(local)
        manifest = json.dumps(_manifest(local, found)).encode() if contents else b""
        return Load(local, found, is_folder=True, manifest=manifest)


async def put(host: Machine, local: Path | Load, remote: str, *, told: Told = nobody) -> Progress:
    """Send a file, or what is in a folder, to a path there; what is there already is overwritten, not deleted.

    A file goes to exactly this path, or into it when that is a folder or ends with `/`. Of a folder travels
    what `entries` lists. A remote path that is not absolute lies in the login directory. Raises `NodeError`,
    `UnknownName`.
    """
    await host.connection()
    what = local if isinstance(local, Load) else await asyncio.to_thread(load, local)
    if what.is_folder:
        folder = place(host, remote)
        line = f"mkdir -p {shlex.quote(folder)} && exec tar -x -o -f - -C {shlex.quote(folder)}"
    else:
        sent = what.entries[0].path
        target = posixpath.join(remote, sent) if remote.endswith("/") else remote
        folder, name = posixpath.split(place(host, target))
        line = _single_line(folder, sent, name)
    async with host.process(line) as process:
        return await _feed(host, process, what.top, what.entries, told)


async def get(host: Machine, remote: str, local: Path, *, told: Told = nobody) -> Progress:
    """Fetch a file, or what is in a folder there, to a path here; a file goes into a folder that exists.

    Nothing is written outside `local`. Raises `NodeError`.
    """
    await host.connection()
    path = place(host, remote)
    quoted, folder, name = (shlex.quote(text) for text in (path, *posixpath.split(path)))
    missing = shlex.quote(f"there is no {remote}")
    line = (
        f"if test -d {quoted}; then exec tar -c -f - -C {quoted} .; fi; test -e {quoted} || test -L {quoted} ||"
        f" {{ echo {missing} >&2; exit 1; }}; exec tar -c -f - -C {folder} -- {name}"
    )
    where = _placing(local, await asyncio.to_thread(local.is_dir))
    async with host.process(line) as process:
        source = _Source(asyncio.get_running_loop(), process)
        work = asyncio.create_task(asyncio.to_thread(_unpacked, source, where, told))
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            process.close()  # then the thread reads the end
            await finish(asyncio.wait([work]))
            raise
        failure = work.exception()
        if failure is None or isinstance(failure, tarfile.ReadError):
            await _check(host, process)
        if failure is not None:
            raise NotCopied(f"{remote} of {host.where} could not be fetched: {failure}") from failure
    return work.result()


async def sync(
    host: Machine,
    local: Path | Load,
    remote: str,
    *,
    delete: bool = False,
    told: Told = nobody,
    python: str = "python3",
    notes: str = "~/.cache/cloudclusters/sync",
) -> Synced:
    """Make a folder there have what this folder has, by sending only what differs in content.

    With `delete`, what an earlier `sync` brought and is no longer here is deleted there; what came otherwise
    stays. What they brought is remembered in the folder `notes` there. Raises `NodeError`, `UnknownName`.
    """
    await host.connection()
    line = command(python, "receive", place(host, remote), "delete" if delete else "keep", notes)
    async with host.process(line) as process:  # it starts while we read
        what = local if isinstance(local, Load) else await asyncio.to_thread(load, local, contents=True)
        process.stdin.write(b"%010d" % len(what.manifest) + what.manifest)
        said = await process.stdout.readline()
        if not said:
            await _check(host, process)
        answer = json.loads(said)
        needed = set(answer["needed"])
        sent = await _feed(host, process, what.top, [entry for entry in what.entries if entry.path in needed], told)
    return Synced(sent, len(what.entries) - len(needed), answer["deleted"])


async def _feed(host: Machine, process: Running, top: Path, found: Sequence[Entry], told: Told) -> Progress:
    """Send the entries to a tar there, and see it end well."""
    last = Progress()

    def hear(progress: Progress) -> None:
        nonlocal last
        last = progress

    pieces = packed(top, found, hear)
    # A process that ended, or a connection, takes no more: it is asked for the reason afterwards.
    with contextlib.suppress(ConnectionError):
        while piece := await _next(top, pieces):
            process.stdin.write(piece)
            await process.stdin.drain()
            told(last)
        process.stdin.write_eof()
    await _check(host, process)
    told(last)
    return last


async def _check(host: Machine, process: Running) -> None:
    ended = await process.wait(check=False)
    if ended.returncode is None:
        raise ConnectionLost(f"the connection to {host.where} was lost while files travelled")
    if ended.returncode != 0:
        told = ended.stderr or b""
        said = (told if isinstance(told, str) else told.decode(errors="replace")).strip()
        is_full = "No space left" in said or "Wrote only" in said  # so says tar of a piece that went in half
        hint = "make room there, or name a place on another disk" if is_full else ""
        raise NotCopied(f"{host.where}: {said[-2000:] or f'tar ended with {ended.returncode}'}", hint=hint)


async def _next(top: Path, pieces: Iterator[bytes]) -> bytes:
    with _readable(top):
        return await asyncio.to_thread(next, pieces, b"")


@contextlib.contextmanager
def _readable(top: Path) -> Iterator[None]:
    """A file that went away, or that we may not read, is named."""
    try:
        yield
    except OSError as exc:
        raise UnknownName(f"{exc.filename or top} cannot be read: {exc.strerror}") from exc


def _single(local: Path) -> list[Entry]:
    entry = entry_of(local.parent, local.name)
    if entry is None:
        raise UnknownName(f"there is no file {local}")
    if entry.is_link:
        status = local.stat()
        entry = Entry(local.name, stat.S_IFREG | stat.S_IMODE(status.st_mode), status.st_size, int(status.st_mtime))
    return [entry]


def _single_line(folder: str, sent: str, name: str) -> str:
    """Unpack beside the target and move there in one step, whatever name it had."""
    room = shlex.quote(posixpath.join(folder, f".cc-{os.urandom(6).hex()}"))
    there, sent, name = shlex.quote(folder), shlex.quote(f"./{sent}"), shlex.quote(f"./{name}")
    return (
        f"mkdir -p {there} && cd {there} && mkdir {room} && tar -x -o -f - -C {room} && mv -f {room}/{sent} {name};"
        f" code=$?; rm -rf {room}; exit $code"
    )


def _manifest(top: Path, found: Sequence[Entry]) -> dict[str, list[object]]:
    below = os.path.join(top, "")  # noqa: PTH118  thousands of files
    made: dict[str, list[object]] = {}
    for entry in found:
        if entry.is_folder:
            made[entry.path] = ["d", True, 0, ""]
        elif entry.is_link:
            made[entry.path] = ["l", True, 0, entry.target]
        else:
            made[entry.path] = ["f", bool(entry.mode & 0o100), entry.size, _digest(below + entry.path)]
    return made


def _digest(path: str) -> str:
    """Of a file's content; without Python's file objects, which cost more than small files do."""
    made, file = hashlib.sha256(), os.open(path, os.O_RDONLY)
    try:
        while data := os.read(file, PIECE):
            made.update(data)
    finally:
        os.close(file)
    return made.hexdigest()


def _placing(local: Path, is_folder: bool) -> Callable[[str], Path]:
    """Where a name of the stream goes: folders come as `./…`, a single file by its name."""

    def where(name: str) -> Path:
        if name == "." or name.startswith("./"):
            return local / name
        return local / name if is_folder else local

    return where


def _unpacked(source: _Source, where: Callable[[str], Path], told: Told) -> Progress:
    return unpack(io.BufferedReader(source, PIECE), where, told)


class _Source(io.RawIOBase):
    """What a process there writes, for a thread that reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, process: Running) -> None:
        self._loop, self._process = loop, process

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # no other is passed
        """Wait for some."""
        reading = asyncio.run_coroutine_threadsafe(self._process.stdout.read(len(buffer)), self._loop)
        data = bytes(reading.result())
        buffer[: len(data)] = data
        return len(data)
