"""Kill a driver at every point of a verb, then let the next command clean up, and report what is left.

Run as `crash_runner.py PROVIDER VERB FOLDER STRIDE ENGINE`; prints one JSON line per point. Every driver is a forked
child, so that nothing of it survives its SIGKILL but the store, the provider and what it started. A point is the
moment before or after a call through the door (every store write and every provider call goes through it) or before
or after a request to an agent.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar

from cloudclusters.base.cloud import InstanceState, Offer, Place
from cloudclusters.base.door import Door
from cloudclusters.base.waiting import SystemClock
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.lifecycle.context import Context, Link, Reach
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.interrupt import interrupt
from cloudclusters.lifecycle.processes import living
from cloudclusters.lifecycle.reaching import Reaching
from cloudclusters.lifecycle.reconcile import reconcile
from cloudclusters.lifecycle.reconnect import refresh
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.resume import resume
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.sweep import sweep
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.provider.protocol import Provider, Site
from cloudclusters.provider.registry import plugin
from cloudclusters.store import Store
from cloudclusters.store.record import ClusterRecord, ClusterState, NodeRecord
from cloudclusters.testing.cloud import FakeCloud
from cloudclusters.testing.fleet import FakeFleet

P = ParamSpec("P")
T = TypeVar("T")

Verb = Callable[[Context, str], Coroutine[object, object, ClusterRecord]]

VERBS: dict[str, tuple[Verb, tuple[Verb, ...]]] = {
    "terminate": (terminate, ()),
    "interrupt": (interrupt, ()),
    "resume": (resume, (interrupt,)),
    "elsewhere": (lambda ctx, handle: resume(ctx, handle, elsewhere=True), (interrupt,)),
    "restart": (restart, ()),
    "grow": (lambda ctx, handle: scale(ctx, handle, 3), ()),
    "shrink": (lambda ctx, handle: scale(ctx, handle, 1), ()),
}
"""Each verb on a running cluster of two nodes, and what has to come before it."""


class Points:
    """Counts the points that are passed, and kills this process at the wanted one."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.passed = 0

    def reach(self) -> None:
        """Pass a point, or die at it."""
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)


class FatalDoor(Door):
    """A door with a point before and after every call."""

    def __init__(self, points: Points) -> None:
        super().__init__(width=4)
        self._points = points

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._points.reach()
        result = await super().__call__(call, *args, **kwargs)
        self._points.reach()
        return result


class FatalLink:
    """A link with a point before and after every request."""

    def __init__(self, link: Link, points: Points) -> None:
        self._link = link
        self._points = points

    async def call(self, do: str, /, **arguments: object) -> Mapping[str, object]:
        self._points.reach()
        answer = await self._link.call(do, **arguments)
        self._points.reach()
        return answer

    def stream(self, do: str, /, **arguments: object) -> AsyncGenerator[Mapping[str, object], None]:
        self._points.reach()
        return self._link.stream(do, **arguments)

    async def forward(self, address: str, port: int) -> str:
        return await self._link.forward(address, port)

    async def close(self) -> None:
        await self._link.close()


class FatalReach:
    """A reach whose links have points."""

    def __init__(self, reach: Reach, points: Points) -> None:
        self._reach = reach
        self._points = points

    async def connect(self, record: ClusterRecord, node: NodeRecord, /, *, timeout: float) -> Link:
        return FatalLink(await self._reach.connect(record, node, timeout=timeout), self._points)

    async def leave(self, cluster: str, nodes: Collection[str] | None = None) -> None:
        await self._reach.leave(cluster, nodes)


def opened(name: str, home: Path) -> tuple[Provider, Reach]:
    """The provider under test, and how its nodes are reached; the fake cloud lives in a file."""
    if name == "fake":
        cloud = FakeCloud(home / "cloud.json")
        return cloud.provider(), FakeFleet(cloud)
    return plugin(name).open(Site(home=home, owner="tester")), Reaching(home)


def context(name: str, home: Path, points: Points) -> Context:
    """A context as a program has it, with points in its door and links."""
    provider, reach = opened(name, home)

    return Context(
        home=home,
        store=Store.open(home),
        clock=SystemClock(),
        door=FatalDoor(points),
        reach=FatalReach(reach, points),
        provider=lambda _: provider,
        python=sys.executable,
    )


def plan(name: str, engine: str) -> Plan:
    """Two nodes."""
    offer = Offer(provider=name, instance_type=f"{name}.small", place=Place(region=name), hourly_usd=0.0)
    role = RolePlan(role="peer", count=2, offer=offer)
    return Plan(contract="A" * 15, cluster_type=ClusterType.PEER_WORKERS, provider=name, roles=(role,), engine=engine)


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; its exit status (negative: the signal that killed it)."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  # a child has no other way to tell
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(ctx: Context, work: Coroutine[object, object, T]) -> T:
    """Run on a loop of its own; links belong to the loop that made them."""
    ctx.links.clear()
    return asyncio.run(work)


def next_command(ctx: Context, which: int) -> None:
    """What the user does next: terminate what is listed, ask for its status, or sweep."""
    records = ctx.store.records()
    if which % 3 == 0:
        for record in records:
            run(ctx, terminate(ctx, record.handle))
        return
    if which % 3 == 1:
        for handle in ctx.store.left_open():
            run(ctx, reconcile(ctx, handle))
    else:
        run(ctx, sweep(ctx, [record.holding.provider for record in records], delete=True))
    for record in ctx.store.records():
        check_accounted(ctx, record)
        run(ctx, bring_back(ctx, record.handle))
        run(ctx, terminate(ctx, record.handle))


def check_accounted(ctx: Context, record: ClusterRecord) -> None:
    """Every machine has its node, every node its machine, and no verb seems to be under way."""
    assert record.state not in ClusterState.under_way(), f"{record.handle} is {record.state}"
    seen = ctx.provider(record.holding.provider).describe(record.holding)
    machines = {i.id for i in seen if i.state is not InstanceState.GONE}
    known = {node.instance.id for node in record.nodes if node.instance is not None}
    assert machines == known, f"{record.handle} is {record.state}: machines {machines}, nodes {known}"
    assert len(known) == len(record.nodes)
    assert len(known) in (1, 2, 3)


async def bring_back(ctx: Context, handle: str) -> None:
    """Make it run again, as a user would who looks at its state."""
    record = await refresh(ctx, handle)
    if record.state is not ClusterState.RUNNING:
        stopped = any(node.instance and node.instance.state is not InstanceState.RUNNING for node in record.nodes)
        record = await (resume if stopped else restart)(ctx, handle)
    assert record.state is ClusterState.RUNNING, f"{handle} is {record.state}"
    alive = {(worker.node, worker.name) for worker in await living(ctx, record)}
    assert alive == {(p.node, p.name) for p in record.layout.processes}
    record = await scale(ctx, handle, 2)
    assert len(record.nodes) == 2


def left(name: str, home: Path) -> list[str]:
    """What still exists: machines, holdings, keys, records not terminated, steps left open."""
    provider, _ = opened(name, home)
    store = Store.open(home)
    found = [f"holding of {holding.cluster}" for holding in provider.find()]
    found += [f"record {r.handle} {r.state}" for r in store.records()]
    found += [f"open step of {handle}" for handle in store.left_open()]
    found += [f"keys of {place.name}" for place in (home / "keys").glob("*")]
    return found


def try_point(name: str, verb: str, home: Path, fatal: int, engine: str) -> tuple[int, list[str]]:
    """Die at point `fatal` of the verb, run the next command, and say how the driver ended and what is left."""
    home.mkdir(parents=True, exist_ok=True)

    def victim() -> None:
        points = Points(fatal if verb == "deploy" else 0)
        ctx = context(name, home, points)
        record = run(ctx, deploy(ctx, plan(name, engine)))
        if verb != "deploy":
            call, before = VERBS[verb]
            for other in before:
                run(ctx, other(ctx, record.handle))
            if verb == "elsewhere":
                FakeCloud(home / "cloud.json").fail("start", "NoCapacity", times=None)
            points.passed, points.fatal = 0, fatal
            run(ctx, call(ctx, record.handle))

    ended = in_child(victim)
    if verb == "elsewhere":
        FakeCloud(home / "cloud.json").mend()
    cleaned = in_child(lambda: next_command(context(name, home, Points(0)), fatal))
    remains = left(name, home)
    if cleaned != 0:
        remains.append(f"the next command failed with {cleaned}")
    return ended, remains


def main(name: str, verb: str, folder: Path, stride: int, engine: str) -> None:
    """Try every `stride`-th point until the verb runs to its end."""
    fatal = 1
    while True:
        ended, remains = try_point(name, verb, folder / str(fatal), fatal, engine)
        print(json.dumps({"point": fatal, "ended": ended, "left": remains}), flush=True)
        if ended == 0:
            return
        fatal += stride


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
