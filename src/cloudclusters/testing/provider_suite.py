"""The shared suite that every provider passes: subclass it, give it `provider` and `offer`, and mark what is not there.

    pytest.register_assert_rewrite("cloudclusters.testing.provider_suite")  # in conftest.py, for full messages

    class TestMine(ProviderSuite):
        marks = {"test_stop_and_start_keep_machine_and_disk": never("containers do not stop")}

        @pytest.fixture
        def provider(self): return MyProvider(...)

        @pytest.fixture
        def offer(self): return Offer(provider="mine", instance_type="small")

The other fixtures have defaults; those that are None switch on tests that fail until they are given or marked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Offer, Place
from cloudclusters.base.handle import new_handle
from cloudclusters.base.waiting import Clock, SystemClock
from cloudclusters.errors import NoCapacity, ProviderError, ProviderUnavailable
from cloudclusters.provider.protocol import CanFind, CanStop, Provider
from cloudclusters.testing.marks import Mark, Marked, never, not_there, not_yet
from cloudclusters.testing.settling import Disk, Settle, ids, living, request

__all__ = ["Disk", "Mark", "ProviderSuite", "never", "not_there", "not_yet"]

NOBODY = "nobody-knows-this-machine"
OVER = (InstanceState.GONE, InstanceState.TERMINATING)


class ProviderSuite(Marked):
    """What holds for every provider."""

    patience = 120.0
    """Seconds that a machine may take to change its state."""

    # What a provider's test gives

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider under test."""
        raise NotImplementedError("a provider's test gives `provider`")

    @pytest.fixture
    def offer(self) -> Offer:
        """What to launch: the cheapest there is."""
        raise NotImplementedError("a provider's test gives `offer`")

    @pytest.fixture
    def reopen(self, provider: Provider) -> Callable[[], Provider]:
        """Open the provider once more, as another process would."""
        return lambda: provider

    @pytest.fixture
    def clock(self) -> Clock:
        """Where time comes from."""
        return SystemClock()

    @pytest.fixture
    def disk(self) -> Disk | None:
        """How to reach a machine's disk."""
        return None

    @pytest.fixture
    def scarce(self) -> Callable[[int], None] | None:
        """Let the provider have only so many machines."""
        return None

    @pytest.fixture
    def unreachable(self) -> Callable[[bool], None] | None:
        """Make the provider unreachable, and reachable again."""
        return None

    @pytest.fixture
    def left(self) -> Callable[[], Collection[str]]:
        """What exists at the provider and was not let go of, in its own words."""
        return list

    # What the suite makes of it

    @pytest.fixture
    def settle(self, provider: Provider, clock: Clock) -> Settle:
        """Wait for machines to be as they should be."""
        return Settle(provider, clock, self.patience)

    @pytest.fixture
    def holdings(
        self, provider: Provider, offer: Offer, settle: Settle, left: Callable[[], Collection[str]]
    ) -> Iterator[Callable[[], Holding]]:
        """Make prepared holdings; everything in them is let go of at the end, and then nothing may be left."""
        made: list[Holding] = []

        def make() -> Holding:
            place = Place(region=offer.place.region)
            cluster = new_handle()
            bare = Holding(provider=offer.provider, cluster=cluster, owner="suite@test", store="suite", place=place)
            made.append(bare)
            return provider.prepare(msgspec.structs.replace(bare, name=f"suite-{cluster}"))

        yield make
        for holding in made:
            settle.let_go(holding)
        assert not left(), f"left behind: {', '.join(left())}"

    @pytest.fixture
    def holding(self, holdings: Callable[[], Holding]) -> Holding:
        """One prepared holding."""
        return holdings()

    # Offers, prepare

    def test_offers_are_its_own(self, provider: Provider, offer: Offer) -> None:
        """What it offers carries its own name, and a price that is unknown or not negative."""
        for found in provider.offers([offer.place.region] if offer.place.region else []):
            assert found.provider == offer.provider
            assert found.hourly_usd is None or found.hourly_usd >= 0

    def test_offers_of_nowhere_are_none(self, provider: Provider) -> None:
        """A region that does not exist has no offers, and is no error."""
        assert not list(provider.offers(["nowhere-9"]))

    def test_prepare_may_be_repeated(self, provider: Provider, holding: Holding) -> None:
        """The second time finds what the first one made."""
        assert provider.prepare(msgspec.structs.replace(holding, resources={})) == holding

    def test_prepare_changes_resources_only(self, provider: Provider, holding: Holding) -> None:
        """Everything else of the holding is ours."""
        bare = msgspec.structs.replace(holding, resources={})
        assert msgspec.structs.replace(provider.prepare(bare), resources={}) == bare

    # Launch

    def test_launch_fills_every_slot(self, provider: Provider, holding: Holding, offer: Offer) -> None:
        """One machine per slot, with the token and the type asked for, on its way."""
        got = provider.launch(holding, request(offer, 2))
        assert sorted(i.slot.index for i in got) == [0, 1]
        assert {(i.token, i.instance_type) for i in got} == {("suite-0", offer.instance_type)}
        assert len({i.id for i in got}) == 2
        assert not [i for i in got if i.state not in (InstanceState.PENDING, InstanceState.RUNNING)]

    def test_machines_come_up(self, provider: Provider, holding: Holding, offer: Offer, settle: Settle) -> None:
        """They run in the end, and say where they answer."""
        provider.launch(holding, request(offer, 2))
        seen = settle.all(holding, InstanceState.RUNNING, count=2)
        assert len({i.inner_address for i in seen if i.inner_address}) == 2
        assert len({i.endpoint for i in seen if i.endpoint is not None}) == 2
        assert all(i.launched_at > 0 for i in seen)

    def test_same_token_gives_the_same_machines(self, provider: Provider, holding: Holding, offer: Offer) -> None:
        """However often the answer was lost, no machine is made twice."""
        first, second = (provider.launch(holding, request(offer, 2)) for _ in range(2))
        assert ids(first) == ids(second)
        assert len(living(provider, holding)) <= 2

    def test_same_token_from_another_process(
        self, provider: Provider, reopen: Callable[[], Provider], holding: Holding, offer: Offer
    ) -> None:
        """The token is the provider's to remember, not ours."""
        assert ids(provider.launch(holding, request(offer, 1))) == ids(reopen().launch(holding, request(offer, 1)))

    def test_same_token_at_the_same_time(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """Two calls that cross make the machines once; one of them may be refused."""

        def attempt(_: int) -> Sequence[Instance]:
            try:
                return provider.launch(holding, request(offer, 2))
            except ProviderError:
                return ()

        with ThreadPoolExecutor(2) as pool:
            answers = [a for a in pool.map(attempt, range(2)) if a]
        assert len({tuple(ids(answer)) for answer in answers}) == 1
        settle.all(holding, InstanceState.RUNNING, count=2)

    def test_another_token_gives_other_machines(self, provider: Provider, holding: Holding, offer: Offer) -> None:
        """Growing a cluster is a launch with a new token."""
        first = provider.launch(holding, request(offer, 1))
        second = provider.launch(holding, request(offer, 1, start=1))
        assert not set(ids(first)) & set(ids(second))

    def test_token_of_machines_that_are_gone(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """A late repetition of a launch does not bring machines back."""
        provider.terminate(holding, ids(provider.launch(holding, request(offer, 1))))
        settle.none(holding)
        try:
            late = provider.launch(holding, request(offer, 1))
        except ProviderError:
            late = ()
        assert not [i for i in late if i.state not in OVER]

    def test_partial_launch(
        self, provider: Provider, holding: Holding, offer: Offer, scarce: Callable[[int], None] | None
    ) -> None:
        """With too few machines it gives those it has, and describes just these."""
        assert scarce is not None, "this provider cannot be made scarce"
        scarce(1)
        assert ids(provider.launch(holding, request(offer, 3))) == ids(living(provider, holding))
        assert len(living(provider, holding)) == 1

    def test_no_capacity(
        self, provider: Provider, holding: Holding, offer: Offer, scarce: Callable[[int], None] | None
    ) -> None:
        """With no machine at all it raises `NoCapacity`, and has made none."""
        assert scarce is not None, "this provider cannot be made scarce"
        scarce(0)
        with pytest.raises(NoCapacity):
            provider.launch(holding, request(offer, 2))
        assert not living(provider, holding)

    # Describe

    def test_describe_of_nothing_is_empty(self, provider: Provider, holding: Holding) -> None:
        """A holding without machines, and one that the provider never heard of, have none."""
        assert not provider.describe(holding)
        assert not provider.describe(msgspec.structs.replace(holding, cluster=new_handle(), resources={}))

    def test_describe_trusts_no_memory(
        self, provider: Provider, reopen: Callable[[], Provider], holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """Another process sees the same machines, by the cluster's id alone."""
        provider.launch(holding, request(offer, 2))
        seen = settle.all(holding, InstanceState.RUNNING, count=2)
        bare = msgspec.structs.replace(holding, resources={}, settings={}, name="")
        assert {i.id: i.slot for i in reopen().describe(bare)} == {i.id: i.slot for i in seen}

    def test_describe_keeps_clusters_apart(
        self, provider: Provider, holdings: Callable[[], Holding], offer: Offer, settle: Settle
    ) -> None:
        """A cluster sees its own machines only."""
        one, other = holdings(), holdings()
        mine = provider.launch(one, request(offer, 1))
        provider.launch(other, request(offer, 1))
        assert ids(settle.all(one, InstanceState.RUNNING, count=1)) == ids(mine)

    # Terminate, release

    def test_terminate_takes_only_these(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """The others go on."""
        first, second = sorted(ids(provider.launch(holding, request(offer, 2))))
        settle.all(holding, InstanceState.RUNNING, count=2)
        provider.terminate(holding, [first])
        settle.until(holding, lambda seen: first not in ids(seen), f"the end of {first}")
        assert [i.id for i in living(provider, holding) if i.state is InstanceState.RUNNING] == [second]

    def test_terminate_may_be_repeated(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """Before, while and after the machine goes."""
        gone = ids(provider.launch(holding, request(offer, 1)))
        provider.terminate(holding, gone)
        provider.terminate(holding, gone)
        settle.none(holding)
        provider.terminate(holding, gone)

    def test_terminate_of_a_machine_not_up_yet(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """An undo does not wait for a boot."""
        provider.terminate(holding, ids(provider.launch(holding, request(offer, 2))))
        settle.none(holding)

    def test_terminate_ignores_unknown_machines(self, provider: Provider, holding: Holding) -> None:
        """What is not there need not go."""
        provider.terminate(holding, [NOBODY])
        provider.terminate(holding, [])

    def test_terminate_spares_other_clusters(
        self, provider: Provider, holdings: Callable[[], Holding], offer: Offer, settle: Settle
    ) -> None:
        """A machine of another cluster is unknown to this one."""
        mine, other = holdings(), holdings()
        theirs = ids(provider.launch(other, request(offer, 1)))
        provider.terminate(mine, theirs)
        assert ids(settle.all(other, InstanceState.RUNNING, count=1)) == theirs

    def test_release_may_be_repeated(self, provider: Provider, holding: Holding) -> None:
        """Also for a holding that was never prepared."""
        provider.release(holding)
        provider.release(holding)
        provider.release(msgspec.structs.replace(holding, cluster=new_handle(), resources={}))

    def test_release_without_resources(
        self, provider: Provider, holding: Holding, left: Callable[[], Collection[str]]
    ) -> None:
        """The cluster's id is enough: the answer of `prepare` may have been lost."""
        provider.release(msgspec.structs.replace(holding, resources={}))
        assert not left()

    # Find

    def test_find_by_tag_alone(
        self, provider: Provider, reopen: Callable[[], Provider], holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """A lost store loses nothing: cluster, owner and store stand on what was made."""
        provider.launch(holding, request(offer, 1))
        again = reopen()
        assert isinstance(again, CanFind)
        found = [h for h in again.find() if h.cluster == holding.cluster]
        assert [(h.owner, h.store, h.name, h.place.region) for h in found] == [
            (holding.owner, holding.store, holding.name, holding.place.region)
        ]
        again.terminate(found[0], ids(again.describe(found[0])))
        settle.none(holding)

    def test_find_forgets_what_is_released(self, provider: Provider, holding: Holding) -> None:
        """Nothing is found where nothing is left."""
        assert isinstance(provider, CanFind)
        provider.release(holding)
        assert holding.cluster not in [h.cluster for h in provider.find()]

    # Stop, start

    def test_stop_and_start_keep_machine_and_disk(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle, disk: Disk | None
    ) -> None:
        """The same ids in the same slots, and what was written is there."""
        assert isinstance(provider, CanStop)
        assert disk is not None, "this provider's disks cannot be reached"
        provider.launch(holding, request(offer, 2))
        before = settle.all(holding, InstanceState.RUNNING, count=2)
        for instance in before:
            disk.write(instance, instance.id)
        provider.stop(holding, ids(before))
        settle.all(holding, InstanceState.STOPPED, count=2)
        provider.start(holding, ids(before))
        after = settle.all(holding, InstanceState.RUNNING, count=2)
        assert {i.id: i.slot for i in after} == {i.id: i.slot for i in before}
        assert [disk.read(instance) for instance in after] == [instance.id for instance in after]

    def test_stop_and_start_may_be_repeated(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """And ignore machines that nobody knows."""
        assert isinstance(provider, CanStop)
        mine = ids(provider.launch(holding, request(offer, 1)))
        settle.all(holding, InstanceState.RUNNING, count=1)
        provider.start(holding, [*mine, NOBODY])
        for _ in range(2):
            provider.stop(holding, [*mine, NOBODY])
        settle.all(holding, InstanceState.STOPPED, count=1)
        provider.stop(holding, mine)
        for _ in range(2):
            provider.start(holding, [*mine, NOBODY])
        settle.all(holding, InstanceState.RUNNING, count=1)

    def test_terminate_of_stopped_machines(
        self, provider: Provider, holding: Holding, offer: Offer, settle: Settle
    ) -> None:
        """An interrupted cluster can be let go of."""
        assert isinstance(provider, CanStop)
        mine = ids(provider.launch(holding, request(offer, 1)))
        settle.all(holding, InstanceState.RUNNING, count=1)
        provider.stop(holding, mine)
        settle.all(holding, InstanceState.STOPPED, count=1)
        provider.terminate(holding, mine)
        settle.none(holding)

    # Errors

    def test_unreachable_is_told_apart(
        self, provider: Provider, holding: Holding, offer: Offer, unreachable: Callable[[bool], None] | None
    ) -> None:
        """When it cannot be reached, every verb says so, and none says that there is nothing."""
        assert unreachable is not None, "this provider cannot be made unreachable"
        launched = ids(provider.launch(holding, request(offer, 1)))
        unreachable(True)
        calls: list[Callable[[], object]] = [
            lambda: provider.describe(holding),
            lambda: provider.prepare(holding),
            lambda: provider.launch(holding, request(offer, 1, start=1)),
            lambda: provider.terminate(holding, launched),
            lambda: provider.release(holding),
        ]
        for call in calls:
            with pytest.raises(ProviderUnavailable):
                call()
        unreachable(False)
        assert ids(living(provider, holding)) == launched
