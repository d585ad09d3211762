"""What tests with real nodes share: a provider that leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudclusters.provider.local.provider import LocalProvider
from cloudclusters.provider.local.settings import LocalSettings
from cloudclusters.provider.protocol import Site
from cloudclusters.provider.registry import plugin


def processes_below(folder: Path) -> list[str]:
    """Command lines of living processes that name this folder or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in command or place.startswith(str(folder)):
            found.append(f"{entry.name}: {command}")
    return found


@pytest.fixture
def local(home: Path) -> Iterator[LocalProvider]:
    """The provider `local` of a fresh home, which is empty again at the end."""
    opened = plugin("local").open(Site(home=home, owner="me@test"))
    assert isinstance(opened, LocalProvider)
    yield opened
    nodes = home / "local" / "nodes"
    assert not nodes.exists() or not list(nodes.iterdir()), "nodes are left behind"
    assert not processes_below(home), "processes are left behind"


@pytest.fixture
def twin(home: Path) -> LocalProvider:
    """The same nodes as another process would see them."""
    return LocalProvider(home / "local", LocalSettings())
