"""What `sweep` takes for forgotten, seen from a home that never heard of it; and what is named at the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import Remain
from cloudclusters.base.remains import what_is_kept
from cloudclusters.contract.document import Plan
from cloudclusters.errors import ProviderError, StoreError
from cloudclusters.lifecycle import keys
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.claims import KEPT, LASTS, LATE, Turn, turn_words
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.keepalive import keepalive
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.sweep import Finding, sweep
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store import Lease, Store
from cloudclusters.store.record import ClusterRecord, ClusterState

GiB = 1 << 30


@pytest.fixture
def there(world: World, tmp_path: Path) -> Context:
    """Another home of the same user on the same cloud."""
    return replace(world.ctx, home=tmp_path, store=Store.open(tmp_path), links={}, shared={}, admitted={}, claimed={})


def limited(**limits: str) -> Plan:
    """A plan with these limits and no others."""
    return msgspec.structs.replace(plan_of(), settings={"idle_timeout": "off", **limits})


def made(world: World, **limits: str) -> ClusterRecord:
    """A running cluster with these limits."""
    return asyncio.run(deploy(world.ctx, limited(**limits)))


def swept(ctx: Context, *, everyone: bool = False) -> list[Finding]:
    """What a sweep that deletes finds."""
    return asyncio.run(sweep(ctx, ["fake"], delete=True, everyone=everyone))


def pass_by(world: World, seconds: float) -> None:
    """Let time pass."""
    asyncio.run(world.clock.sleep(seconds))


def test_a_claim_keeps_it_and_an_ended_one_does_not(world: World, there: Context) -> None:
    """The driver was killed, and its machines have no limits: after an hour nobody claims them."""
    made(world)
    (found,) = swept(there)
    assert found.claim.startswith(f"claimed by {world.ctx.store.owner} for ")
    assert (found.machines, found.instance_types, found.swept) == (2, ("fake.small",), False)
    assert found.daily_usd == pytest.approx(2 * 0.1 * 24)
    pass_by(world, LASTS + 1)
    (found,) = swept(there)
    assert (found.claim, found.swept) == ("", True)
    assert not world.cloud.left()


def test_an_open_cluster_is_claimed_again(world: World, there: Context) -> None:
    """By one call in some minutes, and none when there is nothing to claim any more."""
    record = made(world)
    calls = len(world.cloud.calls("mark"))
    pass_by(world, LASTS + 1)

    async def look(times: int) -> None:
        work = asyncio.create_task(keepalive(world.ctx, lambda: [record.handle], every=0.001))
        while times and not work.done():
            await asyncio.sleep(0.01)
            times -= 1
        work.cancel()

    asyncio.run(look(10))
    assert len(world.cloud.calls("mark")) == calls + 1
    assert swept(there)[0].claim.startswith("claimed by")
    asyncio.run(terminate(world.ctx, record.handle))
    asyncio.run(asyncio.wait_for(keepalive(world.ctx, lambda: [record.handle]), 5))


def test_a_claim_that_cannot_be_made_fails_no_verb(world: World) -> None:
    """It is told."""
    world.cloud.fail("mark", times=None)
    assert made(world).state is ClusterState.RUNNING
    assert "not marked" in world.phases()


def test_machines_that_let_go_of_themselves_are_claimed_until_they_did_not(world: World, there: Context) -> None:
    """By use as long as they run; by a deadline until they are late."""
    made(world, idle_timeout="10m")
    pass_by(world, LASTS + 1)
    assert swept(there)[0].claim == "lets go of itself after 10m without use"
    swept(world.ctx)
    late = made(world, max_lifetime="2h")
    pass_by(world, LASTS + 1)
    claims = {found.holding.cluster: found.claim for found in swept(there)}
    assert claims[late.handle].startswith("lets go of itself within ")
    pass_by(world, LASTS + LATE)
    assert late.handle in [found.holding.cluster for found in swept(there) if found.swept]


def test_changed_limits_are_told_to_everybody(world: World, there: Context) -> None:
    """What the machines say is what they go by."""
    record = made(world)
    asyncio.run(change_limits(world.ctx, record.handle, {"idle_timeout": "20m"}))
    pass_by(world, LASTS + 1)
    assert swept(there)[0].claim == "lets go of itself after 20m without use"


def test_a_verb_that_runs_claims(world: World, there: Context) -> None:
    """Its words say who."""
    record = made(world)
    pass_by(world, LASTS + 1)
    now = world.clock.now()
    world.cloud.provider().mark(record.holding, turn_words("another", Turn(now + 60, now, "scale", "me@laptop")))
    assert swept(there)[0].claim == "`scale` is being run by me@laptop"


def test_stopped_machines_are_claimed_for_long(world: World, there: Context) -> None:
    """Nobody can ask them, and their disks may be all that somebody has; what they cost is told."""
    record = made(world)
    asyncio.run(interrupt(world.ctx, record.handle))
    pass_by(world, KEPT - 60)
    (found,) = swept(there)
    assert found.claim.startswith("claimed by")
    assert found.daily_usd == pytest.approx(2 * 0.64 * 24 / 730)
    asyncio.run(resume(world.ctx, record.handle))
    pass_by(world, LASTS + 1)
    assert swept(there)[0].swept


def test_what_others_made_is_listed_with_its_cost(world: World, tmp_path: Path) -> None:
    """And deleted only with everything, claimed or not."""
    made(world)
    stranger = Store.open(tmp_path)
    stranger.owner = "eve@elsewhere"
    ctx = replace(world.ctx, home=tmp_path, store=stranger, links={}, shared={})
    pass_by(world, LASTS + 1)
    (found,) = swept(ctx)
    assert (found.claim, found.swept) == (f"made by {world.ctx.store.owner}", False)
    assert found.daily_usd == pytest.approx(4.8)
    assert swept(ctx, everyone=True)[0].swept
    assert not world.cloud.left()


def test_what_stays_is_named_with_its_cost(world: World) -> None:
    """In the record and the last event; what goes with the machines is not."""
    record = made(world)
    data = Remain(kind="disk", id="vol-1", size_bytes=100 * GiB, monthly_usd=8.0, why="yours, attached to node0")
    world.cloud.leave(record.handle, data)
    world.cloud.leave(record.handle, Remain(kind="key pair", id="mine", why="yours"))
    ended = asyncio.run(terminate(world.ctx, record.handle))
    assert [each.id for each in ended.remains] == ["vol-1", "mine"]
    said = "left: disk vol-1 (100 GiB, $8.00 per month, yours, attached to node0); key pair mine (yours)"
    assert world.events[-1].text == said


def test_nothing_stays(world: World) -> None:
    """The sentence says so; that the provider could not be asked is no nothing."""
    asyncio.run(terminate(world.ctx, made(world).handle))
    assert world.events[-1].text == "nothing is left"
    world.cloud.fail("remains")
    asyncio.run(terminate(world.ctx, made(world).handle))
    assert world.events[-1].text.startswith("left: perhaps more (at an unknown price, not asked: ")


def attached(world: World, record: ClusterRecord, node: str) -> Remain:
    """A disk of the user's at the machine of a node."""
    machine = next(m for m in world.cloud.machines(record.handle) if m.slot.name == node)
    disk = Remain(kind="disk", id=f"vol-{node}", monthly_usd=40.0, why=f"yours, at {node}", machine=machine.id)
    world.cloud.leave(record.handle, disk)
    return disk


@pytest.mark.parametrize("died", [False, True])
def test_what_stays_of_a_node_that_left_is_named_to_the_end(world: World, died: bool) -> None:
    """When it goes, whoever finishes that, and when the cluster ends: by then nobody finds it beside the machines."""
    record = made(world)
    disks = [attached(world, record, node) for node in ("node0", "node1")]
    if died:
        world.cloud.fail("terminate", "CredentialsRefused", after=True, times=1)
        with pytest.raises(ProviderError):
            asyncio.run(scale(world.ctx, record.handle, 1))

    shrunk = asyncio.run(scale(world.ctx, record.handle, 1))
    stopped = asyncio.run(interrupt(world.ctx, record.handle))
    resumed = asyncio.run(resume(world.ctx, record.handle))
    ended = asyncio.run(terminate(world.ctx, record.handle))

    assert "left: disk vol-node1 ($40.00 per month, yours, at node1)" in [event.text for event in world.events]
    assert shrunk.left_behind == resumed.remains == (disks[1],)
    assert what_is_kept(stopped.remains) == "kept: 3 disks with 8 GiB: $80.64 per month"
    assert ended.remains == tuple(disks)


def test_stopped_disks_are_named_with_their_cost(world: World) -> None:
    """For as long as they are stopped."""
    record = asyncio.run(interrupt(world.ctx, made(world).handle))
    assert [each.monthly_usd for each in record.remains] == [0.64, 0.64]
    assert "kept: 2 disks with 16 GiB: $1.28 per month" in [event.text for event in world.events]


def test_the_claim_goes_on_after_a_look_that_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is locked for a moment is not the end of a driver."""
    record = made(world)
    read, looks = world.ctx.store.record, 0

    def locked_once(handle: str) -> ClusterRecord:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise StoreError("the store is locked")
        return read(handle)

    async def go_on() -> None:
        monkeypatch.setattr(world.ctx.store, "record", locked_once)
        work = asyncio.create_task(keepalive(world.ctx, lambda: [record.handle], every=0.001))
        while looks < 5:
            assert not work.done()
            await asyncio.sleep(0.001)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(go_on())
    assert [event.text for event in world.events if event.phase == "not claimed"] == ["the store is locked"]


def test_sweep_that_is_interrupted_goes_no_further(
    world: World, there: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C as the lease of the first one is let go of: the others stay."""
    for _ in range(3):
        made(world)
    release = there.store.release

    async def interrupted() -> None:
        loop, work = asyncio.get_running_loop(), asyncio.create_task(sweep(there, ["fake"], everyone=True, delete=True))

        def release_late(lease: Lease) -> None:
            asyncio.run_coroutine_threadsafe(_cancelled(work), loop).result(10)
            release(lease)

        monkeypatch.setattr(there.store, "release", release_late)
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(interrupted())
    assert len(world.machines()) == 4  # of two clusters


def test_sweep_forgets_the_keys_of_what_it_deletes(world: World) -> None:
    """The store was lost; the folder of keys was not."""
    record = made(world)
    folder = keys.folder(world.ctx.home, record.handle)
    keys.message_key(world.ctx.home, record.handle)
    assert folder.is_dir()
    emptied = replace(world.ctx, store=Store.open(world.ctx.home / "anew"), links={}, shared={})

    (found,) = asyncio.run(sweep(emptied, ["fake"], delete=True, everyone=True))

    assert found.swept
    assert not folder.exists()


async def _cancelled(work: asyncio.Task[object]) -> None:
    work.cancel()
