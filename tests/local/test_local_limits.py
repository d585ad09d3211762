"""Local nodes that let go of themselves: they are stopped or deleted, as was wished."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Slot
from cloudclusters.base.waiting import SystemClock
from cloudclusters.provider.local.provider import LocalProvider
from cloudclusters.remote import connect
from cloudclusters.testing.settling import Settle


@pytest.fixture
def settle(local: LocalProvider) -> Settle:
    """Wait for nodes to be as they should be."""
    return Settle(local, SystemClock(), 20.0)


@pytest.fixture
def holding(local: LocalProvider, settle: Settle) -> Iterator[Holding]:
    """A cluster that is let go of at the end."""
    made = local.prepare(Holding(provider="local", cluster="FXqElAnSeTEpQAm", owner="me@test", store="s"))
    yield made
    local.terminate(made, [instance.id for instance in local.describe(made)])
    settle.let_go(made)


def idle(node: Instance, at_limit: str) -> None:
    """Give a node a very short idle limit."""

    async def tell() -> None:
        assert node.endpoint is not None
        agent = await connect(node.endpoint, timeout=10)
        head = {"address": node.inner_address, "port": None, "node": "node0"}
        limits = {"idle_timeout": 0.2, "at_limit": at_limit, "head": head, "node": "node0", "secret": "none"}
        await agent.call("limits", limits=limits)
        await agent.close()

    asyncio.run(tell())


def launched(local: LocalProvider, holding: Holding, settle: Settle) -> Instance:
    """A node that runs."""
    offer = next(iter(local.offers([])))
    local.launch(holding, Launch(token="t", offer=offer, slots=(Slot("peer", 0),)))
    [node] = settle.until(holding, lambda seen: [i.state for i in seen] == [InstanceState.RUNNING], "a node that runs")
    return node


def test_node_that_stops_at_its_limit_starts_again(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """It says why it stopped; started again it is as any other."""
    node = launched(local, holding, settle)
    idle(node, "stop")
    [stopped] = settle.until(holding, lambda seen: [i.state for i in seen] == [InstanceState.STOPPED], "a stop")
    assert stopped.powered_off
    assert "idle_timeout" in stopped.reason
    local.start(holding, [node.id])
    [again] = settle.until(holding, lambda seen: [i.state for i in seen] == [InstanceState.RUNNING], "a node that runs")
    assert not again.powered_off


def test_node_that_is_deleted_at_its_limit_is_gone(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """With its folder, at the next look."""
    idle(launched(local, holding, settle), "terminate")
    settle.until(holding, lambda seen: not seen, "an empty cluster")
