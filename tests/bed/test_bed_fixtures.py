"""All folders of tests share one bed, and a test that leaves something in it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cloudclusters.testing.bed import image, world

_OBSTACLE = world.obstacle() or image.obstacle()
pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.skipif(bool(_OBSTACLE), reason=_OBSTACLE or "none")]

_CONFTEST = """
from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol
"""
_TEST = """
import os, boto3, pytest
pytestmark = pytest.mark.bed

def test_tidy(bed):
    with open(os.environ["SEEN"], "a") as file:
        file.write(bed.endpoint_url + "\\n")

def test_untidy(bed):
    for name, value in bed.environment().items():
        os.environ[name] = value
    boto3.client("ec2").create_key_pair(KeyName="forgotten")
"""


def test_folders_share_one_bed_in_which_nothing_may_be_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key pair that is forgotten fails its test by name, and the next folder's tests find the bed empty."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "conftest.py").write_text(_CONFTEST)
        (tmp_path / folder / f"test_{folder}.py").write_text(_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  bed: in the bed\n")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100)

    assert "4 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("key_pairs=['forgotten']") >= 2
    [one, two] = (tmp_path / "seen").read_text().splitlines()
    assert one == two
