"""Machines that let go of themselves: nobody tells them to, and their driver is dead."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.instances import Life

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]

ENDING = ("StopInstances", "TerminateInstances")
DRIVER = """
import os, signal, cloudclusters as cc
from cloudclusters.lifecycle import launching
contract = cc.cluster(node_provider="ec2", node_count={count}, node_machinetype="t3.xlarge", {more})
{before}
cc.deploy(contract, resolve=True, name="left")
os.kill(os.getpid(), signal.SIGKILL)
"""


def left(count: int = 2, before: str = "", **more: object) -> None:
    """A driver that deploys and is killed: after the deploy, or where `before` says."""
    words = ", ".join(f"{name}={value!r}" for name, value in more.items())
    code = DRIVER.format(count=count, before=before, more=words)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == -9, done.stderr


def until(good: Callable[[], object], patience: float = 60.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + patience
    while not good():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def lives(bed: Bed) -> list[Life]:
    """Every machine that was made."""
    return list(bed.instances.lives.values())


def all_are(bed: Bed, state: str) -> Callable[[], bool]:
    """Whether every machine is so."""
    return lambda: bool(lives(bed)) and all(life.state == state for life in lives(bed))


def nobody_asked(bed: Bed) -> None:
    """They ended by themselves."""
    assert {life.instance.state_reason.code for life in lives(bed)} == {"Client.InstanceInitiatedShutdown"}
    assert not [call for call in ENDING if bed.calls.count(call)]


def test_cluster_of_a_killed_driver_lets_go(ec2: Bed) -> None:
    """Scheduler and workers run, nobody uses them, and the machines are gone without any call of ours."""
    left(idle_timeout="3s")
    assert all_are(ec2, "running")()
    until(all_are(ec2, "terminated"))
    nobody_asked(ec2)


def test_work_keeps_a_cluster_and_a_client_without_work_does_not(ec2: Bed) -> None:
    """A task that takes longer than the idle limit, and holds the GIL, ends; then the connected client is no use."""
    contract = cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", idle_timeout="6s")
    cluster = cc.deploy(contract, resolve=True)
    client = cluster.get_client()

    assert cc.pmap(hold_the_gil, [9.0], pids=cc.nodes(cluster)) == [9.0]
    assert client.status == "running"
    assert all_are(ec2, "running")()
    until(all_are(ec2, "terminated"))
    nobody_asked(ec2)
    cluster.close()


def hold_the_gil(seconds: float) -> float:
    """Compute in a C call that lets nothing else of the process run."""
    import time

    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        pow(7, 10**6 + int(time.monotonic()))
    return seconds


def test_machines_that_nobody_ever_entered_let_go(ec2: Bed) -> None:
    """The driver dies between the launch and the first login: their guard is all there is."""
    die = "launching.merged = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)"
    left(before=die, idle_timeout="1s", engine="none")
    until(all_are(ec2, "terminated"))
    nobody_asked(ec2)


def test_guard_ends_a_machine_whose_agent_is_frozen(ec2: Bed) -> None:
    """Nobody vouches for its use any more."""
    left(count=1, idle_timeout="3s", engine="none")
    frozen = cc.status("left").nodes[0]
    assert frozen.instance is not None
    agents = [pid for pid in ec2.hosts.process_ids() if b"agent.pyz" in command_line(pid)]
    for pid in agents:
        subprocess.run(["kill", "-STOP", str(pid)], check=True)
    assert agents
    until(all_are(ec2, "terminated"))
    nobody_asked(ec2)


def command_line(pid: int) -> bytes:
    """What a process was started by; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_limits_survive_a_reboot_and_machines_may_stop(ec2: Bed) -> None:
    """The agents come back by themselves, and what a power-off means is known to the cloud."""
    import boto3

    left(idle_timeout="4s", at_limit="stop", engine="none")
    boto3.client("ec2").reboot_instances(InstanceIds=[life.instance.id for life in lives(ec2)])
    until(lambda: not [pid for pid in ec2.hosts.process_ids() if b"agent.pyz" in command_line(pid)])
    until(lambda: len([pid for pid in ec2.hosts.process_ids() if b"agent.pyz" in command_line(pid)]) >= 2)
    until(all_are(ec2, "stopped"))
    nobody_asked(ec2)
