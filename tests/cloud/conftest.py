"""Clusters on the simulated EC2 as a user has them: settings by variables, and nothing left at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import cloudclusters as cc
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

__all__ = ["bed", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]


@pytest.fixture
def ec2(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    """The bed, with this process as its user; hosts have the packages of this Python."""
    names = {
        **bed.environment(),
        "CLOUDCLUSTERS_EC2_REGION": bed.region,
        "CLOUDCLUSTERS_EC2_SWEEP_REGIONS": bed.region,
        "CLOUDCLUSTERS_EC2_CALLER_ADDRESS": bed.client_address,
        "CLOUDCLUSTERS_EC2_ENVIRONMENT": "image",
        "CLOUDCLUSTERS_EC2_PYTHON": sys.executable,
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    yield bed
    bed.faults.clear()
    for cluster in cc.clusters():
        cc.terminate(cluster)
