"""One bed for all tests of this folder, in a private world; empty before each, and nothing left after each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cloudclusters.testing.bed import world
from cloudclusters.testing.bed.plugin import pytest_collection_modifyitems, pytest_runtest_protocol

if TYPE_CHECKING:
    from cloudclusters.testing.bed import Bed

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_protocol"]


@pytest.fixture(scope="session")
def open_bed() -> Iterator[Bed]:
    """A bed with short delays."""
    from cloudclusters.testing.bed import Bed

    assert world.is_inside()
    with Bed(pending_delay=0.2, boot_delay=0.2) as bed:
        yield bed


@pytest.fixture
def bed(open_bed: Bed) -> Iterator[Bed]:
    """The bed, empty; afterwards nothing may have gone wrong in the background."""
    open_bed.clear()
    yield open_bed
    open_bed.clear()
    left = open_bed.left()
    assert not left, left
    assert not open_bed.instances.mistakes
