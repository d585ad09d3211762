"""Files to a node and back."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cloudclusters.errors import NodeError, UnknownName
from cloudclusters.remote.ssh.host import Host
from cloudclusters.remote.ssh.ignore import OURS, Rules, entries
from cloudclusters.remote.ssh.pack import Progress, packed, unpack
from cloudclusters.remote.ssh.tree import get, put, sync

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git is installed")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with one of everything."""
    top = tmp_path / "here"
    (top / "a" / "empty").mkdir(parents=True)
    (top / "a" / "text").write_text("text")
    (top / "a" / "run.sh").write_text("#!/bin/sh\n")
    (top / "a" / "run.sh").chmod(0o755)
    (top / "link").symlink_to("a/text")
    (top / "big").write_bytes(os.urandom(700_001))
    (top / "näme with 'quotes' and \n").write_text("odd")
    (top / ("long" * 50)).write_text("long")
    return top


def seen(top: Path) -> dict[str, object]:
    """What is in a folder: content, links, who may run it."""
    return {
        str(path.relative_to(top)): str(path.readlink())
        if path.is_symlink()
        else "folder"
        if path.is_dir()
        else (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in top.rglob("*")
    }


def doing(site, work: Callable[[Host], Awaitable[object]]) -> object:
    """The result of some work with the host."""
    results: list[object] = []

    async def main(host: Host) -> None:
        results.append(await work(host))

    site.play(main)
    return results[0]


def test_folder_goes_there_as_it_is(site, here: Path, tmp_path: Path) -> None:
    """Links, empty folders, odd names and who may run what included."""
    doing(site, lambda host: put(host, here, str(tmp_path / "there")))

    assert seen(tmp_path / "there") == seen(here)


def test_folder_comes_back_as_it_is(site, here: Path, tmp_path: Path) -> None:
    """The same, the other way."""
    doing(site, lambda host: get(host, str(here), tmp_path / "back"))

    assert seen(tmp_path / "back") == seen(here)


def test_progress_is_told_in_bytes_and_files(site, here: Path, tmp_path: Path) -> None:
    """As it goes on, up to all of it."""
    told: list[Progress] = []

    last = doing(site, lambda host: put(host, here, str(tmp_path / "there"), told=told.append))

    assert told[-1] == last
    assert last.files == last.all_files
    assert last.bytes == last.all_bytes > 700_000
    assert [p.bytes for p in told] == sorted(p.bytes for p in told)


@pytest.mark.parametrize(("remote", "there"), [("x/other", "x/other"), ("x/", "x/file"), ("~/y/file2", "y/file2")])
def test_file_goes_to_its_path(site, tmp_path: Path, remote: str, there: str) -> None:
    """Or into the folder whose name ends with a slash; below the login directory."""
    (tmp_path / "file").write_text("content")

    doing(site, lambda host: put(host, tmp_path / "file", remote))

    assert (site.sshd.home / there).read_text() == "content"
    assert [path.name for path in (site.sshd.home / there).parent.iterdir()] == [there.rpartition("/")[2]]


@pytest.mark.parametrize("into", ["new", "folder"])
def test_file_comes_to_its_path(site, tmp_path: Path, into: str) -> None:
    """Or into a folder that exists."""
    (site.sshd.home / "-file").write_text("content")
    (tmp_path / "folder").mkdir()

    doing(site, lambda host: get(host, "-file", tmp_path / into))

    found = tmp_path / into
    assert (found / "-file" if into == "folder" else found).read_text() == "content"


def test_missing_local_file_is_told(site, tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(UnknownName, match="nothing"):
        doing(site, lambda host: put(host, tmp_path / "nothing", "x"))


def test_missing_remote_file_is_told(site, tmp_path: Path) -> None:
    """In the words of the node."""
    with pytest.raises(NodeError, match="nothing"):
        doing(site, lambda host: get(host, "/nothing/here", tmp_path / "x"))


def test_place_that_cannot_be_written_is_told(site, here: Path, tmp_path: Path) -> None:
    """And does not hang, however much is still to be sent."""
    (tmp_path / "file").write_text("")

    with pytest.raises(NodeError, match="file"):
        doing(site, lambda host: put(host, here, str(tmp_path / "file" / "below")))


def test_sync_sends_only_what_differs(site, here: Path, tmp_path: Path) -> None:
    """By content, not by date."""
    there = str(tmp_path / "there")
    first = doing(site, lambda host: sync(host, here, there))
    os.utime(here / "big", (0, 0))
    (here / "a" / "text").write_text("TEXT")
    (here / "a" / "run.sh").chmod(0o644)

    second = doing(site, lambda host: sync(host, here, there))

    assert first.unchanged == 0
    assert (second.sent.files, second.unchanged) == (2, first.sent.files - 2)
    assert seen(tmp_path / "there") == seen(here)


def test_sync_replaces_what_is_of_another_kind(site, here: Path, tmp_path: Path) -> None:
    """Files by folders, folders by files, links by files."""
    there = tmp_path / "there"
    doing(site, lambda host: sync(host, here, str(there)))
    for path in (there / "big", there / "link"):
        path.unlink()
        path.mkdir()
        (path / "x").write_text("x")
    shutil.rmtree(there / "a")
    (there / "a").write_text("no folder")

    doing(site, lambda host: sync(host, here, str(there)))

    assert seen(there) == seen(here)


def test_sync_deletes_only_what_it_brought(site, here: Path, tmp_path: Path) -> None:
    """Results that programs wrote there stay."""
    there = tmp_path / "there"
    doing(site, lambda host: sync(host, here, str(there)))
    (there / "a" / "result").write_text("dear")
    (here / "big").unlink()
    shutil.rmtree(here / "a")

    kept = doing(site, lambda host: sync(host, here, str(there)))
    assert kept.deleted == 0
    assert (there / "big").exists()
    done = doing(site, lambda host: sync(host, here, str(there), delete=True))
    assert done.deleted == 5
    assert not (there / "big").exists()
    assert (there / "a" / "result").read_text() == "dear"


def test_lost_connection_ends_a_transfer(site, tmp_path: Path) -> None:
    """With an error, not with a short file that looks whole."""
    (tmp_path / "big").write_bytes(bytes(30_000_000))

    def told(progress: Progress) -> None:
        if progress.bytes > 1_000_000:
            site.sshd.cut()

    with pytest.raises(NodeError, match="lost"):
        doing(site, lambda host: put(host, tmp_path / "big", "big", told=told))
    assert not (site.sshd.home / "big").exists()


@needs_git
def test_what_git_ignores_stays(tmp_path: Path) -> None:
    """And what `.ccignore` names, tracked or not; what is deleted is not missed."""
    top = tmp_path / "repository"
    top.mkdir()
    for name in ("tracked", "gone", "new", "junk.o", "secret", "data/x", "data/keep"):
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(name)
    (top / ".gitignore").write_text("*.o\n")
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    subprocess.run(["git", "add", "tracked", "gone", "secret"], cwd=top, check=True)
    (top / "gone").unlink()
    (top / OURS).write_text("secret\ndata/*\n!data/keep\n")

    assert [entry.path for entry in entries(top)] == [OURS, ".gitignore", "data/keep", "new", "tracked"]


def test_without_git_its_ignore_files_are_still_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its own folder never travels."""
    for name in (".git/config", "junk.o", "kept"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("*.o\n")
    monkeypatch.setattr(shutil, "which", lambda name: None)

    assert [entry.path for entry in entries(tmp_path)] == [".gitignore", "kept"]


@needs_git
def test_folder_that_git_ignores_travels_when_it_is_named(tmp_path: Path) -> None:
    """Nobody names it by mistake."""
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "x").write_text("x")
    (tmp_path / ".gitignore").write_text("build\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)

    assert [entry.path for entry in entries(tmp_path / "build")] == ["x"]


PATTERNS = [
    "*.o",
    "/top",
    "dir/",
    "a/b",
    "**/deep",
    "x/**",
    "a/**/z",
    "!keep.o",
    "q?",
    "[ab]c",
    "[!a]d",
    r"\#h",
    "t ",
    "#c",
]
PATHS = [
    "m.o",
    "a/m.o",
    "keep.o",
    "a/keep.o",
    "top",
    "a/top",
    "dir/f",
    "a/dir/g",
    "a/b",
    "a/b2",
    "c/a/b",
    "deep",
    "c/deep",
    "x/1",
    "x/y/2",
    "c/x/1",
    "a/z",
    "a/q/z",
    "a/q/r/z",
    "q1",
    "q12",
    "ac",
    "bc",
    "cc",
    "ad",
    "bd",
    "#h",
    "t",
    "dirx/f",
    "#c",
]


@needs_git
@pytest.mark.parametrize("pattern", PATTERNS)
def test_ignore_files_mean_what_git_takes_them_for(tmp_path: Path, pattern: str) -> None:
    """Judged by git itself."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text(f"*.o\n{pattern}\n")
    argv = ["git", "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(argv, input="\n".join(PATHS), capture_output=True, text=True, cwd=tmp_path, check=False)

    rules = Rules(tmp_path, (".gitignore",))
    assert [path for path in PATHS if rules.is_ignored(path, is_folder=False)] == done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("../out", tarfile.REGTYPE, ""),
        ("/tmp/out", tarfile.REGTYPE, ""),
        ("a/../../out", tarfile.REGTYPE, ""),
        ("x", tarfile.LNKTYPE, "../out"),
        ("x", tarfile.LNKTYPE, "/etc/passwd"),
    ],
)
def test_node_cannot_write_outside(tmp_path: Path, name: str, kind: bytes, target: str) -> None:
    """Whatever it sends."""
    item = tarfile.TarInfo(name)
    item.type, item.linkname = kind, target
    data = io.BytesIO(item.tobuf() + bytes(1024))

    with pytest.raises(tarfile.TarError, match="the node sent"):
        unpack(data, lambda name: tmp_path / "in" / name, lambda _: None)


def test_node_cannot_write_through_its_own_links(tmp_path: Path) -> None:
    """They are made when all files are there."""
    link, file = tarfile.TarInfo("link"), tarfile.TarInfo("link/file")
    link.type, link.linkname, file.size = tarfile.SYMTYPE, str(tmp_path / "out"), 3
    (tmp_path / "out").mkdir()
    data = io.BytesIO(link.tobuf() + file.tobuf() + b"bad".ljust(512, b"\0") + bytes(1024))

    with pytest.raises(OSError, match="directory"):
        unpack(data, lambda name: tmp_path / "in" / name, lambda _: None)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("size", [3, 12, 0])
def test_file_that_changes_meanwhile_spoils_no_other(tmp_path: Path, size: int) -> None:
    """It has the size that was announced; what follows is whole."""
    (tmp_path / "a").write_bytes(b"123456")
    (tmp_path / "b").write_bytes(b"follows")
    found = entries(tmp_path)
    (tmp_path / "a").write_bytes(b"x" * size)

    data = b"".join(packed(tmp_path, found, lambda _: None))

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getmember("a").size == 6
        assert archive.extractfile("b").read() == b"follows"


def test_cancelled_transfer_ends_at_once(site, tmp_path: Path) -> None:
    """And leaves the connection as it was."""
    with (site.sshd.home / "endless").open("wb") as file:
        file.truncate(20 << 30)

    async def test(host: Host) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        work = asyncio.create_task(get(host, ".", tmp_path / "x", told=lambda _: loop.call_soon_threadsafe(begun.set)))
        await begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert (await host.run("echo on")).out == b"on\n"

    site.play(test)
