"""The next command, from a new process: what it must have made of whatever its predecessor left."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine

from cloudclusters.base.cloud import Holding, InstanceState
from cloudclusters.base.waiting import wait_until
from cloudclusters.errors import IllegalState, LeaseHeld, NodeError
from cloudclusters.lifecycle.adopt import adopt
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.processes import living
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.reconnect import reconnect, refresh
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.sweep import sweep
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.provider.protocol import CanFind
from cloudclusters.remote.ssh import HostKeyRefused
from cloudclusters.store.leases import EXPIRY
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.reliability.points import Points
from cloudclusters.testing.reliability.stage import Stage
from cloudclusters.testing.reliability.verbs import sweep_all

COMMANDS = ("status", "terminate", "reconnect", "sweep")
"""What the user may do next, with the store that there is."""
WITHOUT_STORE = {
    "fake": ("sweep, store lost",),
    "local": (),
    "ec2": ("sweep, store lost", "reconnect, store lost"),
}
"""What he may do next when the whole home was deleted in between, by provider: one that is on this machine loses its
own notes with it."""


def commands_of(provider: str) -> tuple[str, ...]:
    """All next commands that are tried with a provider."""
    return (*COMMANDS, *WITHOUT_STORE[provider])


def follow(told: Callable[[str], None], stage: Stage, command: str) -> None:
    """Run the next command, see that all is accounted for, and terminate what lives."""
    if command.endswith("store lost"):
        stage.forget()
    asyncio.run(_follow(told, stage, command))


async def _follow(told: Callable[[str], None], stage: Stage, command: str) -> None:
    ctx = stage.context(Points(told))
    await _FOLLOWING[command](ctx, stage)
    for odd in (*stage.unaccounted(ctx), *_untrue(ctx)):
        told(f"after `{command}`: {odd}")
    for record in ctx.store.records():
        if command in ("status", "reconnect"):
            await _bring_back(ctx, record.handle)
        await _in_turn(ctx, functools.partial(terminate, ctx, record.handle))


async def _status(ctx: Context, _: Stage) -> None:
    for handle in ctx.store.left_open():
        await reconcile(ctx, handle)
    for record in ctx.store.records():
        await refresh(ctx, record.handle)


async def _terminate(ctx: Context, _: Stage) -> None:
    for record in ctx.store.records():
        await terminate(ctx, record.handle)


async def _reconnect(ctx: Context, _: Stage) -> None:
    for record in ctx.store.records():
        with contextlib.suppress(IllegalState):  # a deploy that died was undone
            await reconnect(ctx, record.handle)


async def _sweep(ctx: Context, stage: Stage) -> None:
    await sweep(ctx, [stage.provider], delete=True)


async def _sweep_all(ctx: Context, stage: Stage) -> None:
    await sweep_all(ctx, stage, "")


async def _adopt(ctx: Context, stage: Stage) -> None:
    provider = ctx.provider(stage.provider)
    assert isinstance(provider, CanFind)
    for holding in provider.find():
        # No machine was left; or the driver died before the machines' words told who they are, so that nobody may enter
        # them: such a cluster can be terminated.
        with contextlib.suppress(IllegalState, HostKeyRefused):
            await _in_turn(ctx, functools.partial(_take_up, ctx, holding))
    known = {record.handle for record in ctx.store.records()}
    if any(holding.cluster not in known for holding in provider.find()):
        await _sweep_all(ctx, stage)


async def _take_up(ctx: Context, holding: Holding) -> None:
    known = [record.handle for record in ctx.store.records()]
    await (restart(ctx, holding.cluster) if holding.cluster in known else adopt(ctx, holding))


async def _in_turn(ctx: Context, act: Callable[[], Awaitable[object]]) -> None:
    """Act when it is our turn: the lease of a driver that died, which its machines keep, ends within a minute."""

    async def attempt() -> bool:
        try:
            await act()
        except LeaseHeld:
            return False
        return True

    await wait_until(attempt, bool, clock=ctx.clock, timeout=2 * EXPIRY, what="the end of a dead driver's lease")


_FOLLOWING: dict[str, Callable[[Context, Stage], Coroutine[object, object, None]]] = {
    "status": _status,
    "terminate": _terminate,
    "reconnect": _reconnect,
    "sweep": _sweep,
    "sweep, store lost": _sweep_all,
    "reconnect, store lost": _adopt,
}


def _untrue(ctx: Context) -> list[str]:
    """What records say that is not so: nodes without a machine, and verbs under way that are not."""
    odd = []
    for record in ctx.store.records():
        if record.state in ClusterState.under_way():
            odd.append(f"{record.handle} is still {record.state}")
        seen = ctx.provider(record.holding.provider).describe(record.holding)
        machines = {i.id for i in seen if i.state is not InstanceState.GONE}
        odd += [
            f"{node.name} of {record.handle}, which is {record.state}, has no machine"
            for node in record.nodes
            if node.instance is None or node.instance.id not in machines
        ]
    return odd


async def _bring_back(ctx: Context, handle: str) -> None:
    """Make it run again with two nodes, as a user would who looks at its state."""
    record = await refresh(ctx, handle)
    if record.state is not ClusterState.RUNNING:
        stopped = any(node.instance and node.instance.state is not InstanceState.RUNNING for node in record.nodes)
        try:
            record = await (resume if stopped else restart)(ctx, handle)
        except NodeError as exc:
            if stopped or "cloudclusters resume" not in exc.hint:
                raise
            record = await resume(ctx, handle)  # a call of the dead driver was carried out just now
    assert record.state is ClusterState.RUNNING, f"{handle} is {record.state}"
    alive = {(worker.node, worker.name) for worker in await living(ctx, record)}
    assert alive == {(p.node, p.name) for p in record.layout.processes}
    if len(record.nodes) != 2:
        record = await scale(ctx, handle, 2)
    assert len(record.nodes) == 2
