"""Which doors a cluster has on the simulated EC2: port 22, from the caller's address; and among its own nodes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import boto3
import psutil
import pytest
from bed_client import Cloud
from tests.security.on_host import ask, run

import cloudclusters as cc
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]

NEIGHBOUR = "203.0.113.9"
"""Somebody beside the caller, as in the same coffee house."""
ECHO = 9999
ECHOING = f"""import socket, threading
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sock.bind(("", {ECHO}))
tcp = socket.create_server(("", {ECHO})); print("ready", flush=True)
while True: sock.sendto(*sock.recvfrom(99))"""


@pytest.fixture
def neighbour(ec2: Bed) -> Iterator[str]:
    """An address of this world that is not the caller's."""
    subprocess.run(["ip", "address", "add", f"{NEIGHBOUR}/32", "dev", "lo"], check=True)
    yield NEIGHBOUR
    subprocess.run(["ip", "address", "delete", f"{NEIGHBOUR}/32", "dev", "lo"], check=True)


@pytest.fixture
def echo(ec2: Bed) -> Iterator[Callable[[str], None]]:
    """Starts a service on a host that answers every datagram and takes every connection, at all addresses."""
    started: list[subprocess.Popen[str]] = []

    def start(host: str) -> None:
        words = [*ec2.hosts.enter(host), sys.executable, "-I", "-c", ECHOING]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == "ready\n"

    yield start
    for each in started:
        each.kill()
        each.communicate()


def doors(ec2: Bed, cluster: cc.Cluster) -> list[str]:
    """Every port that somebody listens at on the nodes, by inner address, with the wildcard's among them."""
    found = {
        f"{node.inner_address}:{port}"
        for node in cluster.members
        for protocol, _, port in ask(ec2, node.instance, "listeners")
        if protocol.startswith("tcp")
    }
    return sorted(found)


def by_public(cluster: cc.Cluster, targets: Sequence[str]) -> list[str]:
    """The same doors from outside the cloud."""
    public = {node.inner_address: node.public_address for node in cluster.members}
    return [f"{public[host]}:{port}" for host, _, port in (target.rpartition(":") for target in targets)]


def test_port_22_for_the_caller_and_everything_for_members(
    ec2: Bed, neighbour: str, echo: Callable[[str], None], tmp_path: Path
) -> None:
    """What a cluster computes with is reached by its own nodes alone, whoever else is in the account or the network."""
    stranger = Cloud(ec2, tmp_path).run(1)[0]
    contract = cc.cluster(
        node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", sshflags="-o ConnectTimeout=2"
    )
    with cc.deploy(contract, resolve=True) as cluster:
        before = listeners_here()
        cluster.get_client().submit(sum, [1, 2]).result(timeout=20)
        assert len(listeners_here() - before) == 1, "what leads to the scheduler, which asks who comes"
        link = cluster.dashboard_link
        (dashboard,) = [port for port in listeners_here() - before if f":{port}/" in link]
        assert len(listeners_here() - before - {dashboard}) == 1, "the dashboard, which asks nobody, only on demand"
        node0, node1 = cluster.members
        for node in (node0, node1):
            for protocol, address, port in ask(ec2, node.instance, "listeners"):
                only_sshd = port == 22 and protocol.startswith("tcp")
                assert address == node.inner_address or only_sshd, f"{protocol} {address}:{port} on {node.name}"
        echo(node0.instance)
        inside = doors(ec2, cluster)
        assert {f"{node0.inner_address}:{port}" for port in (22, 8786, ECHO)} <= set(inside)
        assert len(inside) >= 9, "sshd, echo, and two of the scheduler and of each worker"
        outside = by_public(cluster, inside)
        ssh = [door for door in sorted(outside) if door.endswith(":22")]
        datagram = f"{node0.inner_address}:{ECHO}"

        assert ask(ec2, node1.instance, "reach", "", *inside) == inside, "members reach each other"
        assert ask(ec2, node1.instance, "say", "", datagram, "hello")
        until_up(ec2, stranger)
        assert ask(ec2, stranger, "reach", "", *inside) == []
        assert not ask(ec2, stranger, "say", "", datagram, "hello")
        assert ask(None, "", "reach", "", *outside) == ssh
        assert ask(None, "", "reach", neighbour, *outside) == []
        for source in ("", neighbour):
            assert not ask(None, "", "say", source, by_public(cluster, [datagram])[0], "hello")

        admit_instead(cluster, neighbour)
        assert ask(None, "", "reach", neighbour, *outside) == ssh, "this is how an open door looks"
        cluster.close()
        cluster.put(__file__)
        assert ask(None, "", "reach", neighbour, *outside) == [], "the address of before is out"
        assert ask(None, "", "reach", "", *outside) == ssh
    ec2.clear()


def test_scheduler_without_tunnel_is_one_door_more(ec2: Bed, neighbour: str) -> None:
    """For the caller alone: the workers, the dashboard and the agents stay closed."""
    contract = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", tunneled=False)
    with cc.deploy(contract, resolve=True) as cluster:
        (node,) = cluster.members
        outside = by_public(cluster, doors(ec2, cluster))
        assert len(outside) >= 5
        assert ask(None, "", "reach", "", *outside) == [f"{node.public_address}:22", f"{node.public_address}:8786"]
        assert ask(None, "", "reach", neighbour, *outside) == []


def listeners_here() -> set[int]:
    """Ports of this process that take connections."""
    return {each.laddr.port for each in psutil.Process().net_connections() if each.status == psutil.CONN_LISTEN}


def admit_instead(cluster: cc.Cluster, address: str) -> None:
    """Let our rule name this address, as if the caller had been there when it was made."""
    cloud = boto3.client("ec2")
    filters = [{"Name": "tag:cloudclusters:cluster", "Values": [cluster.handle]}]
    (group,) = cloud.describe_security_groups(Filters=filters)["SecurityGroups"]
    (rule,) = [rule for rule in group["IpPermissions"] if rule.get("FromPort") == 22]
    cloud.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    ranges = [{"CidrIp": f"{address}/32", "Description": rule["IpRanges"][0]["Description"]}]
    old = {**rule, "IpRanges": ranges}
    cloud.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[old])


def until_up(ec2: Bed, host: str) -> None:
    """Wait until a host has its network."""
    deadline = time.monotonic() + 20
    while "172.31." not in run(ec2, host, ["ip", "-4", "address"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
