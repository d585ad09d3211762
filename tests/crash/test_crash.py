"""A driver killed at every point of any verb leaves nothing that the next command does not clean up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).with_name("crash_runner.py")


def crashes(provider: str, verb: str, folder: Path, *, stride: int, engine: str) -> list[dict[str, object]]:
    """Every point that was tried: how the driver ended, and what was left."""
    command = [sys.executable, str(RUNNER), provider, verb, str(folder), str(stride), engine]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=280, env=dict(os.environ), check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    points = [json.loads(line) for line in ended.stdout.splitlines()]
    (folder / "stderr").write_text(ended.stderr)
    return points


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("verb", ["deploy", "terminate"])
@pytest.mark.parametrize(
    ("provider", "stride", "engine"),
    [("fake", 1, "dask"), ("local", 1, "none"), ("local", 17, "dask")],
    ids=["fake", "local", "local-dask"],
)
def test_a_driver_killed_at_any_point_leaves_nothing_behind(
    tmp_path: Path, provider: str, verb: str, stride: int, engine: str
) -> None:
    """Before and after every written step, provider call and request to an agent."""
    check(crashes(provider, verb, tmp_path, stride=stride, engine=engine), at_least=20 if stride == 1 else 2)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("verb", ["interrupt", "resume", "restart", "grow", "shrink"])
@pytest.mark.parametrize(("provider", "stride"), [("fake", 3), ("local", 37)], ids=["fake", "local"])
def test_a_verb_killed_at_any_point_leaves_a_cluster_that_can_be_brought_back(
    tmp_path: Path, provider: str, verb: str, stride: int
) -> None:
    """Every machine has its node and every node its machine; then it runs again, or is terminated without a rest."""
    check(crashes(provider, verb, tmp_path, stride=stride, engine="dask"), at_least=5 if provider == "fake" else 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_resume_elsewhere_killed_at_any_point_has_the_old_machines_or_the_new_ones(tmp_path: Path) -> None:
    """Never both, and never machines that no node has."""
    check(crashes("fake", "elsewhere", tmp_path, stride=3, engine="dask"), at_least=10)


def check(points: list[dict[str, object]], *, at_least: int) -> None:
    """Nothing was left at any point, and the points were really passed."""
    assert [point for point in points if point["left"]] == []
    assert all(point["ended"] in (-9, 0) for point in points)
    assert len(points) > at_least
