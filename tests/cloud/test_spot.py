"""Machines of the spot market, which EC2 takes back and does not stop."""

from __future__ import annotations

import pytest

import cloudclusters as cc
from cloudclusters.errors import NotSupported
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]


def test_spot_machines_are_not_interrupted_and_compute_on(ec2: Bed) -> None:
    """The refusal leaves the cluster as it was: nothing was stopped."""
    contract = cc.cluster(node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", market="spot")
    with cc.deploy(contract, resolve=True) as cluster:
        pids = cc.nodes(cluster)
        with pytest.raises(NotSupported, match="spot machines, which EC2 cannot stop"):
            cc.interrupt(cluster)

        assert cluster.state is ClusterState.RUNNING
        assert cc.pmap(abs, [-1, -2], pids=pids) == [1, 2]
