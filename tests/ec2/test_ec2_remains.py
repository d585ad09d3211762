"""Disks that outlive their machines: found and deleted when they are ours, named with their cost when they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cloudclusters.base.cloud import Holding, InstanceState, Launch, Offer, Place, Slot
from cloudclusters.base.handle import new_handle
from cloudclusters.base.size import GiB
from cloudclusters.base.waiting import SystemClock
from cloudclusters.provider.ec2.provider import Ec2Provider
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.settling import Settle, ids

pytestmark = pytest.mark.bed

ZONE = "us-east-1a"


@pytest.fixture
def holding(aws: Bed, provider: Ec2Provider) -> Iterator[Holding]:
    """A holding that is prepared."""
    made = Holding(provider="ec2", cluster=new_handle(), owner="me@test", store="s", place=Place("us-east-1"))
    yield provider.prepare(made)
    Settle(provider, SystemClock(), 20).let_go(made)


def launched(provider: Ec2Provider, holding: Holding) -> str:
    """A machine that runs; its id."""
    offer = Offer(provider="ec2", instance_type="t3.micro", place=Place("us-east-1", ZONE))
    provider.launch(holding, Launch(token="one", offer=offer, slots=(Slot("worker", 0),)))
    return Settle(provider, SystemClock(), 20).all(holding, InstanceState.RUNNING, count=1)[0].id


def disk(ec2, size: int = 100, **tags: str) -> str:
    """A disk of its own; its id."""
    said = [{"ResourceType": "volume", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}] if tags else []
    made = ec2.create_volume(AvailabilityZone=ZONE, Size=size, VolumeType="gp3", TagSpecifications=said)
    return str(made["VolumeId"])


def test_what_is_beside_machines_is_told_with_its_cost(ec2, open_ec2: Callable[..., Ec2Provider], holding) -> None:
    """The root disk goes with its machine; the user's disk, a snapshot and an image of it, and what he named do not."""
    provider = open_ec2(key_name="mine")
    machine = launched(open_ec2(), holding)
    mine = disk(ec2)
    ec2.attach_volume(VolumeId=mine, InstanceId=machine, Device="/dev/sdf")
    snapshot = ec2.create_snapshot(VolumeId=mine)["SnapshotId"]
    image = ec2.create_image(InstanceId=machine, Name="made of it")["ImageId"]
    found = {each.id: each for each in provider.remains(holding)}
    (root,) = [each for each in found.values() if each.goes]
    assert (root.kind, root.monthly_usd) == ("disk", pytest.approx(0.08 * root.size_bytes / GiB))
    assert (found[mine].goes, found[mine].size_bytes, found[mine].monthly_usd) == (False, 100 * GiB, 8.0)
    assert found[mine].why == f"yours, attached to {machine}"
    assert (found[snapshot].kind, found[snapshot].monthly_usd) == ("snapshot", 5.0)
    assert (found[image].kind, found[image].monthly_usd) == ("image", 0.0)
    assert {each.machine for each in found.values() if each.id in (root.id, mine, snapshot)} == {machine}
    assert (found["mine"].kind, found["mine"].why) == ("key pair", "yours")
    provider.terminate(holding, [machine])
    ec2.deregister_image(ImageId=image)
    ec2.delete_snapshot(SnapshotId=snapshot)
    Settle(provider, SystemClock(), 20).none(holding)
    ec2.delete_volume(VolumeId=mine)


def test_disks_of_ours_that_belong_to_no_machine_are_found_and_deleted(
    ec2, provider: Ec2Provider, holding: Holding
) -> None:
    """A launch that failed half-way left one; one of somebody else's stays."""
    said = {"cluster": holding.cluster, "owner": holding.owner, "store": holding.store}
    ours = disk(ec2, **{f"cloudclusters:{key}": value for key, value in said.items()})
    other = disk(ec2)
    provider.release(holding)
    assert [v["VolumeId"] for v in ec2.describe_volumes()["Volumes"]] == [other]
    ours = disk(ec2, **{f"cloudclusters:{key}": value for key, value in said.items()})
    assert [(each.cluster, each.owner) for each in provider.find()] == [(holding.cluster, "me@test")]
    assert [(each.id, each.goes) for each in provider.remains(holding)] == [(ours, True)]
    provider.release(holding)
    assert not provider.find()
    ec2.delete_volume(VolumeId=other)


def test_a_disk_that_was_told_to_outlive_its_machine_goes_when_it_is_ours(
    ec2, provider: Ec2Provider, holding: Holding
) -> None:
    """`terminate` means disks, too; the user's change leaves one with our tag behind, which the release deletes."""
    machine = launched(provider, holding)
    keep = [{"DeviceName": "/dev/sda1", "Ebs": {"DeleteOnTermination": False}}]
    ec2.modify_instance_attribute(InstanceId=machine, BlockDeviceMappings=keep)
    provider.terminate(holding, ids(provider.describe(holding)))
    Settle(provider, SystemClock(), 20).none(holding)
    provider.release(holding)
    assert not ec2.describe_volumes()["Volumes"]
