"""What moto by itself gets wrong or right, on which the bed is built.

A test here that fails after an upgrade is good news or bad: a correction of the bed may go, or a new one must come.
"""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ec2() -> Iterator[object]:
    """The SDK on moto alone, in this process; no call leaves it."""
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1", config=Config(retries={"total_max_attempts": 1}))


def run(ec2, **more) -> dict:
    """Launch, and describe what came of it."""
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["ubuntu*"]}])["Images"][0]["ImageId"]
    answer = ec2.run_instances(**({"ImageId": image, "InstanceType": "t3.xlarge", "MinCount": 1, "MaxCount": 1} | more))
    return ec2.describe_instances(InstanceIds=[answer["Instances"][0]["InstanceId"]])["Reservations"][0]


def test_token_makes_a_second_instance(ec2) -> None:
    """The front keeps tokens."""
    assert run(ec2, ClientToken="a")["ReservationId"] != run(ec2, ClientToken="a")["ReservationId"]


def test_only_the_least_number_is_launched(ec2) -> None:
    """The front decides how many there is room for, and asks for that number."""
    assert len(run(ec2, MinCount=1, MaxCount=3)["Instances"]) == 1


@pytest.mark.parametrize("wrong", [{"InstanceType": "t3.none"}, {"ImageId": "ami-12345678"}, {"KeyName": "nobodys"}])
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_unknown_names_are_accepted(ec2, wrong: dict) -> None:
    """The front checks them."""
    assert run(ec2, **wrong)["Instances"]


@pytest.mark.parametrize("call", ["describe_placement_groups", "get_spot_placement_scores"])
def test_some_actions_are_not_implemented(ec2, call: str) -> None:
    """The front has placement groups of its own, and refuses the rest as EC2 refuses what it does not know."""
    arguments = {"TargetCapacity": 1, "InstanceTypes": ["t3.xlarge"]} if "scores" in call else {}
    with pytest.raises(NotImplementedError):
        getattr(ec2, call)(**arguments)


def test_quotas_are_not_implemented(ec2) -> None:
    """The front tells and keeps them."""
    with pytest.raises(NotImplementedError):
        boto3.client("service-quotas", region_name="us-east-1").list_service_quotas(ServiceCode="ec2")


def test_placement_group_of_a_launch_is_dropped(ec2) -> None:
    """The front tells the instance afterwards."""
    assert run(ec2, Placement={"GroupName": "near"})["Instances"][0]["Placement"].get("GroupName", "") == ""


def test_group_in_use_is_deleted(ec2) -> None:
    """The front refuses that."""
    group = ec2.create_security_group(GroupName="mine", Description="of the test")["GroupId"]
    run(ec2, SecurityGroupIds=[group])
    ec2.delete_security_group(GroupId=group)


def test_instance_is_born_running_and_well(ec2) -> None:
    """Hooks make it pending, then running, then reachable."""
    seen = run(ec2)["Instances"][0]
    status = ec2.describe_instance_status(InstanceIds=[seen["InstanceId"]])["InstanceStatuses"][0]

    assert seen["State"]["Name"] == "running"
    assert status["InstanceStatus"]["Status"] == "ok"


def test_terminated_instance_starts_again(ec2) -> None:
    """The front refuses that."""
    name = run(ec2)["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[name])

    ec2.start_instances(InstanceIds=[name])
    seen = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]

    assert seen["State"]["Name"] == "running"


def test_spot_instance_has_no_request_and_a_price_of_2006(ec2) -> None:
    """The front gives it a request, and answers about prices itself."""
    seen = run(ec2, InstanceMarketOptions={"MarketType": "spot"})["Instances"][0]
    rows = ec2.describe_spot_price_history(InstanceTypes=["t3.xlarge"])["SpotPriceHistory"]

    assert seen["InstanceLifecycle"] == "spot"
    assert "SpotInstanceRequestId" not in seen
    assert {(row["SpotPrice"], row["Timestamp"].year) for row in rows} == {("0.00001", 2006)}


def test_launch_without_a_subnet_gets_an_address_of_nowhere(ec2) -> None:
    """The front names the zone's default subnet, whose addresses the hosts can have."""
    assert run(ec2)["Instances"][0]["PrivateIpAddress"].startswith("10.")


def test_console_says_always_the_same(ec2) -> None:
    """The front answers with what the host wrote."""
    first, second = (run(ec2)["Instances"][0]["InstanceId"] for _ in range(2))
    texts = {ec2.get_console_output(InstanceId=name)["Output"] for name in (first, second)}

    assert len(texts) == 1


def test_tags_at_the_launch_go_to_instances_and_volumes(ec2) -> None:
    """On this the bed relies."""
    tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": "me"}]} for kind in ("instance", "volume")]
    seen = run(ec2, TagSpecifications=tags)["Instances"][0]
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:of", "Values": ["me"]}])["Volumes"]

    assert seen["Tags"] == [{"Key": "of", "Value": "me"}]
    assert [volume["Attachments"][0]["InstanceId"] for volume in volumes] == [seen["InstanceId"]]
