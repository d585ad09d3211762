"""Ways to four real hosts beside the verbs: plain ssh, files, another way to the scheduler, two clusters, the guide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]
ROOT = Path(__file__).parents[2]


def one(count: int = 1, **more: object) -> cc.Contract:
    """A small cluster."""
    return cc.cluster(node_provider="ec2", node_count=count, node_machinetype="t3.xlarge", **more)


def test_plain_ssh_and_files(ec2: Bed, tmp_path: Path) -> None:
    """The system's ssh enters with the cluster's file; trees go there and come back."""
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "file").write_text("content\n")
    with cc.deploy(one(2, engine="none"), resolve=True, name="files") as cluster:
        cluster.put(tree, "sent")
        cluster.get("sent", tmp_path / "back")
        config = Path(os.environ["CLOUDCLUSTERS_HOME"], "keys", cluster.handle, "ssh_config")
        done = subprocess.run(
            ["ssh", "-F", config, f"{cluster.handle}-node1", "hostname; cat .cloudclusters/*/node1/sent/deep/file"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
    assert done.stdout.endswith("content\n")
    assert (tmp_path / "back" / "node0" / "sent" / "deep" / "file").read_text() == "content\n"
    assert (tmp_path / "back" / "node1" / "sent" / "deep" / "file").read_text() == "content\n"


def test_scheduler_without_tunnel(ec2: Bed) -> None:
    """By TLS to a port that is open to this caller alone; the tunnel carries the agents still."""
    with cc.deploy(one(2, tunneled=False), resolve=True) as cluster:
        node0 = cluster.members[0]
        assert cluster.scheduler_address == f"tls://{node0.public_address}:8786"
        assert cluster.get_client().submit(sum, [1, 2]).result(timeout=20) == 3
    assert not ec2.left()


def test_scheduler_is_closed_to_the_caller_otherwise(ec2: Bed) -> None:
    """Only port 22 is open by default."""
    import socket

    with cc.deploy(one(), resolve=True) as cluster:
        address = cluster.members[0].public_address
        with pytest.raises(OSError, match=r"timed out|unreachable|refused"):
            socket.create_connection((address, 8786), timeout=1)


def test_the_guide_runs(ec2: Bed) -> None:
    """What a reader of the guide types in order."""
    page = ROOT / "docs" / "guides" / "ec2.md"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "docs" / "run_page.py"), str(page)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout
    assert not ec2.left()
