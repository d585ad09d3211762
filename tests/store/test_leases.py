"""Leases: one verb per cluster at a time, whoever dies, and nobody writes with an old number."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cloudclusters.errors import LeaseHeld, LeaseLost
from cloudclusters.store import Holder, Store
from cloudclusters.store.holder import is_dead, this_process
from cloudclusters.store.leases import EXPIRY

CLUSTER = "K" * 15
TAKE = """
import sys
from pathlib import Path
from cloudclusters.store import Store
lease = Store.open(Path(sys.argv[1])).take_lease(sys.argv[2], "restart")
print(lease.number, flush=True)
sys.stdin.read()
"""


class Time:
    """A clock that stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def opened(home: Path, time: Time) -> Iterator[Callable[..., Store]]:
    """Open the store as some holder."""
    stores = []

    def open_as(**changes: object) -> Store:
        holder = msgspec.structs.replace(this_process(), **changes)
        store = Store.open(home, now=time, holder=lambda: holder)
        stores.append(store)
        return store

    yield open_as
    for store in stores:
        store.close()


@pytest.fixture
def other_process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lease until it is told to end."""
    Store.open(home).close()
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(home), CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "1\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()


def test_living_process_keeps_its_lease(store: Store, other_process: subprocess.Popen[str]) -> None:
    """The refusal names the verb, the process and the host."""
    with pytest.raises(LeaseHeld, match="`restart`") as caught:
        store.take_lease(CLUSTER, "terminate")
    assert f"process {other_process.pid} on" in caught.value.message
    assert store.leases()[CLUSTER].holder.os_pid == other_process.pid


def test_lease_of_a_killed_process_is_taken_over(store: Store, other_process: subprocess.Popen[str]) -> None:
    """At once, and with a higher number; also before anybody has waited for the dead one."""
    other_process.kill()
    os.waitid(os.P_PID, other_process.pid, os.WEXITED | os.WNOWAIT)  # it is dead now, and still a zombie
    assert store.take_lease(CLUSTER, "terminate").number == 2


def test_second_verb_of_one_process_is_refused(store: Store) -> None:
    """Two threads of one driver are two drivers."""
    store.take_lease(CLUSTER, "interrupt")
    with pytest.raises(LeaseHeld, match="this very process"):
        store.take_lease(CLUSTER, "terminate")


@pytest.mark.parametrize("verb", ["refresh", "reconnect"])
def test_who_only_looks_gives_way_to_terminate_alone(store: Store, verb: str) -> None:
    """It may hang for as long as it likes, and then writes nothing."""
    looks = store.take_lease(CLUSTER, verb)
    with pytest.raises(LeaseHeld, match=verb):
        store.take_lease(CLUSTER, "scale")
    ends = store.take_lease(CLUSTER, "terminate")
    with pytest.raises(LeaseLost, match="taken over by `terminate`"):
        store.renew(looks)
    store.release(looks)
    store.check(ends)


def test_leases_of_two_clusters_are_independent(store: Store) -> None:
    """Each cluster has its own."""
    store.take_lease("a" * 15, "restart")
    assert store.take_lease("b" * 15, "restart").number == 1


def test_released_lease_is_free_and_lost(store: Store) -> None:
    """The next one has a higher number, and the old one allows nothing."""
    old = store.take_lease(CLUSTER, "restart")
    store.release(old)
    assert store.take_lease(CLUSTER, "scale").number == 2
    with pytest.raises(LeaseLost, match="taken over by `scale`"):
        store.check(old)


def test_late_release_does_not_free_the_successor(opened: Callable[..., Store], time: Time) -> None:
    """Releasing is silent when the lease was lost, and touches nothing."""
    here, there = opened(), opened(host="elsewhere", boot="b", machine="m")
    old = there.take_lease(CLUSTER, "restart")
    time.now += EXPIRY + 1
    new = here.take_lease(CLUSTER, "terminate")
    there.release(old)
    here.check(new)


def test_silent_host_loses_its_lease_after_a_minute(opened: Callable[..., Store], time: Time) -> None:
    """And when it wakes up, it may write nothing."""
    here, there = opened(), opened(host="elsewhere", boot="b", machine="m")
    old = there.take_lease(CLUSTER, "restart")
    time.now += EXPIRY - 1
    with pytest.raises(LeaseHeld):
        here.take_lease(CLUSTER, "terminate")
    time.now += 2
    assert here.take_lease(CLUSTER, "terminate").number == old.number + 1
    with pytest.raises(LeaseLost):
        there.intend(old, "start", {})


def test_checking_is_a_sign_of_life(opened: Callable[..., Store], time: Time) -> None:
    """A verb that goes on checking keeps its lease for hours."""
    here, there = opened(), opened(host="elsewhere", boot="b", machine="m")
    lease = there.take_lease(CLUSTER, "restart")
    for _ in range(10):
        time.now += EXPIRY / 2
        there.check(lease)
    with pytest.raises(LeaseHeld):
        here.take_lease(CLUSTER, "terminate")


def test_living_process_of_this_host_never_expires(
    opened: Callable[..., Store], time: Time, other_process: subprocess.Popen[str]
) -> None:
    """A stopped process, or a call that takes an hour, is not dead."""
    time.now += 1e10
    with pytest.raises(LeaseHeld):
        opened().take_lease(CLUSTER, "terminate")


def test_clock_that_runs_backwards_frees_nothing(opened: Callable[..., Store], time: Time) -> None:
    """Two hosts' clocks may differ."""
    here, there = opened(), opened(host="elsewhere", boot="b", machine="m")
    there.take_lease(CLUSTER, "restart")
    time.now -= 1e6
    with pytest.raises(LeaseHeld):
        here.take_lease(CLUSTER, "terminate")


ME = Holder(host="h", boot="b", os_pid=1, started="0", machine="m", space="s")


@pytest.mark.parametrize(
    ("changes", "dead"),
    [
        ({"boot": "earlier"}, True),
        ({"boot": "earlier", "machine": "another of that name"}, None),
        ({"boot": "earlier", "host": "other"}, None),
        ({"space": "a container"}, None),
        ({"os_pid": 1 << 22, "started": "5"}, True),
    ],
    ids=["host was rebooted", "host of the same name", "other host", "other container", "no such process"],
)
def test_who_is_dead(changes: dict[str, object], dead: bool | None) -> None:
    """Only what is known for certain; None when it cannot be told."""
    assert is_dead(msgspec.structs.replace(ME, **changes), me=ME) is dead


def test_reused_process_number_is_another_process() -> None:
    """The start time tells them apart."""
    me = this_process()
    assert is_dead(me, me=me) is False
    assert is_dead(msgspec.structs.replace(me, started="1"), me=me) is True
