"""The shared suite on the fake cloud: in memory, in a file, and without `CanStop`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Instance, Offer, Place
from cloudclusters.base.waiting import Clock
from cloudclusters.provider.protocol import Provider
from cloudclusters.testing.clock import ManualClock
from cloudclusters.testing.cloud import FakeCloud, Timing
from cloudclusters.testing.fleet import FakeFleet
from cloudclusters.testing.provider_suite import Disk, ProviderSuite, never


class FleetDisk:
    """Disks of fake machines."""

    def __init__(self, fleet: FakeFleet) -> None:
        self._fleet = fleet

    def write(self, instance: Instance, text: str) -> None:
        assert instance.endpoint is not None
        self._fleet.at(instance.endpoint).files["mark"] = text.encode()

    def read(self, instance: Instance) -> str:
        assert instance.endpoint is not None
        return self._fleet.at(instance.endpoint).files["mark"].decode()


class TestFakeInMemory(ProviderSuite):
    """The cloud of most tests."""

    @pytest.fixture
    def clock(self) -> Clock:
        return ManualClock()

    @pytest.fixture
    def cloud(self, clock: Clock) -> FakeCloud:
        return FakeCloud(clock=clock)

    @pytest.fixture
    def provider(self, cloud: FakeCloud) -> Provider:
        return cloud.provider()

    @pytest.fixture
    def reopen(self, cloud: FakeCloud) -> Callable[[], Provider]:
        return cloud.provider

    @pytest.fixture
    def offer(self) -> Offer:
        return Offer(provider="fake", instance_type="fake.small", place=Place("fake-1", "fake-1b"), hourly_usd=0.1)

    @pytest.fixture
    def disk(self, cloud: FakeCloud) -> Disk:
        return FleetDisk(FakeFleet(cloud))

    @pytest.fixture
    def scarce(self, cloud: FakeCloud) -> Callable[[int], None]:
        return lambda machines: cloud.no_capacity(leave=machines)

    @pytest.fixture
    def unreachable(self, cloud: FakeCloud) -> Callable[[bool], None]:
        return lambda away: cloud.unreachable() if away else cloud.mend()

    @pytest.fixture
    def left(self, cloud: FakeCloud) -> Callable[[], Collection[str]]:
        return cloud.left


class TestFakeInAFile(TestFakeInMemory):
    """The cloud of crash tests; every opening is another process's."""

    @pytest.fixture
    def cloud(self, clock: Clock, tmp_path: Path) -> FakeCloud:
        return FakeCloud(tmp_path / "cloud.json", clock=clock)

    @pytest.fixture
    def reopen(self, clock: Clock, tmp_path: Path) -> Callable[[], Provider]:
        return lambda: FakeCloud(tmp_path / "cloud.json", clock=clock).provider()


class TestFakeThatIsSlow(TestFakeInMemory):
    """Machines that take minutes, and a cloud that forgets those that are gone."""

    patience = 3600.0

    @pytest.fixture
    def cloud(self, clock: Clock) -> FakeCloud:
        cloud = FakeCloud(clock=clock)
        slowly = Timing(looks=3, seconds=90.0)
        cloud.slow(boot=slowly, stop=slowly, end=slowly)
        cloud.forget_gone()
        return cloud


class TestFakeWithoutStop(TestFakeInMemory):
    """A provider whose machines cannot be stopped (FX-09)."""

    marks = {  # noqa: RUF012 - the suite reads it at class creation, and nobody writes it
        "test_stop_and_start_keep_machine_and_disk": never("its machines cannot be stopped"),
        "test_stop_and_start_may_be_repeated": never("its machines cannot be stopped"),
        "test_terminate_of_stopped_machines": never("its machines cannot be stopped"),
    }

    @pytest.fixture
    def provider(self, cloud: FakeCloud) -> Provider:
        return cloud.provider(can_stop=False)
