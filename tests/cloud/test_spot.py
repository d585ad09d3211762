"""Machines of the spot market, which EC2 takes back and does not stop, beside machines on demand."""

from __future__ import annotations

import threading
import time

import boto3
import pytest

import cloudclusters as cc
from cloudclusters.errors import NotSupported
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]


def slowly(number: int) -> int:
    """Takes a moment."""
    time.sleep(0.1)
    return number * number


def markets(bed: Bed, cluster: cc.Cluster) -> dict[str, str]:
    """How EC2 sells the machine of each node, as it says itself."""
    client = boto3.client("ec2", endpoint_url=bed.endpoint_url, region_name=bed.region)
    found = client.describe_instances(InstanceIds=[node.instance for node in cluster.members])["Reservations"]
    sold = {i["InstanceId"]: i.get("InstanceLifecycle", "") for r in found for i in r["Instances"]}
    return {node.name: sold[node.instance] for node in cluster.members}


def test_a_spot_cluster_has_its_scheduler_on_demand_and_shrinks_in_the_middle_of_a_map(ec2: Bed) -> None:
    """It is not interrupted, and told before anything is stopped; what it computes comes to its end on one node."""
    contract = cc.cluster(node_provider="ec2", node_count=3, node_machinetype="t3.xlarge", market="spot")
    plan = cc.plan(contract)
    assert "interrupt will not be possible: ec2 cannot stop spot machines" in plan.warnings
    with cc.deploy(contract) as cluster:
        assert markets(ec2, cluster) == {"node0": "", "node1": "spot", "node2": "spot"}
        assert [node.hourly_usd for node in cluster.members] == [
            offer.hourly_usd for offer, count in plan.roles[0].groups for _ in range(count)
        ]
        with pytest.raises(NotSupported, match="node1, node2 are spot machines, which ec2 cannot stop"):
            cc.interrupt(cluster)
        assert cluster.state is ClusterState.RUNNING

        found: list[list[int]] = []
        pids, begun = cc.nodes(cluster), threading.Event()

        def compute() -> None:
            found.append(cc.pmap(slowly, range(100), pids=pids, progress=lambda done, _: done and begun.set()))

        mapping = threading.Thread(target=compute)
        mapping.start()
        assert begun.wait(30)
        cc.scale(cluster, 1)
        mapping.join(60)

        assert found == [[n * n for n in range(100)]]
        assert markets(ec2, cluster) == {"node0": ""}
