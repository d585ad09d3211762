"""What moto gets wrong and the bed corrects, as the SDK sees it; moto's own ways stand in test_moto_pins.py."""

from __future__ import annotations

import pytest
from bed_client import Cloud, until
from botocore.exceptions import ClientError

pytestmark = pytest.mark.bed


def refused(call, **arguments) -> str:
    """The code of the error with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]["Code"]


def test_same_token_is_the_same_launch_and_other_arguments_are_refused(cloud: Cloud) -> None:
    """A repeat finds the instances of the first call."""
    first = cloud.run(2, ClientToken="one")

    assert cloud.run(2, ClientToken="one") == first
    assert refused(cloud.run, count=3, ClientToken="one") == "IdempotentParameterMismatch"
    assert len(cloud.bed.left().instances) == 2


def test_as_many_as_possible_are_launched(cloud: Cloud) -> None:
    """MaxCount is what is given when there is room."""
    assert len(cloud.run(3, MinCount=1)) == 3


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"InstanceType": "t3.nonsense"}, "InvalidInstanceType"),
        ({"ImageId": "ami-12345678"}, "InvalidAMIID.NotFound"),
        ({"KeyName": "nobodys"}, "InvalidKeyPair.NotFound"),
        ({"SubnetId": "subnet-12345678"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-12345678"]}, "InvalidGroup.NotFound"),
        ({"Placement": {"GroupName": "nobodys"}}, "InvalidPlacementGroup.Unknown"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, "InvalidParameterValue"),
        ({"InstanceType": "hpc7a.96xlarge", "Placement": {"AvailabilityZone": "us-east-1f"}}, "Unsupported"),
    ],
)
def test_unknown_names_and_places_are_refused(cloud: Cloud, wrong: dict, code: str) -> None:
    """Nothing is launched for a type, image, key, subnet, group or zone that is not there."""
    assert refused(cloud.run, **wrong) == code
    assert not cloud.bed.left().instances


def test_placement_groups_are_made_found_used_and_deleted(cloud: Cloud) -> None:
    """A group is found by tag; it takes only types that allow it, and is not deleted while it is in use."""
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "of", "Value": "me"}]}]
    made = cloud.ec2.create_placement_group(GroupName="near", Strategy="cluster", TagSpecifications=tags)
    found = cloud.ec2.describe_placement_groups(Filters=[{"Name": "tag:of", "Values": ["me"]}])["PlacementGroups"]
    assert [group["GroupId"] for group in found] == [made["PlacementGroup"]["GroupId"]]
    assert found[0]["Tags"] == [{"Key": "of", "Value": "me"}]
    assert refused(cloud.ec2.create_placement_group, GroupName="near") == "InvalidPlacementGroup.Duplicate"
    assert refused(cloud.run, Placement={"GroupName": "near"}) == "InvalidParameterCombination"

    [name] = cloud.run(InstanceType="c5n.18xlarge", Placement={"GroupName": "near"})
    assert cloud.look(name)["Placement"]["GroupName"] == "near"
    assert refused(cloud.ec2.delete_placement_group, GroupName="near") == "InvalidPlacementGroup.InUse"
    cloud.ec2.terminate_instances(InstanceIds=[name])
    cloud.wait([name], "terminated")
    cloud.ec2.delete_placement_group(GroupName="near")
    assert refused(cloud.ec2.describe_placement_groups, GroupNames=["near"]) == "InvalidPlacementGroup.Unknown"


def test_security_group_in_use_is_not_deleted(cloud: Cloud) -> None:
    """Neither while an instance has it nor before the instance is really gone."""
    [name] = cloud.run()
    assert refused(cloud.ec2.delete_security_group, GroupId=cloud.group) == "DependencyViolation"

    cloud.ec2.terminate_instances(InstanceIds=[name])
    cloud.wait([name], "terminated")
    cloud.ec2.delete_security_group(GroupId=cloud.group)
    assert not cloud.bed.left().security_groups


def test_states_that_do_not_allow_a_step_refuse_it(cloud: Cloud) -> None:
    """A pending instance is not stopped, and a terminated one does not start."""
    name = cloud.run_pending()
    assert refused(cloud.ec2.stop_instances, InstanceIds=[name]) == "IncorrectInstanceState"
    cloud.ec2.terminate_instances(InstanceIds=[name])
    cloud.wait([name], "terminated")
    assert refused(cloud.ec2.start_instances, InstanceIds=[name]) == "IncorrectInstanceState"


def test_spot_instance_has_a_request_and_a_price(cloud: Cloud) -> None:
    """Prices differ by type and zone; a lower limit is refused; a one-time request cannot be stopped."""
    cloud.bed.front.prices.set("t3.xlarge", "us-east-1a", 0.5)
    asked = {"InstanceTypes": ["t3.xlarge", "c5.large"], "ProductDescriptions": ["Linux/UNIX"]}
    rows = cloud.ec2.describe_spot_price_history(**asked)["SpotPriceHistory"]
    prices = {(row["InstanceType"], row["AvailabilityZone"]): float(row["SpotPrice"]) for row in rows}
    assert prices["t3.xlarge", "us-east-1a"] == 0.5
    assert len(set(prices.values())) > 6

    options = {"Placement": {"AvailabilityZone": "us-east-1a"}}
    low = {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.4"}}
    assert refused(cloud.run, InstanceMarketOptions=low, **options) == "SpotMaxPriceTooLow"
    [name] = cloud.run(InstanceMarketOptions={"MarketType": "spot"})
    [seen] = cloud.wait([name], "running")
    assert seen["InstanceLifecycle"] == "spot"
    assert seen["SpotInstanceRequestId"].startswith("sir-")
    assert refused(cloud.ec2.stop_instances, InstanceIds=[name]) == "UnsupportedOperation"


def test_actions_that_are_not_there_are_refused_at_once(cloud: Cloud) -> None:
    """An error that the SDK understands, and does not repeat."""
    asked = {"TargetCapacity": 1, "InstanceTypes": ["t3.xlarge"]}
    assert refused(cloud.client("ec2", retries=3).get_spot_placement_scores, **asked) == "InvalidAction"
    assert cloud.bed.calls.count("GetSpotPlacementScores") == 1


def test_status_is_initializing_until_the_host_answers(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status checks pass after the boot, not with the state."""

    def status(name: str) -> str:
        seen = cloud.ec2.describe_instance_status(InstanceIds=[name])["InstanceStatuses"]
        return seen[0]["InstanceStatus"]["Status"]

    [quick] = cloud.run()
    cloud.wait([quick], "running")
    monkeypatch.setattr(cloud.bed.instances, "boot_delay", 3600)
    [slow] = cloud.run()
    cloud.wait([slow], "running")

    until(lambda: status(quick) == "ok")
    assert status(slow) == "initializing"


def test_two_regions_do_not_share_addresses(cloud: Cloud) -> None:
    """Every region of moto has the same network; hosts of two regions still are two hosts."""
    other = cloud.client("ec2", region="eu-west-1")
    image = other.describe_images(Filters=[{"Name": "name", "Values": ["ubuntu*"]}])["Images"][0]["ImageId"]
    request = {"ImageId": image, "InstanceType": "t3.xlarge", "MinCount": 1, "MaxCount": 1}
    place = {"Placement": {"AvailabilityZone": "eu-west-1a"}}
    there = other.run_instances(**request, **place)["Instances"][0]
    [here] = cloud.run(Placement={"AvailabilityZone": "us-east-1a"})

    assert there["Placement"]["AvailabilityZone"] == "eu-west-1a"
    assert there["PrivateIpAddress"] != cloud.look(here)["PrivateIpAddress"]


def test_quota_is_told_and_kept(cloud: Cloud) -> None:
    """Service Quotas names the limit that a launch runs into."""
    cloud.bed.front.quotas.values["L-1216C47A"] = 8
    quotas = cloud.client("service-quotas")
    told = quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")["Quota"]
    listed = {row["QuotaCode"]: row["Value"] for row in quotas.list_service_quotas(ServiceCode="ec2")["Quotas"]}
    cloud.run(2)

    assert (told["Value"], listed["L-1216C47A"]) == (8, 8)
    assert told["QuotaName"].startswith("Running On-Demand Standard")
    assert refused(cloud.run) == "VcpuLimitExceeded"
