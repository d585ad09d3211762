"""The store: everything that outlives this process, in one SQLite file per user.

Blocking; the core calls it through the door. One object may be used by all threads.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from cloudclusters.base.cloud import Instance
from cloudclusters.contract.document import ClusterType, Contract
from cloudclusters.errors import UnknownHandle, UnreadableRecord, WrongHandle
from cloudclusters.store import clusters, documents, journal, leases, ledger, pids, search
from cloudclusters.store.booking import Entry, booked
from cloudclusters.store.database import Database
from cloudclusters.store.documents import StoredResolution
from cloudclusters.store.holder import Holder, this_process
from cloudclusters.store.journal import Step
from cloudclusters.store.leases import Lease
from cloudclusters.store.pids import Life
from cloudclusters.store.record import ClusterRecord, ClusterState, Spent, Summary

FILE = "store.sqlite"
"""The store's file below our home."""


class Store:
    """Contracts, clusters, leases, the journal and pids. Every method raises `StoreError` when the file fails."""

    def __init__(self, database: Database, *, now: Callable[[], float], holder: Callable[[], Holder]) -> None:
        self._database = database
        self._now = now
        self._holder = holder
        self.id = ""
        """The store's own random name, made once."""
        self.owner = ""
        """Whose it is, `user@host` as they were when it was made; goes into tags."""

    @classmethod
    def open(
        cls, home: Path, *, now: Callable[[], float] = time.time, holder: Callable[[], Holder] = this_process
    ) -> Store:
        """Open the store below `home`, making it (for this user alone) when there is none.

        Raises `StoreError` when it is damaged, was written by a newer version, or cannot be written; nothing
        is deleted then. `now` and `holder` are for tests.
        """
        store = cls(Database(home / FILE), now=now, holder=holder)
        with store._database.reading() as connection:
            known = dict(connection.execute("SELECT key, value FROM meta"))
        if "owner" not in known:
            known = store._name_it()
        store.id, store.owner = known["id"], known["owner"]
        return store

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Let go of the file; a later use opens it again."""
        self._database.close()

    # Documents

    def save_contract(self, contract: Contract) -> None:
        """Keep a contract under its handle."""
        with self._database.writing(durable=False) as connection:
            documents.save_contract(connection, contract)

    def contract(self, handle: str) -> Contract:
        """The contract of this handle; raises `UnknownHandle`, or `WrongHandle` for a cluster's."""
        handle = _writable(handle)
        with self._database.reading() as connection:
            found = documents.contract(connection, handle)
            if found is None:
                raise search.no_contract(connection, handle)
        return found

    def contracts(self) -> list[Contract]:
        """All contracts, the oldest first."""
        with self._database.reading() as connection:
            return documents.contracts(connection)

    def save_resolution(self, handle: str, document: bytes, *, catalog_digest: str, settings_digest: str) -> None:
        """Keep the resolution of a contract, in place of an earlier one."""
        found = StoredResolution(
            handle=handle,
            document=document,
            catalog_digest=catalog_digest,
            settings_digest=settings_digest,
            at=self._now(),
        )
        with self._database.writing(durable=False) as connection:
            documents.save_resolution(connection, found)

    def resolution(self, handle: str) -> StoredResolution | None:
        """The latest resolution of a contract, or None."""
        with self._database.reading() as connection:
            return documents.resolution(connection, handle)

    # Clusters

    def find(self, name_or_handle: str) -> str:
        """The handle of the cluster of this name or handle.

        Among clusters of one name the one not terminated, else the latest. Raises `UnknownHandle` with near
        names, or `WrongHandle` for a contract's.
        """
        word = _writable(name_or_handle)
        with self._database.reading() as connection:
            found = clusters.find(connection, word)
            if found is None:
                raise search.no_cluster(connection, word)
        return found

    def record(self, handle: str) -> ClusterRecord:
        """The record of a cluster, by handle; raises `UnknownHandle` or `WrongHandle`."""
        handle = _writable(handle)
        with self._database.reading() as connection:
            found = clusters.get(connection, handle)
            if found is None:
                raise search.no_cluster(connection, handle)
        return found

    def records(
        self,
        *,
        terminated: bool = False,
        since: float | None = None,
        cluster_type: ClusterType | None = None,
        unread: list[UnreadableRecord] | None = None,
    ) -> list[ClusterRecord]:
        """Records in the order their clusters were created; terminated ones only if asked for.

        Raises `UnreadableRecord` for the first that cannot be read; with `unread` it and its like are added there, and
        the others are returned.
        """
        with self._database.reading() as connection:
            return clusters.records(
                connection, terminated=terminated, since=since, cluster_type=cluster_type, unread=unread
            )

    def summaries(
        self, *, terminated: bool = False, since: float | None = None, cluster_type: ClusterType | None = None
    ) -> list[Summary]:
        """As `records`, but only what a list shows, without reading the documents."""
        with self._database.reading() as connection:
            return clusters.summaries(connection, terminated=terminated, since=since, cluster_type=cluster_type)

    def create(self, record: ClusterRecord, lease: Lease) -> ClusterRecord:
        """Write the first record of a cluster; returns it as written.

        Raises `NameTaken` when a cluster not terminated has the name, `LeaseLost`.
        """
        with self._leased(lease, record.handle) as connection:
            return clusters.create(connection, self._booked(connection, record, ()), now=self._now())

    def write(self, record: ClusterRecord, lease: Lease, *, also: Sequence[Instance] = ()) -> ClusterRecord:
        """Replace a record, and bring the ledger up to it; returns it as written, with its whole history.

        `also` are machines as seen that are no node's, or no longer: they were paid, too. Raises `LeaseLost` (and
        writes nothing) when another process has taken over.
        """
        with self._leased(lease, record.handle) as connection:
            written = clusters.write(connection, self._booked(connection, record, also), now=self._now())
            if written is None:
                raise UnknownHandle(f"no cluster has the handle {record.handle}")
        return written

    def _booked(self, connection: sqlite3.Connection, record: ClusterRecord, also: Sequence[Instance]) -> ClusterRecord:
        """Bring the ledger up to a record, and the record up to the ledger."""
        now = self._now()
        ledger.write(connection, booked(ledger.entries(connection, record.handle), record, also=also, now=now))
        return msgspec.structs.replace(record, spent=ledger.spent(ledger.entries(connection, record.handle), now))

    def bury(self, lease: Lease) -> None:
        """List a cluster whose record cannot be read as terminated: nothing of it is left. Raises `LeaseLost`."""
        with self._leased(lease, lease.cluster) as connection:
            clusters.bury(connection, lease.cluster)
            ledger.end_all(connection, lease.cluster, now=self._now())

    def entries(self, cluster: str) -> list[Entry]:
        """The ledger of a cluster: what was paid for each machine, from when until when."""
        with self._database.reading() as connection:
            return ledger.entries(connection, cluster)

    def spent(self, cluster: str, now: float) -> Spent:
        """What a cluster has cost until `now` (seconds since the epoch), and what it goes on costing."""
        return ledger.spent(self.entries(cluster), now)

    # Leases

    def take_lease(self, cluster: str, verb: str) -> Lease:
        """Take the right to run `verb` on `cluster`, which need not be known yet.

        A lease whose process is dead is taken over, and so is one of another host that gave no sign of life
        for a minute; to `terminate` also that of a verb that only looks. Raises `LeaseHeld`.
        """
        with self._database.writing() as connection:
            return leases.take(connection, cluster, verb, me=self._holder(), now=self._now())

    def check(self, lease: Lease) -> None:
        """Raise `LeaseLost` unless the lease is still ours; now and then also a sign of life."""
        with self._database.reading() as connection:
            idle = self._now() - leases.check(connection, lease)
        if idle >= leases.RENEW_AFTER:
            self.renew(lease)

    def renew(self, lease: Lease) -> None:
        """Give a sign of life; raises `LeaseLost`."""
        with self._database.writing(durable=False) as connection:
            leases.renew(connection, lease, now=self._now())

    def release(self, lease: Lease) -> None:
        """Let go; may be repeated, and is silent when the lease was lost."""
        with self._database.writing() as connection:
            leases.release(connection, lease)

    def leases(self) -> dict[str, Lease]:
        """The leases that a living process holds, by cluster."""
        with self._database.reading() as connection:
            return leases.living(connection, me=self._holder(), now=self._now())

    # The journal

    def intend(self, lease: Lease, step: str, intent: Mapping[str, str]) -> int:
        """Write what is about to be done, so that it is on the disk before it is done; gives the entry.

        Raises `LeaseLost`.
        """
        with self._leased(lease, lease.cluster) as connection:
            return journal.intend(connection, lease.cluster, lease.number, step, intent, now=self._now())

    def done(self, entry: int, lease: Lease, outcome: str = "") -> None:
        """Write that the step is over, whoever began it; raises `LeaseLost`."""
        with self._leased(lease, lease.cluster) as connection:
            journal.done(connection, entry, lease.cluster, outcome, now=self._now())

    def open_steps(self, cluster: str) -> list[Step]:
        """What was begun on a cluster and never ended, the oldest first."""
        with self._database.reading() as connection:
            return journal.steps(connection, cluster, only_open=True)

    def steps(self, cluster: str) -> list[Step]:
        """The whole journal of a cluster."""
        with self._database.reading() as connection:
            return journal.steps(connection, cluster, only_open=False)

    def left_open(self) -> list[str]:
        """Handles of clusters that a verb left half-way and nobody alive works on: `reconcile` is due."""
        with self._database.reading() as connection:
            busy = leases.living(connection, me=self._holder(), now=self._now())
            begun = set(journal.clusters_with_open_steps(connection))
            rows = clusters.summaries(connection, terminated=True, since=None, cluster_type=None)
        return [
            row.handle
            for row in rows
            if row.handle not in busy and (row.handle in begun or row.state in ClusterState.under_way())
        ]

    # Pids and notes

    def pids(self, cluster: str, lives: Sequence[Life]) -> dict[Life, int]:
        """The pid of each life: what it was before, or the next numbers in the order given."""
        with self._database.reading() as connection:
            found = pids.known(connection, cluster, lives)
        if len(found) == len(set(lives)):
            return found
        with self._database.writing() as connection:
            return pids.give(connection, cluster, lives)

    def lives(self, numbers: Collection[int]) -> dict[int, tuple[str, Life]]:
        """Cluster and life of each of these pids that was ever given."""
        with self._database.reading() as connection:
            return pids.lives(connection, numbers)

    def note(self, cluster: str, text: str) -> None:
        """Add a line to the cluster's own log."""
        with self._database.writing(durable=False) as connection:
            connection.execute("INSERT INTO notes (cluster, at, text) VALUES (?, ?, ?)", (cluster, self._now(), text))

    def notes(self, cluster: str) -> list[tuple[float, str]]:
        """The cluster's log: when, and what."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT at, text FROM notes WHERE cluster = ? ORDER BY entry", (cluster,))
            return [(at, text) for at, text in rows]

    @contextlib.contextmanager
    def _leased(self, lease: Lease, cluster: str) -> Iterator[sqlite3.Connection]:
        """A write under a lease: the number is checked in the same transaction."""
        if lease.cluster != cluster:
            raise WrongHandle(f"the lease of {lease.cluster} does not allow writing to {cluster}")
        with self._database.writing() as connection:
            leases.renew(connection, lease, now=self._now())
            yield connection

    def _name_it(self) -> dict[str, str]:
        import secrets

        with self._database.writing() as connection:
            for key, value in (("id", secrets.token_hex(8)), ("owner", _owner())):
                connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", (key, value))
            return dict(connection.execute("SELECT key, value FROM meta"))


def _writable(word: str) -> str:
    """The word without what no text can hold: a command line may carry bytes that are no characters."""
    return word.encode(errors="replace").decode()


def _owner() -> str:
    import pwd

    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers run as users that no list names
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
