"""What we pack is what the system's tar unpacks, whatever names, modes, dates and sizes there are."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudclusters.remote.ssh.ignore import Entry, entries
from cloudclusters.remote.ssh.pack import PIECE, Progress, packed, unpack

TAR = shutil.which("tar")
needs_tar = pytest.mark.skipif(TAR is None, reason="no tar is installed")

LETTERS = st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",))
NAMES = st.text(LETTERS, min_size=1, max_size=60).filter(lambda name: name not in {".", "..", ".git"})
BYTES = st.binary(min_size=1, max_size=120).map(lambda raw: os.fsdecode(raw.replace(b"/", b"").replace(b"\0", b"x")))
PARTS = st.one_of(NAMES, BYTES.filter(lambda name: name not in {"", ".", "..", ".git"}))
PATHS = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
SIZES = st.one_of(st.integers(0, 1_100), st.sampled_from([PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]))
MODES = st.integers(0, 0o777).map(lambda mode: mode | 0o400)
DATES = st.one_of(st.integers(0, 1 << 34), st.just(-1))


def nothing(_progress: Progress) -> None:
    """Nobody listens."""


@settings(max_examples=200, deadline=None)
@given(path=PATHS, mode=st.integers(0, 0o7777), date=st.integers(-(1 << 35), 1 << 35))
def test_empty_file_of_any_name_mode_and_date_is_what_tarfile_makes(path: str, mode: int, date: int) -> None:
    """Byte for byte, so every tar that reads its files reads ours."""
    item = tarfile.TarInfo(path)
    item.mode, item.mtime = mode, date

    data = b"".join(packed(Path("unread"), [Entry(path, stat.S_IFREG | mode, 0, date)], nothing))

    assert data == item.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape") + bytes(1024)


@needs_tar
@settings(max_examples=40, deadline=None)
@given(name=PARTS, size=SIZES, mode=MODES, date=DATES)
def test_systems_tar_unpacks_the_same_file(name: str, size: int, mode: int, date: int) -> None:
    """Its content, who may do what with it, and its date."""
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder) / "here", Path(folder) / "there"
        here.mkdir()
        there.mkdir()
        try:
            (here / name).write_bytes(content := os.urandom(size))
        except OSError:
            return  # longer than this file system allows, or not of its bytes
        (here / name).chmod(mode)
        os.utime(here / name, (date, date))
        kept = (here / name).stat()

        data = b"".join(packed(here, entries(here), nothing))
        subprocess.run([str(TAR), "-x", "-p", "-o", "-f", "-", "-C", str(there)], input=data, check=True)

        found = (there / name).stat()
        assert (there / name).read_bytes() == content
        assert (found.st_mode, found.st_mtime) == (kept.st_mode, int(kept.st_mtime))


@pytest.mark.parametrize("size", [(8 << 30) - 1, 8 << 30, 3 << 40])
def test_size_beyond_eleven_octal_digits_is_told(tmp_path: Path, size: int) -> None:
    """A file of holes stands for it; only its beginning is read."""
    with (tmp_path / "huge").open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            pytest.skip("this file system has no files of that size")

    beginning = next(packed(tmp_path, entries(tmp_path), nothing))

    with tarfile.open(fileobj=io.BytesIO(beginning), mode="r|") as archive:
        assert archive.next().size == size
    if TAR is not None:
        listed = subprocess.run([TAR, "-t", "-v", "-f", "-"], input=beginning, capture_output=True, check=False)
        assert str(size) in listed.stdout.decode().split()


def stream(*items: tuple[str, bytes, str]) -> io.BytesIO:
    """A tar of these names, types and link targets, as a node that lies might send it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, kind, target in items:
            item = tarfile.TarInfo(name)
            item.type, item.linkname, item.mode = kind, target, 0o755
            archive.addfile(item)
    made.seek(0)
    return made


@pytest.mark.parametrize(
    "items",
    [
        [("./a", tarfile.SYMTYPE, "{out}"), ("./a/kept", tarfile.SYMTYPE, "x")],
        [("./x", tarfile.REGTYPE, ""), ("./a", tarfile.SYMTYPE, "{out}"), ("./a/kept", tarfile.LNKTYPE, "./x")],
        [("./old/kept", tarfile.REGTYPE, "")],
        [("./old", tarfile.DIRTYPE, "")],
        [("./old/deep", tarfile.DIRTYPE, "")],
        [("./b", tarfile.LNKTYPE, "./old/kept")],
        [("./../out/kept", tarfile.REGTYPE, "")],
        [("./b", tarfile.LNKTYPE, "../out/kept")],
    ],
    ids=["link through a link", "file by links", "file", "folder", "new folder", "read", "upwards", "read upwards"],
)
def test_nothing_is_written_through_a_link(tmp_path: Path, items: list[tuple[str, bytes, str]]) -> None:
    """Neither through one of this stream nor through one that came before; what lies outside stays as it was."""
    here, out = tmp_path / "here", tmp_path / "out"
    here.mkdir()
    out.mkdir(mode=0o700)
    (out / "kept").write_text("mine")
    (here / "old").symlink_to(out)
    told = [(name, kind, target.format(out=out)) for name, kind, target in items]

    with pytest.raises(tarfile.TarError):
        unpack(stream(*told), lambda name: here / name, nothing)

    assert [path.name for path in out.iterdir()] == ["kept"]
    assert (out / "kept").read_text() == "mine"
    assert (out / "kept").stat().st_nlink == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o700


def test_links_come_as_they_are_and_again(tmp_path: Path) -> None:
    """A link replaces the one of before, and a file of that name replaces it in turn."""
    links = [("./d", tarfile.DIRTYPE, ""), ("./d/f", tarfile.REGTYPE, ""), ("./latest", tarfile.SYMTYPE, "d")]
    for _ in range(2):
        unpack(stream(*links, ("./same", tarfile.LNKTYPE, "./d/f")), lambda name: tmp_path / name, nothing)
    assert (tmp_path / "latest").readlink() == Path("d")
    assert (tmp_path / "same").samefile(tmp_path / "d/f")
    unpack(stream(("./latest", tarfile.REGTYPE, "")), lambda name: tmp_path / name, nothing)
    assert not (tmp_path / "latest").is_symlink()


def test_piece_is_never_much_larger_than_asked_for(tmp_path: Path) -> None:
    """However large the files are: what is read is sent before more is read."""
    (tmp_path / "large").write_bytes(bytes(5 * PIECE + 7))
    (tmp_path / "small").write_bytes(b"x")

    sizes = [len(piece) for piece in packed(tmp_path, entries(tmp_path), nothing)]

    assert max(sizes) < 2 * PIECE
    assert sum(sizes) % tarfile.BLOCKSIZE == 0
