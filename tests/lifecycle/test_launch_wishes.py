"""What a role's machines must have beside their type reaches the provider with the launch."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.base.cloud import Instance, InstanceState, Launch, Slot
from cloudclusters.contract.document import Plan
from cloudclusters.lifecycle import words
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.scale import scale


@pytest.fixture
def launches(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Launch]:
    """Every launch that the provider was asked for."""
    provider = world.ctx.provider("fake")
    seen: list[Launch] = []
    real = provider.launch

    def launch(holding, wish):  # type: ignore[no-untyped-def]
        seen.append(wish)
        return real(holding, wish)

    monkeypatch.setattr(provider, "launch", launch)
    return seen


def _plan(**wishes: object) -> Plan:
    plan = plan_of(2)
    roles = tuple(msgspec.structs.replace(role, **wishes) for role in plan.roles)
    return msgspec.structs.replace(plan, roles=roles)


@pytest.mark.parametrize(
    ("wishes", "disk", "rdma"), [({}, None, False), ({"disk_bytes": 200 * 10**9, "rdma": True}, 200 * 10**9, True)]
)
def test_disk_and_rdma_are_asked_for(
    world: World, launches: list[Launch], wishes: dict[str, object], disk: int | None, rdma: bool
) -> None:
    """At the deploy, and for the nodes that a scale adds."""
    record = asyncio.run(deploy(world.ctx, _plan(**wishes)))
    asyncio.run(scale(world.ctx, record.handle, 3))

    assert [(launch.disk_bytes, launch.rdma) for launch in launches] == [(disk, rdma)] * 2


def test_machines_carry_what_their_role_asked_for(world: World, launches: list[Launch]) -> None:
    """Who takes the cluster up by the cloud alone adds nodes that are like the others."""
    asyncio.run(deploy(world.ctx, _plan(disk_bytes=200 * 10**9, rdma=True)))
    (launch,) = launches
    instance = Instance(
        id="i", slot=Slot("peer", 0), token="t", state=InstanceState.RUNNING, instance_type="x", words=launch.words
    )
    (role,) = words.plan_of("fake", {"peer": [instance]}).roles

    assert (role.disk_bytes, role.rdma) == (200 * 10**9, True)
