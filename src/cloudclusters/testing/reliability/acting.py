"""What the drivers of the faults do, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from cloudclusters.lifecycle.context import Context
from cloudclusters.lifecycle.machines import look, lost
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store import Store
from cloudclusters.store.holder import Holder, this_process
from cloudclusters.testing.reliability.points import Points, Strike, die, fall_asleep
from cloudclusters.testing.reliability.stage import ShiftedClock, Stage
from cloudclusters.testing.reliability.verbs import row_of

Told = Callable[[str], None]
EXPIRED = 120.0
"""Seconds after which every claim of a driver that gave no sign of life has ended."""
IN_FLIGHT = 0.1
"""Seconds after a call was sent; the cloud takes longer than that to act on it."""


def set_up(told: Told, stage: Stage, name: str) -> None:
    """Do what comes before a verb; tells the handle of the cluster."""
    ctx = stage.context(Points(told))

    async def all_before() -> None:
        for verb in row_of(name).before:
            handles = [record.handle for record in ctx.store.records()]
            await verb(ctx, stage, handles[0] if handles else "")

    asyncio.run(all_before())
    for record in ctx.store.records():
        told(record.handle)


def act(told: Told, stage: Stage, name: str, handle: str, point: int, strike: Strike = die) -> None:
    """Run a verb, and be struck at this point of it; 0 is none."""
    points = Points(told, strike)
    ctx = stage.context(points)
    if stage.provider == "local":
        points.watch_system()
    points.arm(point)
    _run(ctx, stage, name, handle)


def act_on_time(told: Told, stage: Stage, name: str, handle: str, begin: float) -> None:
    """Run a verb from this moment on, which another driver waits for as well."""
    ctx = stage.context(Points(told))
    while time.time() < begin:
        pass
    _run(ctx, stage, name, handle)


def act_and_sleep(told: Told, stage: Stage, name: str, handle: str, point: int) -> None:
    """Run a verb, and be stopped at this point until somebody wakes us."""
    if stage.provider != "fake":
        act(told, stage, name, handle, point, fall_asleep)
        return
    cloud = stage.cloud

    def sleep() -> None:
        with cloud.still():
            fall_asleep()

    points = Points(told, sleep)
    ctx = stage.context(points, cloud=cloud)
    points.arm(point)
    _run(ctx, stage, name, handle)


def act_and_jump(told: Told, stage: Stage, name: str, handle: str, point: int, seconds: float) -> None:
    """Run a verb, in the middle of which the clock jumps."""
    clock = ShiftedClock()

    def jump() -> None:
        clock.off = seconds

    points = Points(told, jump)
    ctx = stage.context(points, clock=clock)
    points.arm(point)
    _run(ctx, stage, name, handle)


def act_and_fill(told: Told, stage: Stage, name: str, handle: str, point: int) -> None:
    """Run a verb, in the middle of which the disk of the home is full."""
    act(told, stage, name, handle, point, lambda: fill(stage.home))


def act_in_flight(told: Told, stage: Stage, name: str, handle: str, call: str) -> None:
    """Run a verb, and die while the cloud has this call and has not answered it."""
    points = Points(told, lambda: threading.Timer(IN_FLIGHT, die).start(), at=f"before {call}")
    ctx = stage.context(points)
    points.arm(0)
    _run(ctx, stage, name, handle)


def take_over(told: Told, stage: Stage) -> None:
    """From another host, when the driver gave no sign of life for long: mend what it left."""
    clock = ShiftedClock()
    clock.off = EXPIRED
    ctx = stage.context(Points(told), clock=clock, holder=another_host)

    async def mend() -> None:
        for handle in ctx.store.left_open():
            await reconcile(ctx, handle)

    asyncio.run(mend())


def move_in(told: Told, stage: Stage) -> None:
    """As another user of the account: deploy a cluster; tells its handle."""
    store = Store.open(stage.home)
    connection = sqlite3.connect(store.path)
    with connection:
        connection.execute("UPDATE meta SET value = 'somebody@else' WHERE key = 'owner'")
    connection.close()
    store.close()
    set_up(told, stage, "terminate")


def move_out(told: Told, stage: Stage) -> None:
    """As that other user: see that the cluster has its machines, and terminate it."""
    ctx = stage.context(Points(told))

    async def leave() -> None:
        for record in ctx.store.records():
            seen = await look(ctx, record)
            if lost(seen) or record.holding.owner != "somebody@else":
                told(f"the other user's cluster is {[node.instance for node in seen.nodes]}")
            await terminate(ctx, record.handle)

    asyncio.run(leave())


def another_host() -> Holder:
    """This process as it would be on another machine that shares the home."""
    return msgspec.structs.replace(this_process(), host="another", boot="another", machine="another", space="another")


def fill(folder: Path) -> None:
    """Leave no room on the disk of this folder."""
    handle = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT, 0o600)
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                os.write(handle, b"\0" * size)
        except OSError:
            continue
    os.close(handle)


def _run(ctx: Context, stage: Stage, name: str, handle: str) -> None:
    async def verb() -> None:
        await row_of(name).verb(ctx, stage, handle)

    asyncio.run(verb())
