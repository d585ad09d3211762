"""Catalogs of before are kept whole, found by their day, and used while they are pinned."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudclusters.catalog import Catalog, Content, MachineType, kept, stored
from cloudclusters.catalog.catalog import SNAPSHOT
from cloudclusters.errors import StoreError, UnknownName


def _refresh(home: Path, name: str, date: str) -> str:
    """Make a catalog of one type the refreshed one; its digest."""
    content = Content(types=(MachineType("ec2", name),), date=date)
    stored.write(home, content, origin=f"asked for {name}")
    with Catalog.build_from(content) as catalog:
        return catalog.digest


def test_what_can_be_pinned_is_what_there_is(tmp_path: Path, packaged: Catalog) -> None:
    """The packaged one alone at first; a refreshed one besides; and a copy is no second one."""
    (only,) = kept.choices(tmp_path)
    _refresh(tmp_path, "a.large", "2026-12-01")
    kept.keep(tmp_path, SNAPSHOT)
    kept.keep(tmp_path, stored.place(tmp_path))

    assert (only.name, only.digest, only.origin) == (packaged.date, packaged.digest, kept.PACKAGED)
    assert [(each.name, each.origin) for each in kept.choices(tmp_path)] == [
        (packaged.date, kept.PACKAGED),
        ("2026-12-01", "asked for a.large"),
    ]
    assert [each.name for each in kept.kept(tmp_path)] == [packaged.date, "2026-12-01"]


def test_a_day_alone_is_its_last_catalog(tmp_path: Path) -> None:
    """The others of that day have numbers."""
    digests = []
    for name in ("a.large", "b.large", "c.large"):
        digests.append(_refresh(tmp_path, name, "2026-12-01"))
        kept.keep(tmp_path, stored.place(tmp_path))

    found = {name: kept.chosen(tmp_path, name).digest for name in ("2026-12-01", "2026-12-01.1", "2026-12-01.2")}
    assert found == {"2026-12-01": digests[2], "2026-12-01.1": digests[0], "2026-12-01.2": digests[1]}


@pytest.mark.parametrize("name", ["2026-12-02", "2026-12-01.7", "yesterday", "../../x", ""])
def test_a_day_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, name: str) -> None:
    """Neither does it change anything."""
    _refresh(tmp_path, "a.large", "2026-12-01")
    with pytest.raises(UnknownName, match="there is no catalog of") as told:
        kept.pin(tmp_path, name)

    assert "there are 2026-11-20, 2026-12-01" in told.value.hint
    assert kept.pinned(tmp_path) == ""


def test_a_pinned_catalog_outlives_what_it_was_copied_from(tmp_path: Path) -> None:
    """A refresh, and a reset, change nothing in it."""
    digest = _refresh(tmp_path, "a.large", "2026-12-01")
    name = kept.pin(tmp_path, "2026-12-01").name
    _refresh(tmp_path, "b.large", "2026-12-02")
    stored.reset(tmp_path)

    assert kept.pinned(tmp_path) == name == "2026-12-01"
    with kept.open_pinned(tmp_path, name) as catalog:
        assert (catalog.digest, catalog.names()) == (digest, ["a.large"])
    assert kept.unpin(tmp_path) == name
    assert (kept.unpin(tmp_path), kept.pinned(tmp_path)) == ("", "")


def test_the_packaged_one_can_be_pinned(tmp_path: Path, packaged: Catalog) -> None:
    """By a copy, so that the next release of the package does not change it."""
    found = kept.pin(tmp_path, packaged.date)

    assert found.path != SNAPSHOT
    with kept.open_pinned(tmp_path, found.name) as catalog:
        assert catalog.digest == packaged.digest


@pytest.mark.parametrize("harm", ["gone", "cut off", "another byte", "another release"])
def test_a_pin_that_cannot_be_kept_is_an_error(tmp_path: Path, harm: str) -> None:
    """Silently taking another catalog would break the promise; `unpin` and another pin work all the same."""
    _refresh(tmp_path, "a.large", "2026-12-01")
    found = kept.pin(tmp_path, "2026-12-01")
    data = bytearray(found.path.read_bytes())
    if harm == "gone":
        found.path.unlink()
    elif harm == "cut off":
        os.truncate(found.path, 5000)
    elif harm == "another byte":
        data[5000] ^= 1
        found.path.write_bytes(data)
    else:
        _change_version(found.path)
    with pytest.raises(StoreError, match="the pinned catalog") as told:
        kept.open_pinned(tmp_path, found.name)

    assert "catalog unpin" in told.value.hint
    if harm != "another release":
        again = kept.pin(tmp_path, "2026-12-01")
        kept.open_pinned(tmp_path, again.name).close()
    assert kept.unpin(tmp_path)


def _change_version(path: Path) -> None:
    import sqlite3

    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = '0' WHERE key = 'version'")
    connection.close()
    stored.seal(path)


def test_reset_keeps_the_refreshed_one(tmp_path: Path) -> None:
    """So that it can be compared with, or pinned."""
    digest = _refresh(tmp_path, "a.large", "2026-12-01")

    assert kept.reset(tmp_path)
    assert not kept.reset(tmp_path)
    assert [each.digest for each in kept.kept(tmp_path)] == [digest]


def test_a_damaged_pin_file_is_told(tmp_path: Path) -> None:
    """And no file outside of the folder is opened by it."""
    kept.pin(tmp_path, kept.choices(tmp_path)[0].name)
    (tmp_path / "catalog" / "pinned").write_text("../../etc/passwd")
    with pytest.raises(StoreError, match="is damaged"):
        kept.open_pinned(tmp_path, kept.pinned(tmp_path))


_KILLED = """
import os, signal, sys
from pathlib import Path
from cloudclusters.catalog import kept
replace, left = Path.replace, [int(sys.argv[3])]
def stop(path, target):
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return replace(path, target)
Path.replace = stop
kept.pin(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.mark.parametrize("renames", [0, 1])
def test_a_process_killed_while_it_pins_leaves_the_pin_of_before(tmp_path: Path, renames: int) -> None:
    """Before the copy is there, or before the pin is; it can be repeated."""
    _refresh(tmp_path, "a.large", "2026-12-01")
    kept.pin(tmp_path, "2026-12-01")
    _refresh(tmp_path, "b.large", "2026-12-02")
    words = [sys.executable, "-c", _KILLED, str(tmp_path), "2026-12-02", str(renames)]
    assert subprocess.run(words, check=False, timeout=60).returncode < 0

    assert kept.pinned(tmp_path) == "2026-12-01"
    kept.open_pinned(tmp_path, "2026-12-01").close()
    assert kept.pin(tmp_path, "2026-12-02").name == "2026-12-02"
