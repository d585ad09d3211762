"""The packaged catalog, opened once, and how demands are written in these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cloudclusters.catalog import Catalog


@pytest.fixture(scope="session")
def packaged() -> Iterator[Catalog]:
    """The snapshot that comes with the package."""
    with Catalog.packaged() as catalog:
        yield catalog
