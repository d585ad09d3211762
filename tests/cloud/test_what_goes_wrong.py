"""What goes wrong on the way to real machines: each is told for what it is, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.api.on_nodes import execute
from cloudclusters.errors import (
    CredentialsRefused,
    DeployFailed,
    NoCapacity,
    NodeError,
    NodeUnreachable,
    QuotaExceeded,
    Remedy,
    WaitTimeout,
)
from cloudclusters.remote.ssh import HostKeyRefused
from cloudclusters.store.record import ClusterState
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]


def contract(count: int = 1, **more: object) -> cc.Contract:
    """Nodes without an engine: what is tried here is the way to them."""
    return cc.cluster(node_provider="ec2", node_count=count, node_machinetype="t3.xlarge", engine="none", **more)


def refused(*wanted: str, **more: object) -> DeployFailed:
    """A deploy that fails, with these words in what it says."""
    with pytest.raises(DeployFailed) as caught:
        cc.deploy(contract(**more), resolve=True)
    for text in wanted:
        assert text in str(caught.value), str(caught.value)
    assert "Everything that had been made was deleted." in str(caught.value)
    return caught.value


def test_first_boot_script_that_fails_shows_its_log(ec2: Bed, tmp_path: Path) -> None:
    """The user's own words, and what the machine printed."""
    script = tmp_path / "boot.sh"
    script.write_text("#!/bin/sh\necho preparing the moon\nmount /dev/moon /mnt || exit 7\n")
    refused("first-boot script failed on node0", "preparing the moon", first_boot=str(script))


def test_first_boot_script_runs_once_as_root(ec2: Bed, tmp_path: Path) -> None:
    """Before anything else is done on the node."""
    script = tmp_path / "boot.sh"
    script.write_text("#!/bin/sh\nid -un >> /etc/first-boot\n")
    with cc.deploy(contract(first_boot=str(script)), resolve=True) as cluster:
        cc.interrupt(cluster)
        cc.resume(cluster)
        cluster.get("/etc/first-boot", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "root\n"


def test_machine_that_never_boots_shows_its_console(ec2: Bed) -> None:
    """It runs, says the cloud, and nothing answers."""
    ec2.faults.never_boot = 1
    refused("does not answer", "console", boot_timeout=4)


def test_machine_that_ends_while_it_boots_is_no_long_wait(ec2: Bed) -> None:
    """The cloud says why."""
    ec2.faults.fail_launch = 1
    refused("node0", "is gone", "Internal error on launch", boot_timeout=60)


def test_node_killed_during_deploy(ec2: Bed) -> None:
    """Somebody ends a machine by hand while it boots; the other one is let go of, too."""
    import boto3

    ec2.faults.never_boot = 2

    def kill() -> None:
        running = until(lambda: [life for life in ec2.instances.living() if life.state == "running"])
        boto3.client("ec2").terminate_instances(InstanceIds=[running[0].instance.id])

    killer = threading.Thread(target=kill)
    killer.start()
    failure = refused("Client.UserInitiatedShutdown", count=2, boot_timeout=60)
    killer.join()
    assert "node" in str(failure)


def test_cluster_whose_key_was_lost_is_let_go_of(ec2: Bed, home: Path) -> None:
    """As by a driver that was killed after a `terminate` had removed the keys, and before it had written so."""
    cluster = cc.deploy(contract(), resolve=True)
    cluster.close()
    (home / "keys" / cluster.handle / "id_ed25519").unlink()
    code = f"import cloudclusters as cc; cc.terminate({cluster.handle!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not ec2.left()


def test_wrong_user_is_told(ec2: Bed) -> None:
    """With what to give instead."""
    failure = refused("does not let the user 'nemo' in", user="nemo", boot_timeout=6)
    assert isinstance(failure.__cause__, NodeUnreachable)


def test_every_attempt_is_listed_when_nothing_is_free(ec2: Bed) -> None:
    """Zones of the region first, then the plan's other offers."""
    ec2.faults.capacity("t3.xlarge", 0)
    failure = refused("t3.xlarge", "us-east-1a", "us-east-1b")
    assert isinstance(failure.__cause__, NoCapacity)


def test_zone_with_room_is_found(ec2: Bed) -> None:
    """The zone that EC2 would choose has none."""
    ec2.faults.capacity("t3.xlarge", 0)
    ec2.faults.capacity("t3.xlarge", 5, zone="us-east-1d")
    with cc.deploy(contract(2), resolve=True) as cluster:
        assert {node.instance.place.zone for node in cluster.record.nodes if node.instance} == {"us-east-1d"}


def test_quota_is_named(ec2: Bed) -> None:
    """With its code, by which it can be raised."""
    ec2.front.quotas.values["L-1216C47A"] = 6
    failure = refused("L-1216C47A", "6", count=2)
    assert isinstance(failure.__cause__, QuotaExceeded)


def test_credentials_that_are_no_good_leave_no_record(ec2: Bed) -> None:
    """The user can mend it, and there is nothing to clean up."""
    ec2.expire_credentials()
    with pytest.raises(DeployFailed, match=r"RequestExpired[^$]*Nothing had been made") as caught:
        cc.deploy(contract(), resolve=True)
    assert caught.value.remedy is Remedy.FIX
    assert not cc.clusters()


def test_price_limit_that_nothing_costs(ec2: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint is about the limit, not about capacity elsewhere."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_MAX_PRICE", "0.0001")
    with pytest.raises(DeployFailed, match="SpotMaxPriceTooLow") as caught:
        cc.deploy(contract(market="spot", on_demand_base=0), resolve=True)
    assert "max_price" in caught.value.hint


def test_command_that_is_not_there(ec2: Bed) -> None:
    """Which node, which command; the user can mend it."""
    with cc.deploy(contract(), resolve=True) as cluster:
        with pytest.raises(NodeError, match=r"^node0 cannot start 'no-such-program': .*No such file") as caught:
            execute(cluster, ["no-such-program"], heard=lambda *_: None)
        assert caught.value.remedy is Remedy.FIX


def test_driver_that_is_killed_in_the_middle_of_deploy(ec2: Bed) -> None:
    """`sweep` finds what it made, says so, and deletes it, although the cluster's record claims it."""
    command = [sys.executable, "-m", "cloudclusters"]
    wish = ["node_provider=ec2", "node_count=2", "node_machinetype=t3.xlarge", "engine=none"]
    with subprocess.Popen([*command, "deploy", *wish, "-y"], stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        for line in driver.stderr:
            if "connecting" in line:
                break
        driver.kill()
    assert ec2.left().instances
    swept = subprocess.run([*command, "sweep", "-y"], capture_output=True, text=True, check=True, timeout=60)
    assert "finishing what was left half-way" in swept.stderr
    assert not ec2.left()


def test_expired_credentials(ec2: Bed) -> None:
    """A cluster that runs stays as it is in the record, and can be let go of later."""
    cluster = cc.deploy(contract(), resolve=True)
    ec2.expire_credentials()
    with pytest.raises(CredentialsRefused):
        cc.terminate(cluster)
    assert cluster.state is ClusterState.TERMINATING
    ec2.renew_credentials()
    cc.terminate(cluster)
    assert cluster.state is ClusterState.TERMINATED


def test_another_host_key_is_refused(ec2: Bed) -> None:
    """Somebody else answers at the address: nothing is sent to him."""
    with cc.deploy(contract(), resolve=True) as cluster:
        cluster.close()
        known = Path(os.environ["CLOUDCLUSTERS_HOME"], "keys", cluster.handle, "known_hosts")
        right = known.read_text()
        from cloudclusters.remote.ssh import make_key

        known.write_text(f"{cluster.handle}-node0 {make_key().public}\n")
        with pytest.raises(HostKeyRefused, match="is the one that is trusted"):
            cluster.put(__file__)
        known.write_text(right)
        cluster.put(__file__)


def test_one_time_host_key_is_trusted_no_more(ec2: Bed) -> None:
    """It is in the user-data, which others may read: neither machine nor driver knows it any more."""
    with cc.deploy(contract(2), resolve=True) as cluster:
        place = Path(os.environ["CLOUDCLUSTERS_HOME"], "keys", cluster.handle)
        pinned = (place / "known_hosts").read_text().splitlines()
        assert len({line.split()[2] for line in pinned}) == 2
        assert not list(place.glob("first-*"))


def test_client_without_network_for_a_while_loses_nothing(ec2: Bed) -> None:
    """A future that a plain Dask client holds is computed meanwhile, and is there afterwards."""
    wanted = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge")
    with cc.deploy(wanted, resolve=True) as cluster:
        client = cluster.get_client()
        held = client.submit(sum, [1, 2])
        held.result(timeout=20)
        ec2.cut_client()
        time.sleep(4)
        ec2.mend_client()
        assert held.result(timeout=30) == 3
        assert client.submit(sum, [3, 4]).result(timeout=30) == 7
        assert cluster.get_client() is client


def test_changed_address_of_the_caller_is_let_in(ec2: Bed) -> None:
    """The rule in our group names an address that is no longer ours."""
    import boto3

    wanted = contract(sshflags="-o ConnectTimeout=2")
    with cc.deploy(wanted, resolve=True) as cluster:
        cluster.close()
        cloud = boto3.client("ec2")
        (group,) = cloud.describe_security_groups(
            Filters=[{"Name": "tag:cloudclusters:cluster", "Values": [cluster.handle]}]
        )["SecurityGroups"]
        (rule,) = [rule for rule in group["IpPermissions"] if rule.get("FromPort") == 22]
        cloud.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
        old = {
            **rule,
            "IpRanges": [{"CidrIp": "192.0.2.1/32", "Description": rule["IpRanges"][0].get("Description", "")}],
        }
        cloud.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[old])
        cluster.put(__file__)


def test_deploy_that_takes_too_long_leaves_nothing(ec2: Bed) -> None:
    """The clean-up comes before the error."""
    ec2.faults.never_boot = 2
    with pytest.raises(WaitTimeout):
        cc.deploy(contract(2), resolve=True, timeout=2)
    assert not ec2.left()


def test_spot_machine_that_is_taken_back(ec2: Bed) -> None:
    """`status` says which node is gone, and why."""
    cluster = cc.deploy(contract(2, market="spot"), resolve=True)
    gone = cluster.record.nodes[1].instance
    assert gone is not None
    ec2.instances.reclaim(gone.id, notice=0.0)
    until(lambda: cc.status(cluster, refresh=True).state is ClusterState.BROKEN)
    assert "node1" in cc.status(cluster).reason
    cc.terminate(cluster)


def until(look: Callable[[], object], *, seconds: float = 20.0) -> list:
    """Look until the answer is true."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come so"
        time.sleep(0.05)
    return seen


def full(ec2: Bed, kind: str, region: str) -> None:
    """Let a type have no room in a region."""
    for letter in "abcdef":
        ec2.faults.capacity(kind, 0, zone=f"{region}{letter}")


def test_another_region_is_tried_and_the_first_one_left_clean(ec2: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the contract allows several; nothing of ours stays in the one without room."""
    monkeypatch.setenv("CLOUDCLUSTERS_EC2_SWEEP_REGIONS", "us-east-1 us-east-2")
    full(ec2, "t3.xlarge", "us-east-1")
    wanted = contract(2, cluster_locale=cc.oneof("us-east-1", "us-east-2"))
    with cc.deploy(wanted, resolve=True) as cluster:
        assert {node.offer.place.region for node in cluster.record.nodes} == {"us-east-2"}
        assert [holding.place.region for holding in found_holdings()] == ["us-east-2"]
    assert not found_holdings()


def test_another_type_is_tried(ec2: Bed) -> None:
    """The next one that satisfies the contract."""
    full(ec2, "t3.xlarge", "us-east-1")
    wanted = cc.cluster(
        node_provider="ec2", node_count=1, node_machinetype=cc.oneof("t3.xlarge", "m5.xlarge"), engine="none"
    )
    with cc.deploy(wanted, resolve=True) as cluster:
        assert cluster.record.nodes[0].offer.instance_type == "m5.xlarge"


def found_holdings() -> list:
    """What the cloud says that we hold, by tags alone."""
    return [finding.holding for finding in cc.sweep(providers=["ec2"])]
