"""Files and shells on hosts of the simulated EC2, before and after their addresses change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import cloudclusters as cc
from cloudclusters.api import on_nodes
from cloudclusters.api.session import session
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]


def ccl(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a program."""
    argv = [sys.executable, "-m", "cloudclusters", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL)


def test_files_and_shells_over_the_life_of_a_cluster(ec2: Bed, tmp_path: Path) -> None:
    """Files go and come back, `ssh` and plain `ssh` enter by name, also at the addresses after a resume."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "program.py").write_text("import os; open('out', 'w').write(os.environ['RANK'])\n")
    contract = cc.cluster(
        node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", engine="none", directory="work"
    )
    cluster = cc.deploy(contract, resolve=True, name="filing")

    assert ccl("sync", "filing", str(project)).returncode == 0
    codes = on_nodes.execute(cluster, ["python3", "program.py"], heard=lambda *_: None)
    assert codes == {"node0": 0, "node1": 0}
    cluster.get("out", tmp_path / "back")
    assert [(tmp_path / "back" / node / "out").read_text() for node in ("node0", "node1")] == ["0", "1"]

    first = ccl("ssh", "filing/node1", "--", "cat work/out")
    assert (first.stdout, first.returncode) == ("1", 0), first.stderr
    addresses = [member.public_address for member in cluster.members]
    cc.interrupt(cluster)
    assert "is interrupted" in ccl("ssh", "filing").stderr
    cc.resume(cluster)
    assert addresses != [member.public_address for member in cluster.members]

    second = ccl("ssh", "filing", "--", "cat work/out")
    assert (second.stdout, second.returncode) == ("0", 0), second.stderr
    (tmp_path / "config").write_text(ccl("ssh-config", "filing").stdout)
    plain = ["scp", "-q", "-F", str(tmp_path / "config"), "filing-node1:work/out", str(tmp_path / "copied")]
    if shutil.which("scp"):
        subprocess.run(plain, check=True, timeout=60, stdin=subprocess.DEVNULL)
        assert (tmp_path / "copied").read_text() == "1"


def move(cluster: cc.Cluster, region: str) -> None:
    """As if this machine had another address than when the cluster was made: the firewall knows that one alone."""
    import boto3

    cluster.close()
    client, elsewhere = boto3.client("ec2", region_name=region), "198.51.100.7/32"
    group = cluster.record.holding.resources["group"]
    rules = client.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    for rule in rules:
        if rule.get("FromPort") == 22:
            client.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
            there = {**rule, "IpRanges": [{"CidrIp": elsewhere}]}
            client.authorize_security_group_ingress(GroupId=group, IpPermissions=[there])
    store, record = session().store, cluster.record
    resources = {**record.holding.resources, "admitted": elsewhere}
    lease = store.take_lease(cluster.handle, "test")
    store.write(
        msgspec.structs.replace(record, holding=msgspec.structs.replace(record.holding, resources=resources)), lease
    )
    store.release(lease)


@pytest.mark.parametrize("verb", ["ssh", "exec"])
def test_the_firewall_is_asked_when_nothing_answers(ec2: Bed, verb: str) -> None:
    """Whose address has changed is let in again."""
    contract = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none")
    move(cc.deploy(contract, resolve=True, name="filing"), ec2.region)

    done = ccl(verb, "filing", "--", "echo", "in")

    assert (done.stdout, done.returncode) == ("in\n", 0), done.stderr
