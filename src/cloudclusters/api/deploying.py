"""deploy for people: how long to wait, and what goes on in the background."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import threading
from collections.abc import Coroutine
from typing import Literal, TypeVar

from cloudclusters.api.cluster import Cluster, kept
from cloudclusters.api.leaving import remember
from cloudclusters.api.session import Session
from cloudclusters.base.door import finish
from cloudclusters.base.loop import Interrupted, core_loop
from cloudclusters.contract.document import Plan
from cloudclusters.engine.protocol import Engine
from cloudclusters.engine.registry import engine
from cloudclusters.errors import InvalidContract, WaitTimeout
from cloudclusters.lifecycle.deploy import deploy as verb
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.store.record import ClusterRecord

T = TypeVar("T")

Wait = Literal["all", "min", False]
"""When `deploy` returns: all workers ready, the first node ready, or as soon as the cluster is recorded."""


def deploy_plan(
    of: Session, plan: Plan, *, name: str = "", wait: Wait = "all", timeout: float | None = None, keep: bool = False
) -> Cluster:
    """Deploy a plan, blocking as `wait` says; see `cloudclusters.deploy`."""
    check_wait(wait, timeout)
    if wait == "all":
        try:
            work = verb(of.context, plan, name=name, keep=keep, reached=functools.partial(_import_meanwhile, of))
            record = core_loop().run(within(work, timeout))
        except Interrupted as interrupted:
            if isinstance(interrupted.result, ClusterRecord):
                # The signal came when all was done: what was meant is still that nothing stays.
                core_loop().run(terminate(of.context, interrupted.result.handle))
            raise
        remember(of, record.handle)
        return kept(of, record.handle)
    return core_loop().run(begin(of, plan, name=name, wait=wait, timeout=timeout, keep=keep))


def _import_meanwhile(of: Session, milestone: str, record: ClusterRecord) -> None:
    """Import the engine's client while the nodes start: this process only waits, and the first use comes sooner."""
    if milestone == "starting" and of.computes:
        threading.Thread(target=_imported, args=(engine(record.plan.engine),)).start()


def _imported(chosen: Engine) -> None:
    """Import the client, if the program does not end meanwhile: then Python refuses what wants to be called at exit.

    What else is wrong with it is told at its first use.
    """
    with contextlib.suppress(ImportError, RuntimeError):
        chosen.import_client()


def check_wait(wait: object, timeout: object) -> None:
    """Raise `InvalidContract` for what `deploy` cannot wait for."""
    if wait is not False and wait not in ("all", "min"):
        raise InvalidContract(f"wait={wait!r} is unknown", hint='use wait="all", wait="min" or wait=False')
    if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
        raise InvalidContract(f"timeout={timeout!r} is not a number of seconds above 0")


async def within(work: Coroutine[object, object, T], timeout: float | None) -> T:
    """Await a verb for at most `timeout` seconds; it is cancelled then, and cleans up, before `WaitTimeout`."""
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await work
    except (TimeoutError, asyncio.CancelledError) as exc:
        # A verb that fails in the moment its time is up may end as cancelled: on 3.11 the two are mixed up.
        if not limit.expired():
            raise
        left = " ".join(getattr(exc.__cause__, "__notes__", []))  # what the clean-up of the cancelled verb says
        raise WaitTimeout(f"not deployed within {timeout:g} s. {left}".rstrip(), hint="give a longer timeout") from exc


async def begin(of: Session, plan: Plan, *, name: str, wait: Wait, timeout: float | None, keep: bool) -> Cluster:
    """Begin a deploy on the core loop, and return when the milestone that `wait` names is reached.

    The rest goes on in the background; `Cluster.wait` waits for it and raises what it raised.
    """
    reached: asyncio.Queue[tuple[str, ClusterRecord]] = asyncio.Queue()
    work = verb(of.context, plan, name=name, keep=keep, reached=lambda *event: reached.put_nowait(event))
    task = asyncio.create_task(within(work, timeout))
    milestone = "first" if wait == "min" else "recorded"
    while True:
        event = asyncio.create_task(reached.get())
        try:
            await asyncio.wait({event, task}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await finish(asyncio.wait({task}))  # its clean-up, however often we are cancelled
            raise
        if not event.done():
            event.cancel()
            return kept(of, (await task).handle)
        at, record = event.result()
        if at == milestone:
            of.pending[record.handle] = _outcome(task)
            remember(of, record.handle)
            return kept(of, record.handle)


def _outcome(task: asyncio.Task[ClusterRecord]) -> concurrent.futures.Future[ClusterRecord]:
    """The task's end as a future that any thread can wait for."""
    future: concurrent.futures.Future[ClusterRecord] = concurrent.futures.Future()

    def done(ended: asyncio.Task[ClusterRecord]) -> None:
        if ended.cancelled():
            future.cancel()
        elif (error := ended.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(ended.result())

    task.add_done_callback(done)
    return future
