"""The ledger: what a record says was paid, once and without gaps, whatever is seen in whichever order."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Market, Offer, Place, Rates, Slot
from cloudclusters.base.size import GiB
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.store import FILE, Entry, Kind, Store
from cloudclusters.store.booking import booked
from cloudclusters.store.ledger import spent
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

PENDING, RUNNING, STOPPED, GONE = (InstanceState(name) for name in ("pending", "running", "stopped", "gone"))
RATES = Rates(disk_usd=0.001, address_usd=0.005, least=60.0)
OFFER = Offer(provider="fake", instance_type="fake.small", place=Place("fake-1"), hourly_usd=0.1)


def record_of(*nodes: NodeRecord, rates: Rates = RATES, state: str = "running") -> ClusterRecord:
    """A cluster whose plan knows one offer."""
    role = RolePlan(role="peer", count=2, offer=OFFER, disk_bytes=10 * GiB)
    return ClusterRecord(
        handle="a" * 15,
        state=ClusterState(state),
        plan=Plan(contract="C" * 15, cluster_type=ClusterType.PEER_WORKERS, provider="fake", roles=(role,)),
        holding=Holding(provider="fake", cluster="a" * 15, owner="me", store="s"),
        nodes=nodes,
        rates=rates,
    )


def machine(state: InstanceState, *, id: str = "i-0", launched: float = 100.0, ended: float = 0.0) -> Instance:
    """A machine as seen."""
    return Instance(
        id=id,
        slot=Slot("peer", 0),
        token="t",
        state=state,
        instance_type="fake.small",
        place=Place("fake-1"),
        public_address="198.51.100.1" if state is RUNNING else "",
        launched_at=launched,
        ended_at=ended,
    )


def node(instance: Instance | None) -> NodeRecord:
    """The node of that machine, bought at the offer."""
    return NodeRecord(slot=Slot("peer", 0), offer=OFFER, token="t", instance=instance)


class Book:
    """A ledger in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def see(self, now: float, *seen: Instance, also: tuple[Instance, ...] = (), rates: Rates = RATES) -> None:
        """A record with these machines is written."""
        record = record_of(*(node(each) for each in seen), rates=rates)
        for change in booked(self.entries, record, also=also, now=now):
            if change.entry:
                self.entries[change.entry - 1] = change
            else:
                self.entries.append(msgspec.structs.replace(change, entry=len(self.entries) + 1))

    def runs(self, kind: Kind = Kind.COMPUTE) -> list[tuple[float, float | None]]:
        """From when until when."""
        return [(entry.began, entry.ended) for entry in self.entries if entry.kind is kind]


STATES = st.sampled_from(InstanceState)
LOOKS = st.lists(
    st.tuples(st.sampled_from("abc"), STATES, st.floats(1, 500), st.booleans(), st.booleans(), st.booleans()),
    max_size=25,
)


@given(LOOKS, st.sampled_from([PENDING, RUNNING]))
def test_no_second_is_paid_twice_and_none_below_zero(looks: list, first: InstanceState) -> None:
    """Entries of one machine and kind never overlap, each write may be repeated, and nothing is ever negative."""
    book, now = Book(), 1000.0
    rates = msgspec.structs.replace(RATES, billed_from=first)
    for name, state, step, anew, told, stray in looks:
        now += step
        seen = machine(state, id=name, launched=now - step if anew else 1000.0, ended=now - step / 2 if told else 0.0)
        nodes, also = ((), (seen,)) if stray else ((seen,), ())
        book.see(now, *nodes, also=also, rates=rates)
        before = list(book.entries)
        book.see(now, *nodes, also=also, rates=rates)
        assert book.entries == before

    for name, kind in ((name, kind) for name in "abc" for kind in Kind):
        mine = [entry for entry in book.entries if (entry.instance, entry.kind) == (name, kind)]
        for earlier, later in itertools.pairwise(mine):
            assert earlier.ended is not None
            assert earlier.began <= earlier.ended <= later.began
    total = spent(book.entries, now)
    assert total.usd >= 0
    assert total.machine_seconds >= 0
    assert spent(book.entries, now + 60).usd >= total.usd >= spent(book.entries, now, since=now - 100).usd


@given(st.lists(st.tuples(st.floats(1, 1000), st.floats(1, 1000)), min_size=1, max_size=6))
def test_the_provider_s_own_times_are_what_counts(runs: list[tuple[float, float]]) -> None:
    """However late anybody looks, a machine is paid from each launch to each end, and its disk from first to last."""
    book, now, ran = Book(), 1000.0, 0.0
    for up, down in runs:
        start, end = now, now + up
        book.see(start + up / 2, machine(RUNNING, launched=start))
        now = end + down
        book.see(now - down / 3, machine(STOPPED, launched=start, ended=end))
        ran += up
    book.see(now, machine(GONE, launched=start, ended=now))

    assert spent(book.entries, now).machine_seconds == pytest.approx(ran)
    assert book.runs(Kind.DISK) == [(1000.0, now)]
    assert book.runs(Kind.ADDRESS) == book.runs()


def test_pending_machines_are_paid_where_the_provider_says_so() -> None:
    """Elsewhere from running on, counted from the launch."""
    book = Book()
    book.see(101, machine(PENDING))
    assert book.runs() == []
    book.see(102, machine(RUNNING))
    assert book.runs() == [(100.0, None)]

    early = Book()
    early.see(101, machine(PENDING), rates=msgspec.structs.replace(RATES, billed_from=PENDING))
    assert early.runs() == [(100.0, None)]


def test_an_end_that_nobody_tells_is_when_it_was_seen() -> None:
    """And a machine that no write tells of any more has ended then, too."""
    book = Book()
    book.see(110, machine(RUNNING))
    book.see(200, machine(STOPPED))
    assert book.runs() == [(100.0, 200)]

    book.see(300, machine(RUNNING, launched=250))
    book.see(400)
    assert book.runs() == [(100.0, 200), (250.0, 400)]
    assert book.runs(Kind.DISK) == [(100.0, 400)]


def test_machines_without_a_node_are_paid_at_the_plan_s_offer() -> None:
    """Those of a launch that was undone; of another type nobody knows the price."""
    stray = machine(GONE, id="i-1", ended=150)
    odd = msgspec.structs.replace(stray, id="i-2", market=Market.SPOT, token="other")
    book = Book()
    book.see(200, also=(stray, odd))

    prices = {entry.instance: entry.hourly_usd for entry in book.entries if entry.kind is Kind.COMPUTE}
    assert book.runs() == [(100.0, 150), (100.0, 150)]
    assert prices == {"i-1": 0.1, "i-2": None}
    assert spent(book.entries, 300).unknown


def test_a_start_costs_at_least_what_the_provider_says() -> None:
    """A machine that ran for ten seconds is paid for a minute; its seconds stay ten."""
    book = Book()
    book.see(105, machine(RUNNING), rates=Rates(disk_usd=0, address_usd=0, least=60))
    book.see(110, machine(GONE, ended=110), rates=Rates(disk_usd=0, address_usd=0, least=60))

    total = spent(book.entries, 1000)
    assert total.usd == pytest.approx(0.1 / 60)
    assert total.machine_seconds == 10
    assert not total.unknown


def test_the_store_books_with_every_write_and_keeps_it(store: Store, build) -> None:
    """Entries outlive the nodes, the machines and the cluster; without a price the sum says so."""
    lease = store.take_lease("a" * 15, "deploy")
    record = msgspec.structs.replace(build("a" * 15), nodes=(), rates=RATES)
    store.create(record, lease)
    running = msgspec.structs.replace(record, nodes=(node(machine(RUNNING)),))
    store.write(running, lease)
    assert store.spent("a" * 15, now=3700.0).usd == pytest.approx(0.1 + 0.005)
    assert store.spent("a" * 15, now=3700.0).unknown  # nobody said how large its disk is
    assert store.spent("a" * 15, now=3700.0).hourly_usd == pytest.approx(0.1 + 0.005)

    store.write(msgspec.structs.replace(record, state=ClusterState.TERMINATED), lease, also=[machine(GONE, ended=3700)])
    store.release(lease)
    after = store.spent("a" * 15, now=1e9)
    assert (after.usd, after.hourly_usd) == (pytest.approx(0.1 + 0.005), 0)


def test_a_buried_cluster_is_paid_no_more(store: Store, build) -> None:
    """Its record cannot be read, but its entries end."""
    lease = store.take_lease("a" * 15, "deploy")
    store.create(msgspec.structs.replace(build("a" * 15), nodes=(node(machine(RUNNING)),)), lease)
    store.bury(lease)
    store.release(lease)

    assert [entry for entry in store.entries("a" * 15) if entry.ended is None] == []


def test_clusters_from_before_the_ledger_say_that_their_cost_is_unknown(home: Path, build) -> None:
    """A store of the first format is brought up to this one, and keeps its clusters."""
    with contextlib.closing(Store.open(home)) as store:
        lease = store.take_lease("a" * 15, "deploy")
        store.create(build("a" * 15), lease)
        store.release(lease)
    with sqlite3.connect(home / FILE) as connection:
        connection.execute("DROP TABLE ledger")
        connection.execute("PRAGMA user_version = 1")
    connection.close()

    with contextlib.closing(Store.open(home)) as store:
        assert store.record("a" * 15).handle == "a" * 15
        total = store.spent("a" * 15, now=1e10)
    assert total.unknown
    assert (total.usd, total.machine_seconds) == (0, 0)
