"""The refreshed catalog's file: whole or not at all, of this release, and checked before it is believed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from cloudclusters.catalog import Catalog, Content, MachineType, Price, stored
from cloudclusters.errors import StoreError

CONTENT = Content(
    types=(MachineType("ec2", "x9.large"),), prices=(Price("ec2", "x9.large", "r1", 0.1),), date="2026-11-21"
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A refreshed catalog of one type."""
    return stored.write(tmp_path, CONTENT, origin="asked")


def test_without_a_file_the_packaged_one_is_used(tmp_path: Path, packaged: Catalog) -> None:
    """Silently: that is what most homes look like."""
    found, obstacle = stored.open_best(tmp_path)
    with found:
        assert (found.digest, obstacle) == (packaged.digest, "")


def test_what_was_written_is_what_is_used(tmp_path: Path, written: Path) -> None:
    """With its date, its digest and where it is from; nothing else is left in the folder."""
    found, obstacle = stored.open_best(tmp_path)
    with found, Catalog.build_from(CONTENT) as same:
        assert obstacle == ""
        assert (found.names(), found.date, found.digest) == (["x9.large"], "2026-11-21", same.digest)
        assert found.notes[stored.ORIGIN] == "asked"
        assert stored.content_of(found).types == stored.content_of(same).types
    assert [each.name for each in written.parent.iterdir()] == [written.name]


def test_the_file_is_a_plain_database(written: Path) -> None:
    """The checksum in its header does not hinder SQLite's own tools."""
    connection = sqlite3.connect(written)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()


@pytest.mark.parametrize("at", [0, 30, 62, 5000, -1], ids=str)
def test_one_wrong_byte_is_noticed(tmp_path: Path, written: Path, at: int) -> None:
    """Wherever it is."""
    data = bytearray(written.read_bytes())
    data[at] ^= 0x40
    written.write_bytes(data)
    found, obstacle = stored.open_best(tmp_path)
    with found:
        assert "damaged" in obstacle
        assert "t3.xlarge" in found.names("ec2")


@pytest.mark.parametrize("length", [0, 10, 4096])
def test_a_file_that_was_cut_off_is_noticed(tmp_path: Path, written: Path, length: int) -> None:
    """However short."""
    os.truncate(written, length)
    found, obstacle = stored.open_best(tmp_path)
    with found:
        assert "damaged" in obstacle


@pytest.mark.parametrize(
    ("key", "value", "said"), [("version", "0", "of another release"), (stored.BASE, "beef", "of another release")]
)
def test_another_releases_file_is_not_used(tmp_path: Path, written: Path, key: str, value: str, said: str) -> None:
    """Neither one with other tables, nor one that was made over another snapshot."""
    connection = sqlite3.connect(written)
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    connection.close()
    stored.seal(written)
    found, obstacle = stored.open_best(tmp_path)
    with found:
        assert said in obstacle
        assert "t3.xlarge" in found.names("ec2")


def test_a_refresh_that_cannot_be_written_changes_nothing(tmp_path: Path, written: Path) -> None:
    """Rows that make no catalog: the file of before is untouched, and nothing lies beside it."""
    before = written.read_bytes()
    twice = msgspec.structs.replace(CONTENT, types=CONTENT.types * 2)
    with pytest.raises(Exception, match="twice"):
        stored.write(tmp_path, twice, origin="asked")

    assert written.read_bytes() == before
    assert [each.name for each in written.parent.iterdir()] == [written.name]


def test_a_home_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """By the name of the file."""
    (tmp_path / "catalog").write_text("in the way")
    with pytest.raises(StoreError, match=r"refreshed\.sqlite cannot be written"):
        stored.write(tmp_path, CONTENT, origin="asked")


def test_reset_goes_back(tmp_path: Path, written: Path) -> None:
    """And may be repeated."""
    assert stored.reset(tmp_path)
    assert not written.exists()
    assert not stored.reset(tmp_path)


_KILLED = """
import os, signal, sys
from pathlib import Path
from cloudclusters.catalog import Content, MachineType, schema, stored
def stop(*given, write=schema.write):
    write(*given)
    os.kill(os.getpid(), signal.SIGKILL)
schema.write = stop
stored.write(Path(sys.argv[1]), Content(types=(MachineType("ec2", "other.large"),)), origin="killed")
"""


def test_a_process_killed_while_it_writes_changes_nothing(tmp_path: Path, written: Path) -> None:
    """The next command finds the catalog of before, and the next refresh is not hindered."""
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False, timeout=60)
    assert ended.returncode < 0
    found, obstacle = stored.open_best(tmp_path)
    with found:
        assert (found.names(), obstacle) == (["x9.large"], "")

    stored.write(tmp_path, CONTENT, origin="again")
    assert written.exists()
