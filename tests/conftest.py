"""What every test has: a home of its own, a clean environment, and no cluster left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.register_assert_rewrite("cloudclusters.testing.provider_suite")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh CLOUDCLUSTERS_HOME, and none of the user's own settings."""
    for name in list(os.environ):
        if name.startswith(("CLOUDCLUSTERS_", "CLOUD_CLUSTERS_")):
            monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", str(place))
    monkeypatch.setenv("NO_COLOR", "1")
    return place
