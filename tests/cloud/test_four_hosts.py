"""Every verb on four real hosts of the simulated EC2, through port 22 alone, as a user has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.remote.ssh import LoginRefused
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]


def square(number: int) -> int:
    """What the workers compute."""
    return number * number


def four() -> cc.Contract:
    """The issue's contract."""
    return cc.cluster(node_provider="ec2", node_count=4, node_machinetype="t3.xlarge")


def test_every_verb(ec2: Bed, tmp_path: Path) -> None:
    """Deploy, compute, restart, interrupt, resume, scale, and nothing left."""
    contract = four()
    cc.resolve(contract)
    cluster = cc.deploy(contract, name="first")
    first = cc.nodes(cluster)
    assert cc.pmap(square, range(100), pids=first) == [n * n for n in range(100)]
    assert cluster.get_client().submit(sum, [1, 2, 3]).result(timeout=20) == 6
    addresses = [member.public_address for member in cluster.members]

    second = cc.nodes(cc.restart(cluster))
    assert [member.public_address for member in cluster.members] == addresses

    cc.interrupt(cluster)
    assert cluster.state is ClusterState.INTERRUPTED
    cc.resume(cluster)
    third = cc.nodes(cluster)
    assert not set(addresses) & {member.public_address for member in cluster.members}
    assert len({*first, *second, *third}) == 12
    assert cc.pmap(square, range(10), pids=third) == [n * n for n in range(10)]

    cc.scale(cluster, 5)
    assert len(cc.nodes(cluster)) == 5
    cc.scale(cluster, 3)
    assert cc.pmap(square, range(20), pids=cc.nodes(cluster)) == [n * n for n in range(20)]

    cc.terminate(cluster)
    assert not ec2.left()
    assert (Path(os.environ["CLOUDCLUSTERS_HOME"]) / "logs" / cluster.handle / "node0").is_dir()


def python(code: str) -> str:
    """What another process of this user prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_reconnect_from_another_process_and_from_another_machine(
    ec2: Bed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another process keeps the pids; another machine, with credentials alone, gets new keys and fresh workers."""
    cluster = cc.deploy(four(), resolve=True, name="shared")
    pids = cc.nodes(cluster)
    again = (
        "import cloudclusters as cc; c = cc.reconnect('shared'); "
        "print(cc.nodes(c), c.get_client().submit(sum, [1, 2]).result())"
    )
    assert python(again) == f"{pids} 3"

    home = os.environ["CLOUDCLUSTERS_HOME"]
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    assert python(again).endswith(" 3")
    assert python("import cloudclusters as cc; cc.terminate('shared'); print(len(cc.sweep(providers=['ec2'])))") == "0"
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", home)
    assert not ec2.left()
    cluster.close()
    assert cc.status("shared", refresh=True).state is ClusterState.BROKEN
    cc.terminate("shared")


def test_program_that_ends_while_a_deploy_goes_on(ec2: Bed) -> None:
    """It is waited for, and goes on to its end, although the main thread has ended."""
    code = (
        "import cloudclusters as cc; "
        "c = cc.cluster(node_provider='ec2', node_count=2, node_machinetype='t3.xlarge', engine='none'); "
        "print(cc.deploy(c, resolve=True, wait=False).handle)"
    )
    assert cc.status(python(code)).state is ClusterState.RUNNING


def test_image_that_takes_no_key_of_the_cloud_is_told(
    ec2: Bed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Debian's image has no Instance Connect: another machine is told where the key is, and may let go all the same."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_IMAGE", "debian-12")
    contract = cc.cluster(
        node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none", boot_timeout=6
    )
    cluster = cc.deploy(contract, resolve=True, name="locked")
    cluster.close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("CLOUDCLUSTERS_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(LoginRefused) as caught:
        cc.reconnect("locked")
    assert cluster.record.holding.owner in caught.value.message
    assert "reconnect from there" in caught.value.hint
    cc.terminate("locked")
    assert not ec2.left()
