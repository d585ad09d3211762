"""Two machines, each with a store of its own, at one cluster: one verb at a time."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import CloudClustersError, LeaseHeld, LeaseLost, NodeError
from cloudclusters.lifecycle import lease as module
from cloudclusters.lifecycle import sharing
from cloudclusters.lifecycle.context import Context, Link
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.lease import held
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.sharing import Sharing
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store import Store
from cloudclusters.store.leases import EXPIRY
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord

Verb = Callable[[Context, str], Awaitable[object]]


def on_a_loop(test: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    """Run a test on a loop of its own."""

    @functools.wraps(test)
    def run(**given: object) -> None:
        asyncio.run(test(**given))

    return run


@pytest.fixture
def there(world: World, tmp_path: Path) -> Context:
    """Another machine's context on the same cloud."""
    return replace(world.ctx, home=tmp_path, store=Store.open(tmp_path), links={}, shared={}, admitted={})


async def known_to_both(world: World, there: Context) -> str:
    """A running cluster that both stores have a record of; its handle."""
    record = await deploy(world.ctx, plan_of())
    async with held(there, record.handle, "reconnect", alone=True) as lease:
        there.store.create(record, lease)
    return record.handle


@asynccontextmanager
async def at_work(ctx: Context, handle: str, verb: str = "scale") -> AsyncIterator[None]:
    """While a verb runs."""
    async with held(ctx, handle, verb):
        yield


@on_a_loop
async def test_while_nothing_runs(world: World, there: Context) -> None:
    """Each in its turn; nobody keeps anything."""
    handle = await known_to_both(world, there)
    for ctx in (world.ctx, there, world.ctx):
        await restart(ctx, handle)
    assert world.fleet.node(handle).lease[1:] == ("", "")
    assert {call.about for call in world.cloud.calls("mark")} == {("claim", "limits")}


@pytest.mark.parametrize("verb", [restart, interrupt, terminate])
@pytest.mark.parametrize("answers", [True, False])
@on_a_loop
async def test_the_loser_is_told_who_runs_what(world: World, there: Context, verb: Verb, answers: bool) -> None:
    """By the head while it answers, else by the words of the machines; afterwards it is free."""
    handle = await known_to_both(world, there)
    if not answers:
        world.fleet.silence(handle)
    async with at_work(there, handle):
        with pytest.raises(LeaseHeld, match=f"at work on {handle}: `scale` is being run by .*process") as caught:
            await verb(world.ctx, handle)
    assert there.store.owner in caught.value.message
    assert ", for 0 s" in caught.value.message
    assert world.ctx.store.record(handle).state is ClusterState.RUNNING
    assert not world.ctx.store.leases()
    await terminate(world.ctx, handle)
    assert not world.cloud.left()


@on_a_loop
async def test_who_cannot_reach_the_head_is_seen_by_who_can(world: World, there: Context) -> None:
    """One has the head's lease, and finds the other's words at its first look."""
    handle = await known_to_both(world, there)
    world.fleet.silence(handle)
    async with at_work(there, handle):
        world.fleet.node(handle).silent = False
        with pytest.raises(LeaseHeld, match="`scale` is being run by"):
            await restart(world.ctx, handle)
    assert (await restart(world.ctx, handle)).state is ClusterState.RUNNING


@on_a_loop
async def test_who_can_reach_the_head_is_seen_by_who_cannot(
    world: World, there: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verb that takes more than a moment writes words as well, once, and takes them back."""
    handle = await known_to_both(world, there)
    monkeypatch.setattr(module, "ANNOUNCE", 0.01)
    calls = len(world.cloud.calls("mark"))
    async with at_work(there, handle):
        while len(world.cloud.calls("mark")) == calls:
            await asyncio.sleep(0.01)
        world.fleet.silence(handle)
        with pytest.raises(LeaseHeld, match="`scale` is being run by"):
            await terminate(world.ctx, handle)
    assert (await terminate(world.ctx, handle)).state is ClusterState.TERMINATED


@on_a_loop
async def test_stopped_machines_have_words_only(world: World, there: Context) -> None:
    """Of two who start them one does."""
    handle = await known_to_both(world, there)
    record = await interrupt(world.ctx, handle)
    async with held(there, handle, "reconnect") as lease:
        there.store.write(record, lease)
    async with at_work(world.ctx, handle, "resume"):
        with pytest.raises(LeaseHeld, match="`resume`"):
            await resume(there, handle)
    assert {m.state for m in world.cloud.machines(handle)} == {InstanceState.STOPPED}
    assert (await resume(there, handle)).state is ClusterState.RUNNING


@on_a_loop
async def test_a_crash_holds_up_others_for_a_minute_and_ourselves_not_at_all(world: World, there: Context) -> None:
    """Our own store knows that the process is dead; others wait until its lease ends."""
    handle = await known_to_both(world, there)
    node = world.fleet.node(handle)
    node.lease = (7, there.store.id, "`scale` is being run by a dead process, for 9 s")
    with pytest.raises(LeaseHeld, match="a dead process"):
        await restart(world.ctx, handle)
    await restart(there, handle)
    node.lease = (9, there.store.id, "`scale` is being run by a dead process, for 9 s")
    node.lapse()
    await restart(world.ctx, handle)


@on_a_loop
async def test_no_call_after_somebody_took_over(world: World, there: Context) -> None:
    """The head refuses the old number, and the next step of the verb is not made."""
    handle = await known_to_both(world, there)
    ctx = world.ctx
    async with held(ctx, handle, "scale") as lease:
        world.fleet.node(handle).lapse()
        async with at_work(there, handle, "restart"):
            await beat(ctx, handle)
            made = len(world.cloud.calls())
            with pytest.raises(LeaseLost, match="no longer has the lease of the cluster: it is with `restart`"):
                await ctx.act(lease, ctx.provider("fake").release, ctx.store.record(handle).holding)
            with pytest.raises(LeaseLost):
                await ctx.write(ctx.store.record(handle), lease)
        assert len(world.cloud.calls()) == made


@on_a_loop
async def test_a_laptop_that_slept_stops_by_itself(
    world: World, there: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks nobody: without a renewal for a minute others may be at work."""
    handle = await known_to_both(world, there)
    ctx = world.ctx
    async with held(ctx, handle, "scale") as lease:
        await ctx.act(lease, ctx.provider("fake").describe, ctx.store.record(handle).holding)
        made = len(world.cloud.calls())
        awake = sharing.elapsed() + EXPIRY + 1
        monkeypatch.setattr(ctx.shared[handle], "_now", lambda: awake)
        with pytest.raises(LeaseLost, match="it could not be renewed for 60 s"):
            await ctx.act(lease, ctx.provider("fake").release, ctx.store.record(handle).holding)
        assert len(world.cloud.calls()) == made


async def beat(ctx: Context, handle: str) -> None:
    """What a verb does each quarter of a minute."""
    mine = ctx.shared[handle]
    assert isinstance(mine, Sharing)
    await mine.renew()


@on_a_loop
async def test_a_long_verb_goes_on_holding_it(world: World, there: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each beat renews it, also when the head stops answering in the middle."""
    handle = await known_to_both(world, there)
    renewed = asyncio.Event()
    monkeypatch.setattr(module._beat, "__kwdefaults__", {"every": 0.01})
    once = Sharing.renew

    async def noticed(self: Sharing) -> None:
        await once(self)
        renewed.set()

    monkeypatch.setattr(Sharing, "renew", noticed)
    async with held(world.ctx, handle, "scale"):
        await asyncio.wait_for(renewed.wait(), 5)
        world.fleet.silence(handle)
        for _ in range(2):
            renewed.clear()
            await asyncio.wait_for(renewed.wait(), 5)
        with pytest.raises(LeaseHeld, match="`scale`"):
            await terminate(there, handle)
    assert (await terminate(there, handle)).state is ClusterState.TERMINATED


class Hung:
    """A head that lets us in, and then says this, or nothing."""

    def __init__(self, link: Link, says: object) -> None:
        self._link, self._says = link, says

    def __getattr__(self, name: str) -> object:
        return getattr(self._link, name)

    async def call(self, do: str, /, **arguments: object) -> object:
        """Only about its lease it is strange."""
        if do != "lease":
            return await self._link.call(do, **arguments)
        if self._says is None:
            await asyncio.Event().wait()
        if isinstance(self._says, CloudClustersError):
            raise self._says
        return self._says


@pytest.mark.parametrize("says", [None, {}, {"number": "x"}, NodeError("the agent does not know 'lease' (unknown)")])
@on_a_loop
async def test_a_head_that_is_strange_keeps_nobody_from_letting_go(
    world: World, says: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs, talks nonsense, or is of another release."""
    handle = (await deploy(world.ctx, plan_of())).handle
    world.ctx.links.clear()
    connect = world.fleet.connect

    async def strange(record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> object:
        return Hung(await connect(record, node, timeout=timeout), says)

    monkeypatch.setattr(world.fleet, "connect", strange)
    monkeypatch.setattr(sharing, "AT_ONCE", 0.1)
    assert (await terminate(world.ctx, handle)).state is ClusterState.TERMINATED
    assert not world.cloud.left()


@on_a_loop
async def test_a_head_that_lies_is_not_asked(world: World) -> None:
    """Whoever owns a node could claim for ever that another machine is at work; `force` does not ask it."""
    handle = (await deploy(world.ctx, plan_of())).handle
    world.fleet.node(handle).lease = (7, "somebody", "`scale` is being run by somebody, for 3 s")
    with pytest.raises(LeaseHeld) as caught:
        await terminate(world.ctx, handle)
    assert "terminate --force" in caught.value.hint
    assert (await terminate(world.ctx, handle, force=True)).state is ClusterState.TERMINATED
    assert not world.cloud.left()


@on_a_loop
async def test_words_of_machines_that_are_gone_hold_up_nobody(world: World, there: Context) -> None:
    """Who let go of them by words cannot take these back; the other store's next verb is not refused."""
    handle = await known_to_both(world, there)
    world.fleet.silence(handle)
    await terminate(there, handle)
    assert any(any(name.startswith("lease-") for name in machine.words) for machine in world.cloud.machines(handle))
    assert (await terminate(world.ctx, handle)).state is ClusterState.TERMINATED


@on_a_loop
async def test_words_that_nobody_would_write_hold_up_nobody(world: World) -> None:
    """Anybody in the account may write words: for ever, in the past, or nonsense."""
    handle = (await deploy(world.ctx, plan_of())).handle
    now = world.clock.now()
    false = {"lease-a": f"{now + 1e6:.0f} 0 scale x", "lease-b": f"{now - 1:.0f} 0 scale x", "lease-c": "nonsense"}
    world.cloud.provider().mark(world.ctx.store.record(handle).holding, false)
    world.fleet.silence(handle)
    assert (await terminate(world.ctx, handle)).state is ClusterState.TERMINATED


@on_a_loop
async def test_a_deploy_asks_nobody(world: World) -> None:
    """Nobody else can know the cluster: neither the head is asked for its lease nor is it written into words."""
    handle = (await deploy(world.ctx, plan_of())).handle
    assert "lease" not in [do for do, _ in world.fleet.node(handle).requests]
    assert {call.about for call in world.cloud.calls("mark")} == {("claim", "limits")}
