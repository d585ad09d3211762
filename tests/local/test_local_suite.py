"""The shared provider suite, on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import ClassVar

import pytest

from cloudclusters.base.cloud import Holding, Instance, Offer, SocketEndpoint
from cloudclusters.provider.local.provider import LocalProvider
from cloudclusters.provider.local.settings import LocalSettings
from cloudclusters.provider.protocol import Provider
from cloudclusters.testing.provider_suite import Disk, ProviderSuite, never
from cloudclusters.testing.settling import request


class NodeDisk:
    """A node's disk is its folder."""

    def write(self, instance: Instance, text: str) -> None:
        """Leave a text on the machine."""
        self._file(instance).write_text(text)

    def read(self, instance: Instance) -> str:
        """Read it again."""
        return self._file(instance).read_text()

    def _file(self, instance: Instance) -> Path:
        assert isinstance(instance.endpoint, SocketEndpoint)
        return Path(instance.endpoint.path).with_name("text")


class TestLocal(ProviderSuite):
    """`local` passes all of it."""

    patience = 20.0
    marks: ClassVar = {"test_unreachable_is_told_apart": never("this machine always reaches itself")}

    @pytest.fixture
    def provider(self, local: LocalProvider) -> LocalProvider:
        """Nodes below a fresh home."""
        return local

    @pytest.fixture
    def offer(self, provider: Provider) -> Offer:
        """This machine."""
        return next(iter(provider.offers([])))

    @pytest.fixture
    def reopen(self, twin: LocalProvider) -> Callable[[], Provider]:
        """What another process sees."""
        return lambda: twin

    @pytest.fixture
    def disk(self) -> Disk:
        """A node's disk is its folder."""
        return NodeDisk()

    @pytest.fixture
    def scarce(self, provider: LocalProvider, holdings: Callable[[], Holding], offer: Offer) -> Callable[[int], None]:
        """A network of two addresses, of which other clusters have the rest."""
        small = LocalSettings(network=f"127.61.{os.getpid() % 250}.0/30")

        def limit(count: int) -> None:
            provider.settings = small
            if count < 2:
                provider.launch(holdings(), request(offer, 2 - count))

        return limit

    @pytest.fixture
    def left(self, home: Path) -> Callable[[], Collection[str]]:
        """Folders of nodes."""
        return lambda: [str(node) for node in (home / "local").glob("*/*") if node.parent.name in ("nodes", "trash")]
