"""Two homes at one account: one verb at a time on a cluster, and a sweep that takes the forgotten and nothing else."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

import cloudclusters as cc
from cloudclusters.api.session import session
from cloudclusters.base.loop import core_loop
from cloudclusters.lifecycle.lease import held
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]

COMMAND = [sys.executable, "-m", "cloudclusters"]


KILLED = """
import os, signal, cloudclusters as cc
from cloudclusters.lifecycle import entering
entering.claim = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
cc.deploy(cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", engine="none"), resolve=True)
"""
"""A driver that dies when its machines have their own host keys, just before it tells these to the cloud."""


def contract(**more: object) -> cc.Contract:
    """One node without an engine."""
    return cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none", **more)


def elsewhere(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says in another home."""
    home.mkdir(exist_ok=True)
    env = {**os.environ, "CLOUDCLUSTERS_HOME": str(home)}
    return subprocess.run([*COMMAND, *words], env=env, capture_output=True, text=True, check=False, timeout=90)


def tagged(ec2: Bed, handle: str, **words: str) -> None:
    """Change tags of everything that a cluster has, as time would."""
    client = boto3.client("ec2", region_name=ec2.region)
    things = [tag["ResourceId"] for tag in client.describe_tags()["Tags"] if tag["Value"] == handle]
    tags = [{"Key": f"cloudclusters:{key}", "Value": value} for key, value in words.items()]
    client.create_tags(Resources=sorted(set(things)), Tags=tags)


def test_of_two_homes_one_runs_a_verb(ec2: Bed, tmp_path: Path) -> None:
    """The other is told who, and which; afterwards it has its turn, and nothing is left."""
    cluster = cc.deploy(contract(), resolve=True, name="shared")
    assert elsewhere(tmp_path / "b", "reconnect", "shared").returncode == 0

    async def busy() -> subprocess.CompletedProcess[str]:
        async with held(session().context, cluster.handle, "scale"):
            return await asyncio.to_thread(elsewhere, tmp_path / "b", "terminate", "shared", "-y")

    told = core_loop().run(busy())
    assert told.returncode == 3, told.stderr
    assert f"another machine is at work on {cluster.handle}: `scale` is being run by" in told.stderr
    assert f"process {os.getpid()} on {os.uname().nodename}" in told.stderr
    done = elsewhere(tmp_path / "b", "terminate", "shared", "-y")
    assert (done.returncode, "nothing is left" in done.stderr) == (0, True), done.stderr
    assert not ec2.left()


def test_a_sweep_from_a_fresh_home_takes_the_forgotten_alone(ec2: Bed, tmp_path: Path) -> None:
    """The driver of one was killed and its claim has ended; the other one has a claim, and runs on."""
    wish = ["node_provider=ec2", "node_count=1", "node_machinetype=t3.xlarge", "engine=none", "idle_timeout=off"]
    with subprocess.Popen([*COMMAND, "deploy", *wish, "-y"], stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        for line in driver.stderr:
            if "connecting" in line:
                break
        driver.kill()
    (forgotten,) = [summary.handle for summary in session().store.summaries()]
    living = cc.deploy(contract(idle_timeout="off"), resolve=True)
    told = elsewhere(tmp_path / "b", "sweep", "-y")
    assert "deleted: 0" in told.stderr or "nobody's: nothing" in told.stderr, told.stderr
    tagged(ec2, forgotten, expires=repr(time.time() - 1))
    told = elsewhere(tmp_path / "b", "sweep", "-y")
    assert "deleted: 1; left behind: nothing" in told.stderr, told.stderr
    assert ec2.left().instances == [node.instance for node in living.members]
    assert "claimed by" in told.stdout


def test_machines_that_tell_no_host_keys_are_not_entered(ec2: Bed, tmp_path: Path) -> None:
    """Their driver died just before, and its store is out of reach: they can be terminated, and nothing else."""
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == -9, done.stderr
    (handle,) = [summary.handle for summary in session().store.summaries()]
    tagged(ec2, handle, lease="")  # what it held would end within a minute
    told = elsewhere(tmp_path / "b", "reconnect", handle)
    assert told.returncode != 0
    assert "do not say which host keys they have" in told.stderr, told.stderr
    assert "Traceback" not in told.stderr
    ended = elsewhere(tmp_path / "b", "terminate", handle, "-y")
    assert (ended.returncode, "nothing is left" in ended.stderr) == (0, True), ended.stderr
    assert not ec2.left()


def test_terminate_names_a_disk_of_the_users(ec2: Bed) -> None:
    """It is not deleted; the sentence has its size and its cost."""
    cluster = cc.deploy(contract(), resolve=True)
    client = boto3.client("ec2", region_name=ec2.region)
    (node,) = cluster.members
    zone = client.describe_instances(InstanceIds=[node.instance])["Reservations"][0]["Instances"][0]["Placement"]
    disk = client.create_volume(AvailabilityZone=zone["AvailabilityZone"], Size=10, VolumeType="gp3")["VolumeId"]
    client.attach_volume(VolumeId=disk, InstanceId=node.instance, Device="/dev/sdf")
    done = subprocess.run(
        [*COMMAND, "terminate", cluster.handle, "-y"], capture_output=True, text=True, check=True, timeout=60
    )
    assert f"left: disk {disk} (10 GiB, $0.80 per month, yours, attached to {node.instance})" in done.stderr
    assert list(ec2.left().volumes) == [disk]
    client.delete_volume(VolumeId=disk)
