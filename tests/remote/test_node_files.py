"""Files to a node and back: the same on this machine as over SSH."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cloudclusters.errors import NodeError, UnknownName
from cloudclusters.remote.machine import Here
from cloudclusters.remote.ssh.pack import Progress
from cloudclusters.remote.ssh.tree import get, load, put, sync


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with one of everything."""
    top = tmp_path / "here"
    (top / "a" / "empty").mkdir(parents=True)
    (top / "a" / "run.sh").write_text("#!/bin/sh\n")
    (top / "a" / "run.sh").chmod(0o755)
    (top / "link").symlink_to("a/run.sh")
    (top / "big").write_bytes(os.urandom(700_001))
    (top / "näme with 'quotes'").write_text("odd")
    (top / ".ccignore").write_text("*.tmp\n")
    (top / "left.tmp").write_text("left")
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
        if path.name != "left.tmp"
    }


@contextlib.contextmanager
def no_child_left() -> Iterator[None]:
    """The commands that were begun have ended."""
    before = set(psutil.Process().children())
    yield
    assert set(psutil.Process().children()) <= before


def test_folder_goes_and_comes_back_as_it_is(here: Path, tmp_path: Path) -> None:
    """But for what the ignore file names."""
    told: list[Progress] = []

    async def main() -> None:
        sent = await put(Here(), here, str(tmp_path / "there"), told=told.append)
        assert sent == told[-1]
        await get(Here(), str(tmp_path / "there"), tmp_path / "back")

    asyncio.run(main())

    assert seen(tmp_path / "there") == seen(tmp_path / "back") == seen(here)
    assert not (tmp_path / "there" / "left.tmp").exists()


def test_sync_sends_what_differs_and_deletes_what_it_brought(here: Path, tmp_path: Path) -> None:
    """Results that programs wrote there stay; its notes lie where they are told to."""
    there, notes = tmp_path / "there", tmp_path / "notes"

    async def once(*, delete: bool = False):
        return await sync(Here(), here, str(there), delete=delete, notes=str(notes))

    first = asyncio.run(once())
    (there / "result").write_text("dear")
    (here / "big").unlink()
    (here / "a" / "run.sh").write_text("other")
    second = asyncio.run(once(delete=True))

    assert first.unchanged == 0
    assert (second.sent.files, second.deleted) == (1, 1)
    assert (there / "result").read_text() == "dear"
    assert not (there / "big").exists()
    assert len(list(notes.iterdir())) == 1


def test_many_names_to_compare_are_no_trouble(tmp_path: Path) -> None:
    """The answer of the other side is one line, however long."""
    top = tmp_path / "many"
    top.mkdir()
    for number in range(4000):
        (top / f"{number}-{'x' * 100}").touch()

    done = asyncio.run(sync(Here(), top, str(tmp_path / "there"), notes=str(tmp_path / "notes")))

    assert done.sent.files == 4000


def test_one_load_serves_many_machines(here: Path, tmp_path: Path) -> None:
    """What is sent was read once."""
    what = load(here, contents=True)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(put(Here(), what, str(tmp_path / f"there{number}")))
        await sync(Here(), what, str(tmp_path / "there3"), notes=str(tmp_path / "notes"))

    asyncio.run(main())

    assert all(seen(tmp_path / f"there{number}") == seen(here) for number in range(4))


def test_cancelled_file_leaves_nothing(tmp_path: Path) -> None:
    """Neither under its name nor under another one, there or here; no command runs on."""
    (tmp_path / "big").write_bytes(bytes(80_000_000))
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir()
    back.mkdir()

    async def cancelled(work) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(work(lambda progress: loop.call_soon_threadsafe(begun.set)))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def main() -> None:
        with no_child_left():
            await cancelled(lambda told: put(Here(), tmp_path / "big", f"{there}/", told=told))
            await cancelled(lambda told: get(Here(), str(tmp_path / "big"), back / "big", told=told))

    asyncio.run(main())

    assert list(there.iterdir()) == list(back.iterdir()) == []


@pytest.mark.parametrize("path", ["nothing", "a folder/it's not there"])
def test_path_that_is_not_there_is_told(tmp_path: Path, path: str) -> None:
    """On either side, by its name."""
    with pytest.raises(NodeError, match=f"there is no {tmp_path}/{path}"):
        asyncio.run(get(Here(), f"{tmp_path}/{path}", tmp_path / "x"))
    with pytest.raises(UnknownName, match=f"there is no file {tmp_path}/{path}"):
        asyncio.run(put(Here(), tmp_path / path, "x"))
    with pytest.raises(UnknownName, match=f"{tmp_path}/{path} is no folder"):
        asyncio.run(sync(Here(), tmp_path / path, "x"))


def test_place_that_is_a_file_is_told(here: Path, tmp_path: Path) -> None:
    """In the words of the system, and exit code 1: the user can mend it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(NodeError, match="file") as caught:
        asyncio.run(put(Here(), here, str(tmp_path / "file" / "below")))

    assert caught.value.remedy.value == 1


@pytest.fixture
def nobody() -> Iterator[None]:
    """Not root, for whom every file can be read."""
    if os.geteuid():
        yield
        return
    asyncio.run(asyncio.to_thread(int))  # imports what it needs while we may read it
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("contents", [False, True])
def test_file_that_may_not_be_read_is_told(nobody: None, contents: bool) -> None:
    """By its name."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "secret").write_text("x")
        Path(folder, "secret").chmod(0)

        with pytest.raises(UnknownName, match=f"{folder}/secret cannot be read: Permission denied"):
            asyncio.run(put(Here(), load(Path(folder), contents=contents), f"{folder}/there"))
