"""Real local clusters, and the assertion that nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import cloudclusters as cc


def left_of(home: Path) -> list[str]:
    """Processes that carry this home in their arguments or working directory."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(home) in line and process.pid != psutil.Process().pid:
            found.append(line)
    return found


@pytest.fixture
def clean_home(home: Path) -> Iterator[Path]:
    """A home whose clusters are all gone at the end of the test."""
    yield home
    for cluster in cc.clusters():
        cc.terminate(cluster)
    assert left_of(home) == []


@pytest.fixture
def local_cluster(clean_home: Path) -> Iterator[cc.Cluster]:
    """Two local nodes."""
    contract = cc.cluster(node_count=2, node_provider="local")
    with cc.deploy(contract, resolve=True) as cluster:
        yield cluster
