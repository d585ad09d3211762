"""Verbs on several clusters, and failures on several nodes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from lifecycle_world import World, plan_of

from cloudclusters.api.session import Session
from cloudclusters.api.verbs import on_each
from cloudclusters.base.gather import each_to_its_end, gather
from cloudclusters.errors import IllegalState, NodeError, SeveralFailed, UnknownHandle, WaitTimeout
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.execute import execute
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord, ClusterState


def deployed(world: World) -> ClusterRecord:
    """A running cluster of two nodes."""
    return asyncio.run(deploy(world.ctx, plan_of()))


def test_a_verb_that_fails_on_one_cluster_ends_well_on_the_others(world: World) -> None:
    """They only came together."""
    terminated, running = deployed(world), deployed(world)
    asyncio.run(terminate(world.ctx, terminated.handle))
    of = cast(Session, SimpleNamespace(context=world.ctx, watchers={}))

    with pytest.raises(IllegalState, match=terminated.handle):
        asyncio.run(on_each(of, interrupt, [terminated.handle, running.handle]))

    assert world.ctx.store.record(running.handle).state is ClusterState.INTERRUPTED


def test_all_failures_of_a_verb_on_several_clusters_are_told(world: World) -> None:
    """One error of ours, with every message in it, and the gravest remedy."""
    of = cast(Session, SimpleNamespace(context=world.ctx, watchers={}))

    with pytest.raises(SeveralFailed) as failed:
        asyncio.run(on_each(of, interrupt, ["A" * 15, "B" * 15]))

    assert "A" * 15 in failed.value.message
    assert "B" * 15 in failed.value.message
    assert [type(error) for error in failed.value.errors] == [UnknownHandle, UnknownHandle]


def test_a_cancellation_reaches_all_and_waits_for_their_clean_up() -> None:
    """Ctrl-C during `terminate(a, b)`."""
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def cancel_twice() -> None:
        task = asyncio.create_task(each_to_its_end([work("a"), work("b")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_twice())
    assert sorted(ended) == ["a", "b"]


def test_nested_failures_are_one_flat_error() -> None:
    """Nodes within clusters."""

    async def fail(error: Exception) -> None:
        raise error

    async def both() -> None:
        await gather([fail(NodeError("one")), fail(NodeError("two", hint="try"))])

    with pytest.raises(SeveralFailed) as failed:
        asyncio.run(each_to_its_end([both(), fail(WaitTimeout("three"))]))

    assert failed.value.message == "one\ntwo\nthree"
    assert failed.value.hint == "try"
    assert failed.value.remedy is WaitTimeout.remedy


def test_a_command_on_several_silent_nodes_raises_one_error_of_ours(world: World) -> None:
    """It names every node."""
    record = deployed(world)
    for node in ("node0", "node1"):
        world.fleet.silence(record.handle, node)

    with pytest.raises(SeveralFailed, match=r"(?s)node0.*node1"):
        asyncio.run(execute(world.ctx, record.handle, ["hostname"], heard=lambda *_: None))
