"""What is ordered to go wrong goes wrong, once or as often as ordered, and every call is counted."""

from __future__ import annotations

import time

import pytest
from bed_client import Cloud, until
from botocore.exceptions import ClientError, ConnectionClosedError

from cloudclusters.testing.bed.faults import LOST

pytestmark = pytest.mark.bed


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    """The error's code as the SDK tells it."""
    return error.value.response["Error"]["Code"]


def test_throttled_calls_fail_as_often_as_ordered_and_are_counted(cloud: Cloud) -> None:
    """The SDK's own repeats see the throttling end."""
    cloud.bed.faults.throttle("DescribeRegions", 1)
    patient = cloud.client("ec2", retries=3)

    assert patient.describe_regions()["Regions"]
    assert cloud.bed.calls.count("DescribeRegions") == 2
    assert cloud.bed.calls.errors("DescribeRegions") == ["RequestLimitExceeded"]


def test_capacity_that_is_left_is_given_in_part(cloud: Cloud) -> None:
    """MinCount decides whether less than wished is enough; the next launch gets nothing until one ends."""
    cloud.bed.faults.capacity("t3.xlarge", 2, zone="us-east-1a")
    place = {"Placement": {"AvailabilityZone": "us-east-1a"}}

    with pytest.raises(ClientError) as all_or_nothing:
        cloud.run(3, **place)
    names = cloud.run(3, **place, MinCount=1)
    with pytest.raises(ClientError) as full:
        cloud.run(1, **place)
    elsewhere = cloud.run(1, Placement={"AvailabilityZone": "us-east-1b"})

    assert code_of(all_or_nothing) == "InsufficientInstanceCapacity"
    assert len(names) == 2
    assert code_of(full) == "InsufficientInstanceCapacity"
    assert len(elsewhere) == 1


def test_stopped_instance_may_find_its_place_taken(cloud: Cloud) -> None:
    """A start needs capacity as a launch does."""
    [name] = cloud.run()
    cloud.wait([name], "running")
    cloud.ec2.stop_instances(InstanceIds=[name])
    cloud.wait([name], "stopped")
    cloud.bed.faults.capacity("t3.xlarge", 0)

    with pytest.raises(ClientError) as taken:
        cloud.ec2.start_instances(InstanceIds=[name])

    assert code_of(taken) == "InsufficientInstanceCapacity"
    assert cloud.look(name)["State"]["Name"] == "stopped"


@pytest.mark.parametrize("after", [False, True])
def test_error_comes_before_or_after_the_effect(cloud: Cloud, after: bool) -> None:
    """The second launch from now fails; its instance is there only if the error came after."""
    cloud.bed.faults.error("RunInstances", "InternalError", on_call=2, after=after, status=500)
    cloud.run()

    with pytest.raises(ClientError) as failed:
        cloud.run()

    assert code_of(failed) == "InternalError"
    assert len(cloud.bed.left().instances) == (2 if after else 1)


def test_lost_connection_leaves_an_effect_that_the_token_finds_again(cloud: Cloud) -> None:
    """The answer is lost, the instance is there, and the same token asks for it once more."""
    cloud.bed.faults.error("RunInstances", LOST, after=True)

    with pytest.raises(ConnectionClosedError):
        cloud.run(ClientToken="token-1")
    [name] = cloud.run(ClientToken="token-1")

    assert cloud.bed.left().instances == [name]


def test_latency_delays_the_answer(cloud: Cloud) -> None:
    """A call takes at least as long as ordered."""
    cloud.bed.faults.latency["DescribeRegions"] = 0.3
    before = time.monotonic()
    cloud.ec2.describe_regions()

    assert time.monotonic() - before >= 0.3


def test_new_instance_is_unknown_to_describes_for_a_while(cloud: Cloud) -> None:
    """Eventual consistency: by its name it is an error, by a filter it is absent, and later it is there."""
    cloud.bed.faults.invisible = 60
    [name] = cloud.run()

    with pytest.raises(ClientError) as unknown:
        cloud.look(name)
    assert code_of(unknown) == "InvalidInstanceID.NotFound"
    assert cloud.ec2.describe_instances()["Reservations"] == []
    cloud.bed.faults.invisible = 0
    assert cloud.look(name)["InstanceId"] == name


def test_instance_may_end_while_pending(cloud: Cloud) -> None:
    """A launch that was answered well may still come to nothing."""
    cloud.bed.faults.fail_launch = 1
    [name] = cloud.run()
    [seen] = cloud.wait([name], "terminated")

    assert seen["StateReason"]["Code"] == "Server.InternalError"


def test_instance_that_never_boots_is_running_and_impaired(cloud: Cloud) -> None:
    """Only its status and its console tell."""
    cloud.bed.faults.never_boot = 1
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    status = cloud.ec2.describe_instance_status(InstanceIds=[name])["InstanceStatuses"][0]["InstanceStatus"]["Status"]

    assert cloud.is_silent(seen["PublicIpAddress"])
    assert status == "impaired"
    assert "Kernel panic" in cloud.ec2.get_console_output(InstanceId=name)["Output"]


def test_frozen_partitioned_and_crashed_hosts_do_not_answer(cloud: Cloud) -> None:
    """A hang and a lost network pass; a crash does not, and the cloud goes on calling the instance running."""
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    cloud.ssh(seen, "true")
    address, hosts = seen["PublicIpAddress"], cloud.bed.hosts

    for begin, end in ((hosts.freeze, hosts.thaw), (hosts.partition, hosts.heal)):
        begin(name)
        assert cloud.is_silent(address)
        end(name)
        until(lambda: cloud.ssh_once(address, "true").returncode == 0)
    cloud.bed.instances.crash(name)
    assert cloud.is_silent(address)
    assert cloud.look(name)["State"]["Name"] == "running"
