"""The table of verbs: what each is on a cluster of two nodes, and what comes before it. A new verb is a new row."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from cloudclusters.lifecycle.adopt import adopt, find_elsewhere
from cloudclusters.lifecycle.change_limits import change_limits
from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.reconnect import reconnect
from cloudclusters.lifecycle.replacing import replace
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.sweep import sweep
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.testing.reliability.stage import Stage

Verb = Callable[[Context, Stage, str], Coroutine[object, object, object]]
"""A verb on a stage, and on the cluster of this handle where one was deployed before."""


async def _deploy(ctx: Context, stage: Stage, _: str) -> object:
    return await deploy(ctx, stage.plan())


async def _terminate(ctx: Context, _: Stage, handle: str) -> object:
    return await terminate(ctx, handle)


async def _interrupt(ctx: Context, _: Stage, handle: str) -> object:
    return await interrupt(ctx, handle)


async def _resume(ctx: Context, _: Stage, handle: str) -> object:
    return await resume(ctx, handle)


async def _elsewhere(ctx: Context, _: Stage, handle: str) -> object:
    return await resume(ctx, handle, elsewhere=True)


async def _restart(ctx: Context, _: Stage, handle: str) -> object:
    return await restart(ctx, handle)


async def _grow(ctx: Context, _: Stage, handle: str) -> object:
    return await scale(ctx, handle, 3)


async def _shrink(ctx: Context, _: Stage, handle: str) -> object:
    return await scale(ctx, handle, 1)


async def _reconnect(ctx: Context, _: Stage, handle: str) -> object:
    return await reconnect(ctx, handle)


async def _limits(ctx: Context, _: Stage, handle: str) -> object:
    return await change_limits(ctx, handle, {"idle_timeout": "2h", "at_limit": "stop"})


async def _replace(ctx: Context, _: Stage, handle: str) -> object:
    return await replace(ctx, handle, "node1")


async def sweep_all(ctx: Context, stage: Stage, _: str) -> object:
    """Let go of all that is ours, from whichever home it was made."""
    return await sweep(ctx, [stage.provider], everyone=True, delete=True)


async def _adopt(ctx: Context, stage: Stage, handle: str) -> object:
    found, troubles = await find_elsewhere(ctx, handle, [stage.provider])
    assert found is not None, troubles
    return await adopt(ctx, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A verb as it is tried: its name in the table, what comes before it, and where."""

    name: str
    verb: Verb
    before: tuple[Verb, ...] = (_deploy,)
    providers: tuple[str, ...] = ("fake", "local", "ec2")
    from_another_home: bool = False
    """The driver has another home than the one that deployed: it knows the cluster by its tags alone."""
    no_capacity: bool = False
    """The stopped machines cannot start: there is no capacity for them."""


ROWS = (
    Row(name="deploy", verb=_deploy, before=()),
    Row(name="terminate", verb=_terminate),
    Row(name="interrupt", verb=_interrupt),
    Row(name="resume", verb=_resume, before=(_deploy, _interrupt)),
    Row(name="resume elsewhere", verb=_elsewhere, before=(_deploy, _interrupt), providers=("fake",), no_capacity=True),
    Row(name="restart", verb=_restart),
    Row(name="scale up", verb=_grow),
    Row(name="scale down", verb=_shrink),
    Row(name="replace", verb=_replace),
    Row(name="limits", verb=_limits),
    Row(name="reconnect", verb=_reconnect),
    Row(name="sweep", verb=sweep_all, providers=("fake", "ec2"), from_another_home=True),
    Row(name="adopt", verb=_adopt, providers=("ec2",), from_another_home=True),
)
"""Every verb that changes something."""


def row_of(name: str) -> Row:
    """The row of this name."""
    return next(row for row in ROWS if row.name == name)
