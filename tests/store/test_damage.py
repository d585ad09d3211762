"""A store that cannot be used says so, says what to do, and is left as it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cloudclusters.errors import Remedy, StoreError, UnreadableRecord
from cloudclusters.store import FILE, Store
from cloudclusters.store.place import is_network
from cloudclusters.store.record import ClusterRecord

Made = Callable[..., ClusterRecord]


@pytest.fixture
def filled(store: Store, made: Made) -> Path:
    """The file of a closed store with some clusters."""
    for number in range(40):
        made(f"cluster{number}", nodes=8)
    store.close()
    return store.path


def _refused(home: Path) -> StoreError:
    """Open the store, read all of it, and hand back the refusal."""

    def read_all() -> None:
        with contextlib.closing(Store.open(home)) as store:
            store.records()

    with pytest.raises(StoreError) as caught:
        read_all()
    assert caught.value.remedy is Remedy.FIX
    return caught.value


def test_folder_and_file_are_the_users_alone(home: Path) -> None:
    """0700 and 0600, whatever the mask; so are the files that SQLite puts beside it."""
    store = Store.open(home / "deep" / "home")
    store.note("k", "x")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (home / "deep" / "home").iterdir()}
    store.close()
    assert stat.S_IMODE((home / "deep" / "home").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert set(modes) == {FILE, f"{FILE}-wal", f"{FILE}-shm"}


def test_owner_and_id_are_made_once(home: Path) -> None:
    """Tags made years apart carry the same words."""
    first, second = Store.open(home), Store.open(home)
    assert (first.id, first.owner) == (second.id, second.owner)
    assert first.id
    assert "@" in first.owner
    first.close()
    second.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"this is no database at all, it is a text" * 500),
        lambda file: file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (file.stat().st_size - 4096)),
        lambda file: file.write_bytes(file.read_bytes()[:10_000]),
        lambda file: file.write_bytes(b"\0" * file.stat().st_size),
    ],
    ids=["overwritten", "pages", "cut off", "zeroed"],
)
def test_damaged_store(filled: Path, damage: Callable[[Path], object]) -> None:
    """The message names the file, says that nothing was deleted, and the hint how to go on."""
    damage(filled)
    before = filled.read_bytes()

    error = _refused(filled.parent)

    assert str(filled) in error.message
    assert "nothing was deleted" in error.message
    assert "sweep" in error.hint
    assert filled.read_bytes() == before


def test_empty_store_is_not_taken_for_a_new_one(filled: Path) -> None:
    """A file that was cut to nothing had clusters in it."""
    filled.write_bytes(b"")
    assert "is empty" in _refused(filled.parent).message
    assert filled.read_bytes() == b""


def test_store_of_a_newer_version(filled: Path) -> None:
    """It is refused before anything is read or written."""
    with sqlite3.connect(filled) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    error = _refused(filled.parent)
    assert "newer cloudclusters" in error.message
    assert "format 99" in error.message


def test_somebody_elses_database(home: Path) -> None:
    """A file that is not ours gets no tables of ours."""
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / FILE)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    assert "not a store of cloudclusters" in _refused(home).message


def test_entry_that_cannot_be_read(filled: Path) -> None:
    """An entry of a newer version, or a damaged one, is no crash."""
    with sqlite3.connect(filled) as connection:
        connection.execute("UPDATE clusters SET document = '{\"handle\": 1}' WHERE handle = 'cluster7'")
    connection.close()
    error = _refused(filled.parent)
    assert "cannot be read" in error.message
    assert "nothing was deleted" in error.message


def test_full_disk_undoes_the_write_and_says_so(store: Store, made: Made) -> None:
    """What was there before is there, and the next write works once there is space."""
    made("k" * 15)
    with store._database.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def write_on() -> None:
        for number in range(1000):
            store.note("k" * 15, f"{number}" * 1000)

    with pytest.raises(StoreError, match="disk is full"):
        write_on()

    with store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert store.record("k" * 15).handle == "k" * 15
    store.note("k" * 15, "the last word")
    assert store.notes("k" * 15)[-1][1] == "the last word"


def test_store_that_may_not_be_written(store: Store) -> None:
    """SQLite's refusal becomes ours."""
    with store._database.reading() as connection:
        connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        store.note("k", "x")


def test_home_that_cannot_be_made(home: Path) -> None:
    """A file stands where the folder should be."""
    (home / "file").write_text("")
    assert "cannot be" in _refused(home / "file" / "home").message


def test_store_that_stays_locked(store: Store, made: Made) -> None:
    """Another process that writes for ever does not stop us for ever."""
    made("k" * 15)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with store._database.reading() as connection:
        connection.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(StoreError, match="locked by another process"):
        store.note("k" * 15, "x")
    other.execute("ROLLBACK")
    other.close()
    assert store.record("k" * 15)


def test_failed_write_leaves_nothing_behind(store: Store, made: Made) -> None:
    """An error in the middle undoes the whole transaction."""
    record = made("k" * 15, name="mine")
    broken = msgspec.structs.replace(record, reason="\udcff")
    lease = store.take_lease("k" * 15, "restart")
    with pytest.raises((UnicodeError, StoreError)):
        store.write(broken, lease)
    assert store.record("k" * 15) == record


@pytest.mark.parametrize(
    ("mounts", "network"),
    [
        ("/dev/sda1 / ext4 rw 0 0\n", False),
        ("/dev/sda1 / ext4 rw 0 0\nserver:/x {home} nfs4 rw 0 0\n", True),
        ("/dev/sda1 / ext4 rw 0 0\nserver:/x {parent} nfs rw 0 0\n/dev/sdb {home} xfs rw 0 0\n", False),
        ("server:/x {home}-other nfs rw 0 0\n/dev/sda1 / ext4 rw 0 0\n", False),
        ("/dev/sda1 / ext4 rw 0 0\nme@host: {home} fuse.sshfs rw 0 0\n", True),
        ("/dev/sda1 {home} ext4 rw 0 0\nserver:/x {home} nfs rw 0 0\n", True),
    ],
    ids=["local", "nfs", "local below nfs", "a neighbour", "sshfs", "mounted over"],
)
def test_network_file_systems_are_known(tmp_path: Path, mounts: str, network: bool) -> None:
    """By the mount that holds the folder."""
    home = tmp_path / "my home"
    home.mkdir()
    table = tmp_path / "mounts"
    table.write_text(mounts.format(home=str(home).replace(" ", "\\040"), parent=tmp_path))
    assert is_network(home, table) is network


def test_no_mount_table_is_no_network(tmp_path: Path) -> None:
    """Where the system does not tell, the usual mode is taken."""
    assert is_network(tmp_path, tmp_path / "missing") is False


@pytest.mark.parametrize(("network", "mode"), [(False, "wal"), (True, "delete")])
def test_journal_mode_follows_the_file_system(
    home: Path, monkeypatch: pytest.MonkeyPatch, network: bool, mode: str
) -> None:
    """Write-ahead needs shared memory, which network file systems do not have."""
    monkeypatch.setattr("cloudclusters.store.database.is_network", lambda _: network)
    store = Store.open(home)
    with store._database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (mode,)
    store.close()


def test_store_moved_to_a_network_file_system(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves write-ahead mode there, with all that is in it."""
    monkeypatch.setattr("cloudclusters.store.database.is_network", lambda _: True)
    with contextlib.closing(Store.open(filled.parent)) as store:
        assert len(store.records()) == 40
        assert not filled.with_name(f"{FILE}-wal").exists()


FILL = """
import os, sys
from pathlib import Path
from cloudclusters.errors import StoreError
from cloudclusters.store import Store
home = Path(sys.argv[1])
store = Store.open(home)
lease = store.take_lease("K" * 15, "deploy")
entries = [store.intend(lease, "step", {"n": "first"})]
(home / "ballast").write_bytes(bytes(os.statvfs(home).f_bavail * os.statvfs(home).f_frsize))
try:
    for n in range(10_000):
        entries.append(store.intend(lease, "step", {"n": str(n) * 500}))
except StoreError as exc:
    print(exc.message)
(home / "ballast").unlink()
store.done(entries[0], lease, "over")
store.close()
again = Store.open(home)
print([step.entry for step in again.steps("K" * 15)] == entries)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="mounts a file system")
def test_really_full_disk(tmp_path: Path) -> None:
    """Every intention that was accepted is there, the refused one is not, and work goes on."""
    script = f'mount -t tmpfs -o size=400k tmpfs {tmp_path} && exec {sys.executable} -c "$FILL" {tmp_path}'
    argv = ["unshare", "--mount", "sh", "-c", script]
    said = subprocess.run(argv, env=os.environ | {"FILL": FILL}, capture_output=True, text=True, check=True)
    message, intact = said.stdout.splitlines()
    assert "disk is full" in message
    assert intact == "True"


def test_damaged_words_are_told_as_such(home: Path, store: Store, made: Made) -> None:
    """A state and a kind of cost that nobody writes: which row, and that it is damage; never a mistake of ours."""
    record = made("damaged")
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE clusters SET state = 'melting'")
        connection.execute(
            "INSERT INTO ledger (cluster, node, instance, kind, instance_type, market, hourly_usd, least, began) "
            "VALUES (?, '', '', 'gold', '', '', 1, 0, 0)",
            (record.handle,),
        )
    connection.close()
    with pytest.raises(UnreadableRecord, match=f"{record.handle} .*'melting'"):
        store.summaries()
    with pytest.raises(StoreError, match=f"the ledger, of cluster {record.handle}, is of the kind 'gold'"):
        store.entries(record.handle)
