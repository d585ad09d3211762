"""A driver that sleeps past its lease between the look at it and a call: what it makes then, nobody else knows of."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import InstanceState
from cloudclusters.errors import CloudClustersError
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.scale import scale
from cloudclusters.store import Store
from cloudclusters.store.holder import Holder, this_process


def elsewhere() -> Holder:
    """This process on another machine that shares the home."""
    return msgspec.structs.replace(this_process(), host="another", boot="another", machine="another", space="another")


def mended_while_asleep(world: World, verb: str) -> None:
    """Just before the next call of this verb two minutes pass, and another host mends what was left half-way."""
    late = Store.open(world.ctx.home, now=lambda: world.clock.now() + 120, holder=elsewhere)

    def wake(called: str, when: str) -> None:
        if (called, when) == (verb, "before"):
            world.cloud.watches.remove(wake)
            other = Context(
                home=world.ctx.home,
                store=late,
                clock=world.clock,
                door=world.ctx.door,
                reach=world.fleet,
                provider=world.ctx.provider,
                python=world.ctx.python,
            )
            asyncio.run(reconcile(other, late.left_open()[0]))

    world.cloud.watches.append(wake)


@pytest.mark.parametrize("verb", ["prepare", "launch"])
def test_a_deploy_that_wakes_after_it_was_undone_leaves_nothing(world: World, verb: str) -> None:
    """Neither machines, nor groups, nor keys."""
    mended_while_asleep(world, verb)

    with pytest.raises(CloudClustersError):
        asyncio.run(deploy(world.ctx, plan_of()))

    assert world.cloud.watches == []
    world.clock.advance(60)
    assert world.machines() == []
    assert world.cloud.left() == []
    assert list((world.ctx.home / "keys").glob("*")) == []


def test_a_scale_that_wakes_after_it_was_undone_keeps_no_machine(world: World) -> None:
    """The cluster goes on without it: no node of the record would have it."""
    record = asyncio.run(deploy(world.ctx, plan_of()))
    mended_while_asleep(world, "launch")

    with pytest.raises(CloudClustersError):
        asyncio.run(scale(world.ctx, record.handle, 3))

    stay = (InstanceState.PENDING, InstanceState.RUNNING)
    living = {machine.id for machine in world.cloud.machines() if machine.state in stay}
    assert living == {node.instance.id for node in world.ctx.store.record(record.handle).nodes if node.instance}
