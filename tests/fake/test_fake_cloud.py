"""Faults on order: the fake cloud goes wrong exactly as told, and its truth can be looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Market, Offer, Place, Slot
from cloudclusters.errors import InvalidSetting, NoCapacity, ProviderError, ProviderUnavailable, Throttled
from cloudclusters.provider.fake.provider import FakeProvider
from cloudclusters.provider.protocol import CanConsole, CanStop, Site
from cloudclusters.provider.registry import plugin
from cloudclusters.testing.clock import ManualClock
from cloudclusters.testing.cloud import FakeCloud, Fault, Timing

OFFER = Offer(provider="fake", instance_type="fake.small", place=Place("fake-1", "fake-1a"))
BARE = Holding(provider="fake", cluster="K" * 15, owner="me", store="s", place=Place("fake-1"), name="mine")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cloud(clock: ManualClock) -> FakeCloud:
    return FakeCloud(clock=clock)


@pytest.fixture
def provider(cloud: FakeCloud) -> FakeProvider:
    return cloud.provider()


@pytest.fixture
def holding(provider: FakeProvider) -> Holding:
    return provider.prepare(BARE)


def ask(count: int = 2, *, token: str = "t", offer: Offer = OFFER) -> Launch:
    return Launch(token=token, offer=offer, slots=tuple(Slot("peer", index) for index in range(count)))


def states(seen: Sequence[Instance]) -> list[str]:
    return [str(instance.state) for instance in seen]


def outcomes(call: Callable[[], object], times: int) -> list[str]:
    """What so many calls come to: `ok`, or the error's name."""
    found = []
    for _ in range(times):
        try:
            call()
        except ProviderError as exc:
            found.append(type(exc).__name__)
        else:
            found.append("ok")
    return found


def test_fault_strikes_the_kth_call(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """After so many good ones, so many times, and then no more."""
    cloud.fail("describe", "Throttled", skip=1, times=2)
    assert outcomes(lambda: provider.describe(holding), 5) == ["ok", "Throttled", "Throttled", "ok", "ok"]


def test_faults_are_counted_side_by_side(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """The k-th call is the k-th whatever struck the ones before."""
    cloud.fail("describe", "Throttled")
    cloud.fail("describe", "ProviderUnavailable", skip=1)
    assert outcomes(lambda: provider.describe(holding), 3) == ["Throttled", "ProviderUnavailable", "ok"]


def test_error_before_the_effect(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """Nothing was made."""
    cloud.fail("launch")
    with pytest.raises(ProviderUnavailable, match="before its effect"):
        provider.launch(holding, ask())
    assert not cloud.machines()


def test_error_after_the_effect(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """The answer is lost, the machines are not: the token finds them again."""
    cloud.fail("launch", after=True)
    with pytest.raises(ProviderUnavailable, match="after its effect"):
        provider.launch(holding, ask())
    made = [machine.id for machine in cloud.machines()]
    assert len(made) == 2
    assert [instance.id for instance in provider.launch(holding, ask())] == made


def test_no_capacity_in_one_zone(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """The next zone has machines."""
    cloud.no_capacity("fake.small", zone="fake-1a")
    with pytest.raises(NoCapacity, match=r"fake\.small free in fake-1a"):
        provider.launch(holding, ask())
    other = msgspec.structs.replace(OFFER, place=Place("fake-1", "fake-1b"))
    assert len(provider.launch(holding, ask(token="t2", offer=other))) == 2


def test_capacity_comes_back(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """A launch that found none may be repeated with its token."""
    cloud.no_capacity(times=1)
    assert outcomes(lambda: provider.launch(holding, ask()), 2) == ["NoCapacity", "ok"]


def test_no_capacity_on_one_market(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """On-demand is there when spot is not."""
    cloud.order(Fault(verb="launch", market=Market.SPOT, leave=0, times=None))
    spot = msgspec.structs.replace(OFFER, market=Market.SPOT)
    assert outcomes(lambda: provider.launch(holding, ask(offer=spot)), 1) == ["NoCapacity"]
    assert outcomes(lambda: provider.launch(holding, ask(token="t2")), 1) == ["ok"]


def test_token_for_something_else_is_refused(provider: FakeProvider, holding: Holding) -> None:
    """A mistake of the caller is told, not guessed at."""
    provider.launch(holding, ask(2))
    with pytest.raises(ProviderError, match="used for another launch"):
        provider.launch(holding, ask(3))


def test_launch_before_prepare_is_refused(provider: FakeProvider) -> None:
    """A cloud has no group that nobody made."""
    with pytest.raises(ProviderError, match="prepare comes first"):
        provider.launch(BARE, ask())


def test_release_while_machines_live_is_refused(provider: FakeProvider, holding: Holding) -> None:
    """A cloud does not delete what is in use."""
    provider.launch(holding, ask())
    with pytest.raises(ProviderError, match="still used by fake-000001, fake-000002"):
        provider.release(holding)


def test_start_while_stopping_is_refused(cloud: FakeCloud, holding: Holding) -> None:
    """As clouds do; the caller waits until it is stopped."""
    provider = cloud.provider()
    assert isinstance(provider, CanStop)
    ids = [instance.id for instance in provider.launch(holding, ask(1))]
    cloud.slow(stop=Timing(looks=3))
    provider.stop(holding, ids)
    with pytest.raises(ProviderError, match="still stopping"):
        provider.start(holding, ids)


def test_boot_takes_looks(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """So many describes show it pending."""
    cloud.slow(boot=Timing(looks=2))
    provider.launch(holding, ask(1))
    assert [states(provider.describe(holding)) for _ in range(3)] == [["pending"], ["pending"], ["running"]]


def test_boot_takes_seconds(cloud: FakeCloud, provider: FakeProvider, holding: Holding, clock: ManualClock) -> None:
    """Of the given clock."""
    cloud.slow(boot=Timing(seconds=40.0))
    provider.launch(holding, ask(1))
    clock.advance(39)
    assert states(provider.describe(holding)) == ["pending"]
    clock.advance(2)
    assert states(provider.describe(holding)) == ["running"]


def test_describe_lags_behind_a_launch(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """New machines are not to be seen at first, though they are there."""
    cloud.lag(looks=2)
    cloud.slow(boot=Timing())
    provider.launch(holding, ask(1))
    assert len(cloud.machines()) == 1
    assert [states(provider.describe(holding)) for _ in range(3)] == [[], [], ["running"]]


def test_describe_lags_behind_a_termination(
    cloud: FakeCloud, provider: FakeProvider, holding: Holding, clock: ManualClock
) -> None:
    """A machine that is gone is still shown; the trait says for how long."""
    cloud.slow(boot=Timing(), end=Timing())
    ids = [instance.id for instance in provider.launch(holding, ask(1))]
    provider.describe(holding)
    cloud.lag(seconds=5.0)
    provider.terminate(holding, ids)
    assert states(provider.describe(holding)) == ["running"]
    clock.advance(provider.traits.settles_after)
    assert states(provider.describe(holding)) == ["gone"]


def test_spot_machine_is_taken_back(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """The others live on, and the reason is told."""
    spot = msgspec.structs.replace(OFFER, market=Market.SPOT)
    provider.launch(holding, ask(1, offer=spot))
    provider.launch(holding, ask(1, token="t2"))
    provider.describe(holding)
    provider.describe(holding)
    assert len(cloud.reclaim_spot()) == 1
    seen = [provider.describe(holding) for _ in range(2)][-1]
    assert states(seen) == ["gone", "running"]
    assert "spot" in seen[0].reason


def test_machine_is_lost(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """It is gone at the next look."""
    (machine,) = provider.launch(holding, ask(1))
    cloud.lose(machine.id)
    assert states(provider.describe(holding)) == ["gone"]


def test_start_gives_another_address(cloud: FakeCloud, holding: Holding) -> None:
    """Public addresses change; inner ones, ids and slots do not."""
    provider = cloud.provider()
    assert isinstance(provider, CanStop)
    cloud.slow(boot=Timing(), stop=Timing())
    provider.launch(holding, ask(1))
    (before,) = provider.describe(holding)
    provider.stop(holding, [before.id])
    provider.describe(holding)
    provider.start(holding, [before.id])
    (after,) = provider.describe(holding)
    assert (after.id, after.slot, after.inner_address) == (before.id, before.slot, before.inner_address)
    assert after.endpoint != before.endpoint
    assert after.public_address != before.public_address


def test_every_call_is_logged(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """With its cluster, what it was about, and the error it ended with."""
    cloud.throttle("launch")
    outcomes(lambda: provider.launch(holding, ask(1)), 2)
    assert [(c.cluster, c.about, c.error) for c in cloud.calls("launch")] == [
        ("K" * 15, ("t", "fake.small", "node0"), "Throttled"),
        ("K" * 15, ("t", "fake.small", "node0"), ""),
    ]
    assert [c.verb for c in cloud.calls()] == ["prepare", "launch", "launch"]


def test_watch_hears_of_every_call(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """Before and after it; what it raises ends the call there."""
    heard: list[str] = []

    def watch(verb: str, when: str) -> None:
        heard.append(f"{when} {verb}")
        if when == "after" and verb == "launch":
            raise Throttled("from the watch")

    cloud.watches.append(watch)
    with pytest.raises(Throttled):
        provider.launch(holding, ask(1))
    assert heard == ["before launch", "after launch"]
    assert len(cloud.machines()) == 1


def test_left_names_everything(cloud: FakeCloud, provider: FakeProvider, holding: Holding) -> None:
    """Machines that are not gone, and what was prepared; asking is no call."""
    provider.launch(holding, ask(1))
    assert cloud.left() == ["fake-000001 (pending)", f"group-{'K' * 15}", f"key-{'K' * 15}"]
    assert cloud.left("other") == []
    assert [c.verb for c in cloud.calls()] == ["prepare", "launch"]


def test_prices(cloud: FakeCloud, provider: FakeProvider) -> None:
    """A type is sold at the price set, cheaper on the spot market."""
    cloud.price("fake.big", 9.0)
    sold = [o for o in provider.offers(["fake-2"]) if o.instance_type == "fake.big"]
    assert {o.market: o.hourly_usd for o in sold} == {Market.ON_DEMAND: 9.0, Market.SPOT: 3.0}
    assert {o.place.region for o in sold} == {"fake-2"}


def test_console(provider: FakeProvider, holding: Holding) -> None:
    """What a machine printed, and an error for one that is not there."""
    (machine,) = provider.launch(holding, ask(1))
    assert isinstance(provider, CanConsole)
    assert machine.id in provider.console(holding, machine.id)
    with pytest.raises(ProviderError, match="has no machine nothing"):
        provider.console(holding, "nothing")


KILLED = """
import sys
from pathlib import Path
from cloudclusters.base.cloud import Holding, Launch, Offer, Place, Slot
from cloudclusters.testing.cloud import FakeCloud
cloud = FakeCloud(Path(sys.argv[1]))
provider = cloud.provider()
holding = provider.prepare(Holding(provider="fake", cluster="K" * 15, owner="me", store="s", place=Place("fake-1")))
cloud.fail("launch", "kill", after=sys.argv[2] == "after")
offer = Offer(provider="fake", instance_type="fake.small", place=Place("fake-1"))
provider.launch(holding, Launch(token="t", offer=offer, slots=(Slot("peer", 0),)))
"""


@pytest.mark.parametrize(("when", "machines"), [("before", 0), ("after", 1)])
def test_cloud_outlives_a_killed_caller(tmp_path: Path, when: str, machines: int) -> None:
    """The next process meets the same machines, and is not killed again."""
    path = tmp_path / "cloud.json"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), when], check=False)
    assert killed.returncode == -9
    cloud = FakeCloud(path)
    provider = cloud.provider()
    (found,) = provider.find()
    assert len(provider.describe(found)) == machines
    assert len(provider.launch(found, ask(1))) == 1
    assert len(cloud.machines()) == 1


def test_unreadable_cloud_is_an_unavailable_one(tmp_path: Path) -> None:
    """And never an empty one."""
    path = tmp_path / "cloud.json"
    path.write_text("{")
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        FakeCloud(path).provider().describe(BARE)
    assert path.read_text() == "{"


def test_plugin_keeps_the_cloud_below_home(tmp_path: Path) -> None:
    """Opened twice, it is the same cloud."""
    site = Site(home=tmp_path, owner="me")
    plugin("fake").open(site).prepare(BARE)
    again = plugin("fake").open(site)
    assert isinstance(again, FakeProvider)
    assert [h.cluster for h in again.find()] == ["K" * 15]
    assert (tmp_path / "fake" / "cloud.json").exists()


def test_plugin_settings(tmp_path: Path) -> None:
    """`can_stop` switches the ability, and unknown keys are errors."""
    open_fake = plugin("fake").open
    without = open_fake(Site(home=tmp_path, owner="me", settings={"path": ":memory:", "can_stop": "no"}))
    assert not isinstance(without, CanStop)
    with pytest.raises(InvalidSetting, match="pth"):
        open_fake(Site(home=tmp_path, owner="me", settings={"pth": "x"}))
    with pytest.raises(InvalidSetting, match="maybe"):
        open_fake(Site(home=tmp_path, owner="me", settings={"can_stop": "maybe"}))


def test_states_are_told_in_our_words(provider: FakeProvider, holding: Holding) -> None:
    """An endpoint is there while the machine runs, and only then."""
    provider.launch(holding, ask(1))
    for _ in range(2):
        (seen,) = provider.describe(holding)
        assert (seen.endpoint is not None) is (seen.state is InstanceState.RUNNING)
