"""Whatever happens to its holders, the number of a lease only rises and one of them at most may write."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cloudclusters.errors import LeaseHeld, LeaseLost
from cloudclusters.store import Holder, Lease, Store
from cloudclusters.store.leases import EXPIRY

CLUSTER = "K" * 15
NAMES = ("near1", "near2", "far1", "far2")
_names = st.sampled_from(NAMES)


class Drivers(RuleBasedStateMachine):
    """Two drivers on this host and two on others fight for one cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.dead: set[str] = set()
        self.held: dict[str, Lease] = {}
        self.last = 0
        self.lives = 0
        self.renewed = 0.0
        self.home = tempfile.TemporaryDirectory()
        self.stores = {name: self._open(name) for name in NAMES}
        self.patch = mock.patch("cloudclusters.store.leases.is_dead", self._is_dead)
        self.patch.start()

    def _open(self, name: str) -> Store:
        self.lives += 1
        holder = Holder(host=name, boot=name, os_pid=self.lives, started=name)
        return Store.open(Path(self.home.name), now=lambda: self.now, holder=lambda: holder)

    def _is_dead(self, holder: Holder, *, me: Holder) -> bool | None:
        if holder == me:
            return False
        if holder.host.startswith("near") and me.host.startswith("near"):
            return str(holder.os_pid) in self.dead
        return None

    @rule(name=_names)
    def take(self, name: str) -> None:
        """Whoever gets it gets a higher number than all before."""
        try:
            lease = self.stores[name].take_lease(CLUSTER, "restart")
        except LeaseHeld:
            return
        assert lease.number > self.last
        self.last, self.renewed = lease.number, self.now
        self.held[name] = lease

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        """Only the latest number may write."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        lease = self.held[name]
        try:
            self.stores[name].intend(lease, "step", {})
        except LeaseLost:
            del self.held[name]
        else:
            assert lease.number == self.last
            self.renewed = self.now

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """A driver ends its verb."""
        name = data.draw(st.sampled_from(sorted(self.held)))
        self.stores[name].release(self.held.pop(name))

    @rule(name=_names)
    def die(self, name: str) -> None:
        """A driver dies, and a new one starts in its place."""
        self.dead.add(str(self.stores[name]._holder().os_pid))
        self.held.pop(name, None)
        self.stores[name].close()
        self.stores[name] = self._open(name)

    @rule(seconds=st.floats(1, 2 * EXPIRY))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @invariant()
    def one_at_most(self) -> None:
        """Of all leases that somebody believes to hold, at most one is."""
        good = 0
        with mock.patch("cloudclusters.store.leases.RENEW_AFTER", float("inf")):
            for name, lease in self.held.items():
                try:
                    self.stores[name].check(lease)
                except LeaseLost:
                    continue
                good += 1
        assert good <= 1

    def teardown(self) -> None:
        """Close everything."""
        self.patch.stop()
        for store in self.stores.values():
            store.close()
        self.home.cleanup()


Drivers.TestCase.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLeaseNumbers = Drivers.TestCase
