"""Environments on real hosts that have Debian's Python, no pip and no internet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.base.event import Event
from cloudclusters.errors import DeployFailed
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]

HEAVY = "moto boto3 botocore mypy ruff pandas numpy hypothesis import-linter"
"""Distributions that no task here needs: the fewer travel, the sooner the test is over."""


@pytest.fixture
def told() -> Iterator[list[Event]]:
    """What the verbs say meanwhile."""
    from cloudclusters.api.session import session

    found: list[Event] = []
    session().listeners.append(found.append)
    yield found
    session().listeners.remove(found.append)


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of the user's own."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "beside_the_script.py").write_text("def fourteen(number):\n    return 14 * number\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


def nodes(count: int, **more: object) -> cc.Contract:
    """A contract for small machines."""
    return cc.cluster(node_provider="ec2", node_count=count, node_machinetype="t3.xlarge", **more)


def test_sync_brings_our_packages_and_modules(
    ec2: Bed, beside: Path, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default on machines of a cloud; what is there is found again after restart, stop and start."""
    monkeypatch.delenv("CLOUDCLUSTERS_EC2_ENVIRONMENT")
    monkeypatch.delenv("CLOUDCLUSTERS_EC2_PYTHON")
    import beside_the_script

    wanted = nodes(2, sync_folder=str(beside), sync_exclude=HEAVY)
    assert cc.plan(wanted).environment == "sync"
    with cc.deploy(wanted) as cluster:
        client = cluster.get_client()
        assert client.submit(beside_the_script.fourteen, 3).result(timeout=30) == 42
        python = client.submit(lambda: sys.version_info[:2]).result(timeout=30)
        assert tuple(python) == sys.version_info[:2]
        assert any("wheels" in event.text for event in told)

        told.clear()
        cc.restart(cluster)
        cc.interrupt(cluster)
        cc.resume(cluster)
        assert not [event.text for event in told if event.phase == "installing"]
        assert cluster.get_client().submit(beside_the_script.fourteen, 2).result(timeout=30) == 28


def test_image_without_the_engine_is_told_before_the_first_task(ec2: Bed) -> None:
    """Which package is missing where, and which environment would bring it."""
    with pytest.raises(DeployFailed) as caught:
        cc.deploy(nodes(1, python="/usr/bin/python3"), resolve=True)
    assert "distributed" in str(caught.value)
    assert "node0" in str(caught.value)
    assert "environment=sync" in str(caught.value)
    assert not ec2.left()


def test_script_that_fails_shows_its_output(ec2: Bed, tmp_path: Path) -> None:
    """Its last words, and its code."""
    script = tmp_path / "prepare.sh"
    script.write_text("echo looking for the moon\nls /dev/moon\n")
    with pytest.raises(DeployFailed) as caught:
        cc.deploy(nodes(1, script=str(script), engine="none"), resolve=True)
    assert "looking for the moon" in str(caught.value)
    assert "/dev/moon" in str(caught.value)


def test_script_runs_once_per_content(ec2: Bed, tmp_path: Path) -> None:
    """A restart finds that it was done; other words are done again."""
    script = tmp_path / "prepare.sh"
    script.write_text("echo once >> ~/done\n")
    with cc.deploy(nodes(1, script=str(script), engine="none"), resolve=True) as cluster:
        cc.restart(cluster)
        script.write_text("echo twice >> ~/done\n")
        cc.restart(cluster)
        cluster.get("~/done", tmp_path / "done")
    assert (tmp_path / "done").read_text() == "once\ntwice\n"
