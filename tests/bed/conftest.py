"""Tests of the bed itself, which leave things in it on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bed_client import Cloud

from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

__all__ = ["bed", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]


@pytest.fixture
def cloud(bed: Bed, tmp_path: Path) -> Iterator[Cloud]:
    """A client of the bed that does not repeat by itself."""
    yield Cloud(bed, tmp_path)
    bed.clear()
