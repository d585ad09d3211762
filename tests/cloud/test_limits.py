"""Limits of a cluster that runs, changed by its driver, and what the driver finds when they have struck."""

from __future__ import annotations

import time

import pytest

import cloudclusters as cc
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]


def until_machines_are(bed: Bed, state: str, patience: float = 60.0) -> None:
    """Wait until every machine is so; nobody is asked for it."""
    deadline = time.monotonic() + patience
    while {life.state for life in bed.instances.lives.values()} != {state}:
        assert time.monotonic() < deadline, [life.state for life in bed.instances.lives.values()]
        time.sleep(0.05)


def test_limits_change_where_machines_run_and_the_next_command_finds_out(ec2: Bed) -> None:
    """A shorter idle limit that stops: they stop by themselves; resumed with a longer one, they stay."""
    contract = cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", engine="none")
    cluster = cc.deploy(contract, resolve=True, name="changed")
    assert cluster.limits().strikes_why == "it was not used for 1h"

    cluster.limits(idle_timeout="4s", at_limit="stop")
    until_machines_are(ec2, "stopped")

    found = cc.status(cluster, refresh=True)
    assert (found.state, found.reason) == ("interrupted", "let go by itself: it was not used for 4s")
    with pytest.raises(cc.errors.IllegalState, match="it was not used for 4s"):
        cluster.scale(3)
    cluster.limits(idle_timeout="1h", max_lifetime="2h", at_limit="terminate")
    cluster.resume()
    outlook = cluster.limits()
    assert (outlook.strikes_why, outlook.unheard) == ("it was not used for 1h", "")
    assert {life.state for life in ec2.instances.lives.values()} == {"running"}


def test_who_computes_when_the_time_is_over_is_told_so(ec2: Bed) -> None:
    """The map ends with the limit as its reason, the cluster is terminated, and nothing is left."""
    contract = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge")
    cluster = cc.deploy(contract, resolve=True, name="short")
    began = cluster.record.history[0].at
    cluster.limits(max_lifetime=time.time() - began + 5)

    with pytest.raises(cc.CloudClustersError, match="let go by itself: it has lived for"):
        cc.pmap(time.sleep, [0.2] * 1000, pids=cc.nodes(cluster))

    assert cluster.state == "terminated"
    until_machines_are(ec2, "terminated")
