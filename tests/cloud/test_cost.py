"""What a cluster cost, against what the cloud itself counted."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

import cloudclusters as cc
from cloudclusters.api.on_nodes import execute
from cloudclusters.api.session import session
from cloudclusters.errors import CloudClustersError
from cloudclusters.store import Kind
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]

ROUNDING = 1.0
"""EC2 tells times in whole seconds."""


def counted(handle: str) -> dict[str, list[float]]:
    """The ledger's seconds of each machine's runs."""
    now = time.time()
    runs: dict[str, list[float]] = {}
    for entry in session().store.entries(handle):
        if entry.kind is Kind.COMPUTE:
            runs.setdefault(entry.instance, []).append(entry.seconds(now))
    return runs


def agrees(handle: str, bed: Bed, *, unseen: float = 0.0) -> None:
    """The ledger holds the machines that the cloud billed, each with its seconds within 1 % and the rounding.

    More by what EC2 does not tell: when a machine that was launched began to run, and when one went down by itself,
    which nobody saw for `unseen` seconds.
    """
    ledger, bill, pending = counted(handle), bed.bill(), bed.bill(state="pending")
    assert ledger.keys() == bill.keys()
    for name, runs in ledger.items():
        slack = 0.01 * bill[name] + len(runs) * ROUNDING
        told = f"{name}: {runs}, and the cloud billed {bill[name]} after {pending[name]}"
        assert bill[name] - slack <= sum(runs) <= bill[name] + pending[name] + unseen + slack, told


def test_the_ledger_adds_up_to_what_the_cloud_counted(ec2: Bed) -> None:
    """Through a stop, a start, one node more, a host that powers itself off, and the end; nothing is paid twice."""
    contract = cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge")
    cluster = cc.deploy(contract, resolve=True)
    agrees(cluster.handle, ec2)

    cc.interrupt(cluster)
    stopped = counted(cluster.handle)
    cc.resume(cluster)
    cc.scale(cluster, 3)
    assert {name: runs[:1] for name, runs in counted(cluster.handle).items() if name in stopped} == stopped
    agrees(cluster.handle, ec2)

    victim = cluster.record.nodes[-1]
    assert victim.instance is not None
    with contextlib.suppress(CloudClustersError):  # its answer goes down with it
        execute(cluster, ["sudo", "shutdown", "-h", "now"], nodes=[victim.name], heard=lambda *_: None)
    while ec2.instances.of(victim.instance.id).state == "running":
        threading.Event().wait(0.02)
    down = time.time()
    cc.reconnect(cluster)
    unseen = time.time() - down
    agrees(cluster.handle, ec2, unseen=unseen)
    cc.terminate(cluster)

    agrees(cluster.handle, ec2, unseen=unseen)
    assert sorted(len(runs) for runs in counted(cluster.handle).values()) == [1, 2, 2]
    entries = session().store.entries(cluster.handle)
    assert all(entry.ended is not None for entry in entries)
    assert {entry.kind for entry in entries} == set(Kind)
    assert len([entry for entry in entries if entry.kind is Kind.DISK]) == 3
    assert all(entry.hourly_usd is not None and entry.least == 60 for entry in entries)
