"""Fixtures of tests in the bed, shared by all folders that hold such tests: a folder's `conftest.py` has one line.

    from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

Their tests bear the mark `bed`, and all of them use one bed in one private world.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cloudclusters.testing.bed import world
from cloudclusters.testing.bed.plugin import pytest_collection_modifyitems, pytest_runtest_protocol

if TYPE_CHECKING:
    from cloudclusters.testing.bed import Bed

__all__ = ["bed", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]

_OPEN = pytest.StashKey["Bed"]()


@pytest.fixture(scope="session")
def open_bed(pytestconfig: pytest.Config) -> Bed:
    """The one bed of this run: short delays, and hosts that see the running interpreter with its packages.

    pytest makes a session's fixture anew for every folder that imports it, hence the stash.
    """
    from cloudclusters.testing.bed import Bed
    from cloudclusters.testing.bed.shared import python_folders

    if _OPEN not in pytestconfig.stash:
        assert world.is_inside(), "the test lacks the mark `bed`"
        opened = Bed(pending_delay=0.1, boot_delay=0.1, shared=python_folders())
        pytestconfig.stash[_OPEN] = opened.__enter__()
        pytestconfig.add_cleanup(lambda: opened.__exit__(None, None, None))
    return pytestconfig.stash[_OPEN]


@pytest.fixture
def bed(open_bed: Bed) -> Iterator[Bed]:
    """The bed, empty; afterwards the test must have left nothing, nor anything have gone wrong in the background.

    A test that leaves something on purpose ends with `bed.clear()`.
    """
    open_bed.clear()
    yield open_bed
    open_bed.instances.settle()
    left = open_bed.left()
    open_bed.clear()
    assert not left, f"left behind: {left}"
    assert not open_bed.left(), f"not even cleared: {open_bed.left()}"
    assert not open_bed.instances.mistakes
