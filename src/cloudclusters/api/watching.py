"""The watch over clusters that this program computes on: its hooks, and when it is on.

It is begun where a client is made, rests while a verb of this program is at work on the cluster, and never keeps the
program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from cloudclusters.api.session import Session
from cloudclusters.base.door import finish

if TYPE_CHECKING:
    from cloudclusters.base.notice import Notice
    from cloudclusters.lifecycle.watching import Watch

LOG = logging.getLogger("cloudclusters")
ANSWER = 5.0
"""Seconds that the scheduler may take to say which workers it has."""
Hook = Callable[["Notice"], object]


class Watcher:
    """The watch over one cluster, from this program's side; `begin` and `end` are for the core loop."""

    def __init__(self, of: Session, handle: str) -> None:
        self._of, self._handle = of, handle
        self._watch: Watch | None = None
        self._task: asyncio.Task[None] | None = None
        self.hooks: list[Hook] = []
        self._known: dict[str, Notice] = {}
        """The last notice of each machine: its agent tells it again to every new watch."""

    @property
    def trouble(self) -> str:
        """Which nodes do not stand well, and why, in a sentence; empty when all do, as far as known."""
        return self._watch.trouble if self._watch is not None else ""

    async def begin(self) -> None:
        """Be on; may be repeated."""
        if self._task is None or self._task.done():
            from cloudclusters.lifecycle.watching import Watch

            context = self._of.context
            self._watch = Watch(
                context, self._handle, noticed=self._noticed, taken_out=self._taken_out, known=self._known
            )
            self._task = asyncio.create_task(self._watch.run())
            self._task.add_done_callback(_ended)

    @property
    def is_on(self) -> bool:
        """Whether it watches."""
        return self._task is not None and not self._task.done()

    async def end(self) -> None:
        """Be off, once what is under way is cleaned up."""
        if (task := self._task) is not None and not task.done():
            task.cancel()
            await finish(asyncio.wait([task]))
        self._task = None

    def _noticed(self, notice: Notice) -> None:
        for hook in self.hooks:
            threading.Thread(target=_called, args=(hook, notice), name="cloudclusters-notice", daemon=True).start()

    def _taken_out(self, node: str) -> None:
        threading.Thread(target=self._take_out, args=(node,), name="cloudclusters-lost", daemon=True).start()

    def _take_out(self, node: str) -> None:
        """Have the scheduler give up the workers of a node: what they had is computed elsewhere."""
        cluster = self._of.kept.get(self._handle)
        client = None if cluster is None else cluster.open_client
        if client is None or client.scheduler is None:
            return
        scheduler = client.scheduler
        try:
            known = client.sync(scheduler.identity, n_workers=-1, callback_timeout=ANSWER)["workers"]
            for address, worker in known.items():
                if str(worker["name"]).startswith(f"{node}/"):
                    client.sync(scheduler.unregister, address=address, stimulus_id="lost", callback_timeout=ANSWER)
        except (OSError, TimeoutError, RuntimeError) as exc:
            LOG.warning("%s: its scheduler could not be told that %s is lost: %s", self._handle, node, exc)


def watcher(of: Session, handle: str) -> Watcher:
    """The watcher of a cluster in this program; it may be off."""
    return of.watchers.setdefault(handle, Watcher(of, handle))


@contextlib.asynccontextmanager
async def unwatched(of: Session, handles: Sequence[str]) -> AsyncIterator[None]:
    """Let the watch rest while we act on these clusters, so that it holds no lease then."""
    on: list[str] = []
    try:
        for handle in handles:
            if handle in of.watchers and of.watchers[handle].is_on:
                on.append(handle)
                await of.watchers[handle].end()
        yield
    finally:
        for handle in on:
            await of.watchers[handle].begin()


def _called(hook: Hook, notice: Notice) -> None:
    try:
        hook(notice)
    except Exception:  # the user's code: the watch goes on
        LOG.exception("the hook %r failed on %s", hook, notice)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        LOG.error("the watch over a cluster ended", exc_info=failure)
