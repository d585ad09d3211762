"""What one process of ours shares: home, store, settings, catalog, and the context of the verbs.

Everything is opened at first use, so that looking at a contract opens no store and needs no event loop.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cloudclusters.base.event import Event, Listen
from cloudclusters.settings.home import home

if TYPE_CHECKING:
    from concurrent.futures import Future

    from cloudclusters.api.adapting import Adapting
    from cloudclusters.api.cluster import Cluster
    from cloudclusters.api.watching import Watcher
    from cloudclusters.catalog import Catalog
    from cloudclusters.lifecycle.context import Context
    from cloudclusters.provider.protocol import Plugin, Provider
    from cloudclusters.settings import Settings
    from cloudclusters.store import Store
    from cloudclusters.store.record import ClusterRecord


T = TypeVar("T")
ALARMS = frozenset({"notice", "lost", "hung", "cut off", "kept", "not replaced"})
"""Phases that people must see even where nobody shows progress."""


class _Once(functools.cached_property[T]):
    """A `cached_property` that several threads make once; since Python 3.12 it has no lock of its own."""

    def __get__(self, instance: object, owner: type | None = None) -> T:  # type: ignore[override]
        assert isinstance(instance, Session)
        with instance.making:
            return super().__get__(instance, owner)


class Session:
    """The shared parts of one process; `session()` gives the one of this process and home."""

    def __init__(self, place: Path) -> None:
        self.home = place
        self.os_pid = os.getpid()
        self.making = threading.RLock()
        self.listeners: list[Listen] = []
        self.kept: dict[str, Cluster] = {}
        """The clusters that this program deployed or reconnected to, with their open clients."""
        self.deployed: list[str] = []
        """Handles of the clusters that this program deployed."""
        self.pending: dict[str, Future[ClusterRecord]] = {}
        """Deploys that go on in the background, by handle."""
        self.adapting: dict[str, Adapting] = {}
        """What lets clusters of this program grow and shrink with their tasks, by handle."""
        self.computes = True
        """Whether this program will compute on what it deploys."""
        self.watchers: dict[str, Watcher] = {}
        """The watches over clusters that this program computes on."""
        self._providers: dict[str, Provider] = {}
        self._keeping: Future[None] | None = None

    @_Once
    def settings(self) -> Settings:
        """The configuration of the working directory, read once."""
        from cloudclusters.provider.registry import built_in
        from cloudclusters.settings import Settings

        known = built_in()
        return Settings.load(
            plugins={plugin.name: dict(plugin.settings) for plugin in known},
            variables={plugin.name: plugin.variables for plugin in known},
        )

    @_Once
    def store(self) -> Store:
        """The user's store."""
        from cloudclusters.store import Store

        return Store.open(self.home)

    @_Once
    def catalog(self) -> Catalog:
        """What contracts are resolved in: the pinned, refreshed or packaged catalog, the user's own rows over it."""
        from cloudclusters.api.catalogs import open_base, with_overlay

        return with_overlay(open_base(self.home), self.settings)

    @_Once
    def context(self) -> Context:
        """What the verbs are given; imports asyncio."""
        from cloudclusters.base.door import Door
        from cloudclusters.base.waiting import SystemClock
        from cloudclusters.lifecycle.context import Context
        from cloudclusters.lifecycle.reaching import Reaching

        return Context(
            home=self.home,
            store=self.store,
            clock=SystemClock(),
            door=Door(),
            reach=Reaching(self.home),
            provider=self.provider,
            python=sys.executable,
            listen=self.hear,
        )

    def provider(self, name: str) -> Provider:
        """The provider of this name, opened at first use; raises `UnknownName`, `MissingExtra`."""
        if name not in self._providers:
            from cloudclusters.provider.protocol import Site
            from cloudclusters.provider.registry import plugin

            site = Site(home=self.home, owner=self.store.owner, settings=self.settings.section(name))
            with self.making:
                if name not in self._providers:
                    self._providers[name] = plugin(name).open(site)
        return self._providers[name]

    def keep_claims(self) -> None:
        """Have the machines of this program's open clusters claimed now and then; may be repeated, returns at once."""
        import asyncio

        from cloudclusters.base.loop import core_loop
        from cloudclusters.lifecycle.keepalive import keepalive

        with self.making:
            if self._keeping is None or self._keeping.done():
                work = keepalive(self.context, lambda: self.kept)
                self._keeping = asyncio.run_coroutine_threadsafe(work, core_loop().loop)

    def known_providers(self) -> list[str]:
        """Providers that may hold something of ours: those of the store's clusters, the free ones, and clouds set up.

        A cloud is set up when it is installed and a region is configured: another home of ours may have used it.
        """
        from cloudclusters.provider.registry import plugins

        used = {summary.provider for summary in self.store.summaries(terminated=True)}
        return [each.name for each in plugins() if each.name in used or each.traits.free or self.is_set_up(each)]

    def end_adapting(self, handle: str) -> None:
        """Let nothing change the size of a cluster by itself any more; waits until a change under way is undone."""
        adapting = self.adapting.pop(handle, None)
        if adapting is not None:
            adapting.end()

    def clouds(self) -> list[str]:
        """Those of the known providers that are clouds and installed; imports no SDK."""
        from cloudclusters.provider.registry import missing_modules, plugins

        known = self.known_providers()
        return [p.name for p in plugins() if p.name in known and p.traits.cloud and not missing_modules(p)]

    def is_set_up(self, plugin: Plugin) -> bool:
        """Whether this is a cloud whose SDK is installed and which has a region in the configuration; calls nobody."""
        from cloudclusters.provider.registry import missing_modules

        ready = plugin.traits.cloud and not missing_modules(plugin)
        return ready and bool(self.settings.text(plugin.name, "region"))

    def hear(self, event: Event) -> None:
        """Pass an event to the log and to every listener."""
        import logging

        where = f"{event.cluster}/{event.node}" if event.node else event.cluster
        level = logging.WARNING if event.phase in ALARMS else logging.INFO
        logging.getLogger("cloudclusters").log(
            level, "%s: %s%s", where, event.phase, f": {event.text}" if event.text else ""
        )
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception:  # whoever only listens must not stop a verb, let alone its clean-up
                logging.getLogger("cloudclusters").exception("a listener failed")
                self.listeners.remove(listener)


_lock = threading.Lock()
_current: tuple[int, Path, Session] | None = None


def session() -> Session:
    """The session of this process; a forked child, or another home, gets one of its own."""
    global _current
    place = home()
    with _lock:
        if _current is None or _current[:2] != (os.getpid(), place):
            _current = (os.getpid(), place, Session(place))
        return _current[2]
