"""Real local clusters whose parts are broken on purpose; the cheapest engine where no worker is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import cloudclusters as cc


def processes_of(home: Path) -> list[psutil.Process]:
    """The processes that name this home in their arguments."""
    return [p for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]


@pytest.fixture
def clean_home(home: Path) -> Iterator[Path]:
    """A home of which nothing runs at the end of the test."""
    yield home
    for cluster in cc.clusters():
        cc.terminate(cluster)
    _, alive = psutil.wait_procs(processes_of(home), timeout=5)  # an agent without its folder ends by itself
    assert alive == []


@pytest.fixture
def bare(clean_home: Path) -> cc.Cluster:
    """One local node without an engine."""
    return cc.deploy(cc.cluster(node_count=1, node_provider="local", engine="none"), resolve=True)
