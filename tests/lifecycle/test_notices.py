"""Nodes that give way at a notice: what is left when whoever waits for their end stops."""

from __future__ import annotations

import asyncio

import pytest
from lifecycle_world import World, plan_of

from cloudclusters.lifecycle import replacing
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interruption import simulate_interruption
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.replacing import replace
from cloudclusters.lifecycle.restart import restart
from cloudclusters.store.record import ClusterRecord, ClusterState


def test_node_that_hands_over_goes_with_the_next_command_when_its_driver_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs it from when the other one computes: no empty machine stays."""
    record = asyncio.run(deploy(world.ctx, plan_of(3)))

    async def stopped_half_way() -> None:
        hands_over = asyncio.Event()

        async def drain(_: object, before: ClusterRecord, going: list[str]) -> None:
            assert {"node1"} == {p.node for p in before.layout.processes if p.node in going}
            hands_over.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(replacing, "drain", drain)
        work = asyncio.create_task(replace(world.ctx, record.handle, "node1", drains=True))
        await hands_over.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(stopped_half_way())
    after = asyncio.run(reconcile(world.ctx, record.handle))
    assert ([node.name for node in after.nodes], after.state) == (["node0", "node2", "node3"], ClusterState.RUNNING)
    assert len(world.machines()) == 3


@pytest.mark.parametrize("node", ["node0", "node1"])
def test_rehearsal_that_is_stopped_tells_what_it_leaves(
    world: World, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have gone, the machine has not: a look says so, and `restart` starts fresh ones."""
    record = asyncio.run(deploy(world.ctx, plan_of(3)))

    async def stopped() -> None:
        waits = asyncio.Event()

        async def sleep(_: float) -> None:
            waits.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patch:
            patch.setattr(world.clock, "sleep", sleep)
            work = asyncio.create_task(simulate_interruption(world.ctx, record.handle, node))
            await waits.wait()
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    asyncio.run(stopped())
    (told,) = [event.text for event in world.events if (event.node, event.phase) == (node, "kept")]
    assert f"`cloudclusters restart {record.handle}`" in told
    found = asyncio.run(refresh(world.ctx, record.handle))
    assert (found.state, found.reason) == (ClusterState.RUNNING, f"no worker on {node}")
    assert asyncio.run(restart(world.ctx, record.handle)).state is ClusterState.RUNNING
    assert asyncio.run(refresh(world.ctx, record.handle)).reason == ""
