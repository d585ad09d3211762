"""Finding a cluster that another machine made: by what stands with its machines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec
import pytest
from lifecycle_world import SMALL, World, plan_of, set_elsewhere

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Slot, SshEndpoint
from cloudclusters.base.limits import AtLimit, Limits
from cloudclusters.errors import IllegalState, StoreError, UnknownHandle
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.adopt import adopt, find_elsewhere
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.claims import limits_words
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.outlook import look_out
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.standing import verdicts
from cloudclusters.lifecycle.sweep import sweep
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.lifecycle.words import host_key_words, plan_words
from cloudclusters.provider.fake.provider import StoppableFakeProvider
from cloudclusters.provider.protocol import Traits
from cloudclusters.remote.ssh import HostKeyRefused
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterRecord, ClusterState
from cloudclusters.testing.clock import ManualClock

START = ManualClock().now()
P = ParamSpec("P")
T = TypeVar("T")


def made_by_another(world: World, home: Path, name: str) -> str:
    """A cluster of another store, on the same cloud; its handle."""
    there = replace(world.ctx, home=home, store=Store.open(home))
    return asyncio.run(deploy(there, plan_of(), name=name)).handle


def test_a_cluster_is_found_by_handle_and_by_name(world: World, tmp_path: Path) -> None:
    """Our store does not know it; a word that fits nothing finds nothing."""
    handle = made_by_another(world, tmp_path / "other", "mine")
    for word in (handle, "mine"):
        found, troubles = asyncio.run(find_elsewhere(world.ctx, word, ["fake"]))
        assert found is not None
        assert (found.cluster, troubles) == (handle, [])
    assert asyncio.run(find_elsewhere(world.ctx, "yours", ["fake"])) == (None, [])


def test_a_name_that_several_have_is_not_guessed_at(world: World, tmp_path: Path) -> None:
    """The first one found might be a stranger's; the handle tells them apart."""
    handles = [made_by_another(world, tmp_path / each, "mine") for each in ("one", "two")]
    with pytest.raises(UnknownHandle, match="2 clusters are called 'mine'") as caught:
        asyncio.run(find_elsewhere(world.ctx, "mine", ["fake"]))
    assert all(handle in caught.value.message for handle in handles)
    found, _ = asyncio.run(find_elsewhere(world.ctx, handles[1], ["fake"]))
    assert found is not None
    assert found.cluster == handles[1]


def test_what_keeps_us_from_asking_is_told(world: World) -> None:
    """And is no end: another provider may have it."""
    world.cloud.fail("find", "CredentialsRefused")
    found, troubles = asyncio.run(find_elsewhere(world.ctx, "mine", ["fake"]))
    assert found is None
    assert troubles[0].startswith("fake: ")


class Entered(StoppableFakeProvider):
    """A provider that lets a new key in, and whose machines carry their plan."""

    def describe(self, holding: Holding) -> Sequence[Instance]:
        """As launched, with the words."""
        words = plan_words(plan_of(), SMALL)
        return [msgspec.structs.replace(each, words=words) for each in super().describe(holding)]

    def enter(self, holding: Holding, instance: str, user: str, public_key: str) -> None:
        """The fleet asks for no key."""


def test_a_cluster_that_was_taken_up_half_way_has_its_key(world: World, tmp_path: Path) -> None:
    """Ctrl-C as soon as it stands in our store: the next verb enters its machines, and makes no record anew."""
    made_by_another(world, tmp_path / "other", "mine")
    provider = Entered(world.cloud)
    (holding,) = provider.find()

    async def cut_off(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await world.ctx.door(call, *args, **kwargs)
        if call == world.ctx.store.create:
            raise asyncio.CancelledError
        return result

    ctx = replace(world.ctx, provider=lambda _: provider)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(adopt(replace(ctx, door=cut_off), holding))
    assert (keys.folder(ctx.home, holding.cluster) / keys.CLIENT).is_file()
    assert asyncio.run(restart(ctx, holding.cluster)).state is ClusterState.RUNNING


def test_two_programs_that_take_up_a_cluster_have_one_record_of_it(world: World, tmp_path: Path) -> None:
    """Both had seen that nobody here knows it; the later one goes on with what the other one wrote."""
    made_by_another(world, tmp_path / "other", "mine")
    provider = Entered(world.cloud)
    (holding,) = provider.find()
    ctx = replace(world.ctx, provider=lambda _: provider)

    first = asyncio.run(adopt(ctx, holding))
    ctx.links.clear()

    assert asyncio.run(adopt(ctx, holding)).handle == first.handle
    assert [record.state for record in ctx.store.records()] == [ClusterState.RUNNING]


def test_what_is_taken_up_while_it_is_swept_stays(world: World, tmp_path: Path) -> None:
    """The sweep judged it as nobody's; a `reconnect` had the lease before it."""
    handle = made_by_another(world, tmp_path / "other", "mine")
    provider = Entered(world.cloud)
    (holding,) = provider.find()
    ctx = replace(world.ctx, provider=lambda _: provider)
    late: list[ClusterRecord] = []

    async def overtaken(call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if call == ctx.store.take_lease and args[1] == "sweep" and not late:
            late.append(await adopt(ctx, holding))
        return await ctx.door(call, *args, **kwargs)

    (found,) = asyncio.run(sweep(replace(ctx, door=overtaken), ["fake"], everyone=True, delete=True))

    assert (found.claim, found.swept) == ("cluster is running", False)
    assert len(world.machines()) == len(late[0].nodes) == 2
    assert keys.folder(ctx.home, handle).is_dir()


def test_machines_whose_host_keys_nobody_was_told_are_not_entered(world: World, tmp_path: Path) -> None:
    """Their driver died just before; the cluster stands in our store, so that it can be terminated."""
    handle = made_by_another(world, tmp_path / "other", "mine")

    class BySsh(Entered):
        @property
        def traits(self) -> Traits:
            return replace(super().traits, ssh=True)

    provider = BySsh(world.cloud)
    (holding,) = provider.find()
    ctx = replace(world.ctx, provider=lambda _: provider)
    with pytest.raises(HostKeyRefused, match="do not say which host keys they have") as caught:
        asyncio.run(adopt(ctx, holding))
    assert f"terminate {handle}" in caught.value.hint
    assert [record.state for record in ctx.store.records()] == [ClusterState.BROKEN]
    asyncio.run(terminate(world.ctx, handle))
    assert not [machine for machine in world.cloud.machines(handle) if machine.state is not InstanceState.GONE]


@pytest.mark.parametrize("stopped", [False, True])
def test_what_a_dead_driver_was_still_adding_is_deleted(world: World, tmp_path: Path, stopped: bool) -> None:
    """The host keys that the machines carry name the nodes of which all was well; the rest can be entered by nobody."""
    handle = made_by_another(world, tmp_path / "other", "mine")
    public = keys.client_key(tmp_path / "other", handle)

    class HalfWay(Entered):
        def describe(self, holding: Holding) -> Sequence[Instance]:
            known = host_key_words({"node0": public})
            seen = super().describe(holding)
            return [msgspec.structs.replace(each, words={**each.words, **known}) for each in seen]

    provider = HalfWay(world.cloud)
    (holding,) = provider.find()
    if stopped:
        provider.stop(holding, [machine.id for machine in world.cloud.machines(handle)])
        while any(each.state is not InstanceState.STOPPED for each in provider.describe(holding)):
            world.clock.advance(1)
    ctx = replace(world.ctx, provider=lambda _: provider)
    record = asyncio.run(adopt(ctx, holding))
    state = ClusterState.INTERRUPTED if stopped else ClusterState.RUNNING
    assert ([node.name for node in record.nodes], record.state) == (["node0"], state)
    living = [machine.slot.name for machine in world.cloud.machines(handle) if machine.state is not InstanceState.GONE]
    assert living == ["node0"]
    ctx.links.clear()
    if stopped:
        assert asyncio.run(resume(ctx, handle)).state is ClusterState.RUNNING


@pytest.mark.parametrize(
    ("said", "lifetime"),
    [
        (limits_words(Limits(idle_timeout=120.0, at_limit=AtLimit.STOP), deadline=None, store=""), None),
        (limits_words(Limits(idle_timeout=120.0, at_limit=AtLimit.STOP), deadline=START + 7200, store=""), 7200.0),
        ({"limits": "at=never"}, 4 * 3600.0),
        ({}, 4 * 3600.0),
    ],
)
def test_limits_that_were_changed_hold_on(
    world: World, tmp_path: Path, said: dict[str, str], lifetime: float | None
) -> None:
    """The machines say them; the plan knows only those of the deploy. What is no limit changes nothing."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h", "max_lifetime": "4h"})
    there = replace(world.ctx, home=tmp_path / "other", store=Store.open(tmp_path / "other"))
    asyncio.run(deploy(there, plan))

    class Saying(Entered):
        def describe(self, holding: Holding) -> Sequence[Instance]:
            words = plan_words(plan, SMALL) | said
            return [msgspec.structs.replace(each, words=words) for each in super().describe(holding)]

    provider = Saying(world.cloud)
    (holding,) = provider.find()
    limits = asyncio.run(adopt(replace(world.ctx, provider=lambda _: provider), holding)).limits
    changed = "idle" in said.get("limits", "")
    assert limits.max_lifetime == pytest.approx(lifetime, abs=60)
    assert (limits.idle_timeout, limits.at_limit) == ((120.0, "stop") if changed else (3600.0, "terminate"))


@pytest.mark.parametrize(
    ("changed", "after"), [({"max_lifetime": "2h"}, 7200.0), ({"max_cost": 0.5}, 21600.0), ({"max_cost": 0.5}, 9e5)]
)
def test_limits_that_have_struck_hold_on(
    world: World, tmp_path: Path, changed: dict[str, object], after: float
) -> None:
    """Who takes the stopped machines up has them, too, and who set them keeps them."""
    plan = msgspec.structs.replace(plan_of(), settings={"max_lifetime": "20d", "max_cost": "9", "at_limit": "stop"})
    there = replace(
        world.ctx,
        home=tmp_path / "other",
        store=Store.open(tmp_path / "other", now=world.clock.now),
        links={},
        shared={},
    )
    handle = asyncio.run(deploy(there, plan)).handle
    limits = asyncio.run(change_limits(there, handle, changed)).limits
    limits = asyncio.run(change_limits(there, handle, changed)).limits
    world.clock.advance(after)
    for machine in world.cloud.machines(handle):
        world.cloud.power_off(machine.id, stop=True)

    class Carrying(Entered):
        def describe(self, holding: Holding) -> Sequence[Instance]:
            found = StoppableFakeProvider.describe(self, holding)
            return [msgspec.structs.replace(each, words=plan_words(plan, SMALL) | each.words) for each in found]

    provider = Carrying(world.cloud)
    (holding,) = provider.find()
    here = replace(world.ctx, provider=lambda _: provider)
    found = asyncio.run(adopt(here, holding))

    assert found.state is ClusterState.INTERRUPTED
    assert found.limits == limits
    assert asyncio.run(refresh(there, handle)).limits == limits
    asyncio.run(change_limits(here, handle, {"idle_timeout": "2h"}))  # which the machines tell as said here
    assert asyncio.run(refresh(there, handle)).limits == msgspec.structs.replace(limits, idle_timeout=7200.0)
    if "max_lifetime" in changed:
        with pytest.raises(IllegalState, match="beyond its limit max_lifetime: it has lived for 2h"):
            asyncio.run(resume(here, handle))


@pytest.mark.parametrize("forged", ["cluster", "role", "user"])
def test_words_that_would_lead_elsewhere_are_refused(world: World, tmp_path: Path, forged: str) -> None:
    """Names become paths and lines of configuration here: whoever may write tags gets no further than that."""
    made_by_another(world, tmp_path / "other", "mine")
    (holding,) = world.cloud.provider().find()
    changes: dict[str, object] = {"slot": Slot("../../x", 0)} if forged == "role" else {}
    changes["endpoint"] = SshEndpoint(host="192.0.2.1", user="me\n  ProxyCommand x" if forged == "user" else "me")

    class Forged(Entered):
        def describe(self, holding: Holding) -> Sequence[Instance]:
            return [msgspec.structs.replace(each, **changes) for each in super().describe(known)]

    known = holding
    holding = msgspec.structs.replace(holding, cluster="../" * 5) if forged == "cluster" else holding
    with pytest.raises(StoreError, match="which no release of cloudclusters writes"):
        asyncio.run(adopt(replace(world.ctx, provider=lambda _: Forged(world.cloud)), holding))
    assert not (world.ctx.home / "keys").exists()
    assert not world.ctx.store.records()


def test_limits_of_another_home_are_seen_and_kept(world: World, tmp_path: Path) -> None:
    """Who deployed it sees at his next look what another home has set, and his verbs do not undo it."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, idle_timeout=600.0, lasts=7200)

    grown = asyncio.run(scale(world.ctx, record.handle, 3))

    assert grown.limits.idle_timeout == 600.0
    for node in grown.nodes:
        told = world.fleet.node(record.handle, node.name).limits
        assert told is not None
        assert told["idle_timeout"] == 600.0
        assert told["deadline"] == pytest.approx(START + 7200, abs=60)

    changed = asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "2h"}))
    assert asyncio.run(refresh(world.ctx, record.handle)).limits == changed.limits
    assert changed.limits.idle_timeout == 7200.0


def test_limits_that_agents_go_by_are_looked_at(world: World) -> None:
    """Another home has changed them since: what is shown is what holds."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, idle_timeout=600.0)
    head = world.fleet.node(record.handle)
    head.limits = {**(head.limits or {}), "idle_timeout": 600.0}

    assert asyncio.run(look_out(world.ctx, record)).limits.idle_timeout == 600.0
    assert world.ctx.store.record(record.handle).limits.idle_timeout == 600.0


@pytest.mark.parametrize("strange", ["never", None, 3, ["stop"]])
def test_a_head_whose_limits_are_strange_is_looked_at_all_the_same(world: World, strange: object) -> None:
    """What becomes of the machines is then what was set."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    head = world.fleet.node(record.handle)
    head.limits = {**(head.limits or {}), "idle_timeout": 600.0, "at_limit": strange}

    found = asyncio.run(look_out(world.ctx, record))

    assert (found.limits.idle_timeout, found.limits.at_limit) == (600.0, AtLimit.TERMINATE)
    assert "goes by other limits" in found.untold


def test_limits_that_a_lost_machine_tells_do_not_hold(world: World) -> None:
    """Nobody changes its words any more: what we set after its end is not undone by them."""
    plan = msgspec.structs.replace(plan_of(3), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, idle_timeout=600.0)
    assert record.nodes[0].instance is not None
    world.cloud.lose(record.nodes[0].instance.id)
    asyncio.run(restart(world.ctx, record.handle))

    changed = asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "2h"}))

    assert asyncio.run(refresh(world.ctx, record.handle)).limits == changed.limits
    assert changed.limits.idle_timeout == 7200.0


def test_limit_that_another_home_has_raised_is_no_reason(world: World) -> None:
    """A machine that is lost when ours would have struck was lost: it is to be dropped or replaced."""
    plan = msgspec.structs.replace(plan_of(), settings={"max_lifetime": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, lasts=20 * 3600)
    world.clock.advance(7200)
    assert record.nodes[1].instance is not None
    world.cloud.lose(record.nodes[1].instance.id)

    (verdict,) = asyncio.run(verdicts(world.ctx, record, record.nodes[1:]))

    assert (verdict.gone, verdict.by_itself) == (True, False)


def test_limits_that_are_not_named_stay_as_another_home_has_set_them(world: World) -> None:
    """Of a change of one limit here the others are no part; a provider that cannot be asked does not hinder it."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, idle_timeout=600.0)

    changed = asyncio.run(change_limits(world.ctx, record.handle, {"max_lifetime": "5h"})).limits
    assert (changed.idle_timeout, changed.max_lifetime) == (600.0, 5 * 3600.0)

    world.cloud.fail("describe", times=None)
    changed = asyncio.run(change_limits(world.ctx, record.handle, {"max_lifetime": "6h"})).limits
    assert (changed.idle_timeout, changed.max_lifetime) == (600.0, 6 * 3600.0)


def test_limit_that_another_home_has_raised_keeps_nobody_from_resuming(world: World) -> None:
    """Ours would have struck while the machines were stopped; those that they tell have not."""
    plan = msgspec.structs.replace(plan_of(), settings={"max_lifetime": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    asyncio.run(interrupt(world.ctx, record.handle))
    set_elsewhere(world, record, lasts=20 * 3600)
    world.clock.advance(7200)

    assert asyncio.run(resume(world.ctx, record.handle)).state is ClusterState.RUNNING


@pytest.mark.parametrize("dies", [False, True])
def test_limits_that_the_machines_could_not_be_told_hold(
    world: World, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """They still tell another home's: the next command tells them before it looks, and undoes nothing of ours."""
    plan = msgspec.structs.replace(plan_of(), settings={"idle_timeout": "1h"})
    record = asyncio.run(deploy(world.ctx, plan))
    set_elsewhere(world, record, idle_timeout=600.0)
    with monkeypatch.context() as patch:
        if dies:
            patch.setattr("cloudclusters.lifecycle.change_limits.claim_anew", _killed)
        world.cloud.fail("mark")
        with pytest.raises(_Killed) if dies else contextlib.nullcontext():
            asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "2h"}))
    world.cloud.mend()

    assert asyncio.run(refresh(world.ctx, record.handle)).limits.idle_timeout == 7200.0
    assert world.ctx.store.left_open() == []


class _Killed(BaseException):
    """The process is gone."""


async def _killed(*_: object) -> None:
    raise _Killed
