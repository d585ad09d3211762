"""doctor: every check has an answer, and what is wrong is told, not raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., object]


def test_a_machine_that_is_ready_is_called_ready(ccl: Call) -> None:
    """All checks pass here, or the tests could not run."""
    answer = ccl("doctor")

    assert answer.code == 0, answer.out
    assert "cloudclusters demo" in answer.err


def test_each_check_is_a_row(ccl: Call) -> None:
    """As JSON, with what was found."""
    rows = {row["check"]: row for row in ccl("doctor", "--json").data}

    assert {"python", "home", "store", "providers", "loopback", "disk"} <= rows.keys()
    assert "local" in rows["providers"]["found"]


def test_a_home_that_cannot_be_made_is_told(ccl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that moves it; the other checks still run."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", str(tmp_path / "file" / "home"))
    answer = ccl("doctor")

    assert answer.code == 1
    assert "CLOUDCLUSTERS_HOME" in answer.out
    assert "to mend: home, store" in answer.err


def test_wrong_settings_are_a_finding(ccl: Call, tmp_path: Path) -> None:
    """A misspelt key does not end the examination."""
    (tmp_path / "cloudclusters.toml").write_text("[defaults]\nenginee = 'dask'\n")
    rows = {row["check"]: row for row in ccl("doctor", "--json").data}

    assert not rows["settings"]["ok"]
    assert rows["disk"]["ok"]
