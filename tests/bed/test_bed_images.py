"""Public images: named by their publishers' parameters, described as on EC2, with hosts that have their login user."""

from __future__ import annotations

import pytest
from bed_client import Cloud
from botocore.exceptions import ClientError

pytestmark = pytest.mark.bed

_UBUNTU = "/aws/service/canonical/ubuntu/server/{}/stable/current/{}/hvm/ebs-{}/ami-id"
_DEBIAN = "/aws/service/debian/release/12/latest/{}"
_AMAZON = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}"
_WINDOWS = "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base"
_NAMES = {
    **{
        _UBUNTU.format(version, word, disk): ("099720109477", architecture, "/dev/sda1", disk)
        for version in ("22.04", "24.04")
        for word, architecture in (("amd64", "x86_64"), ("arm64", "arm64"))
        for disk in ("gp2", "gp3")
    },
    _DEBIAN.format("amd64"): ("136693071363", "x86_64", "/dev/xvda", "gp3"),
    _DEBIAN.format("arm64"): ("136693071363", "arm64", "/dev/xvda", "gp3"),
    _AMAZON.format("x86_64"): ("137112412989", "x86_64", "/dev/xvda", "gp3"),
    _AMAZON.format("arm64"): ("137112412989", "arm64", "/dev/xvda", "gp3"),
}


def image_of(cloud: Cloud, parameter: str, *, region: str = "us-east-1") -> str:
    """The id under a parameter."""
    return cloud.client("ssm", region=region).get_parameter(Name=parameter)["Parameter"]["Value"]


def refused(cloud: Cloud, **launch) -> str:
    """The code and the message of the error with which a launch is refused."""
    with pytest.raises(ClientError) as error:
        cloud.run(**launch)
    return f"{error.value.response['Error']['Code']}: {error.value.response['Error']['Message']}"


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_every_parameter_names_an_image_that_is_described(cloud: Cloud, region: str) -> None:
    """Owner, architecture, root device and disk are those of the publisher; ids differ."""
    ssm, ec2 = cloud.client("ssm", region=region), cloud.client("ec2", region=region)
    names = list(_NAMES)
    answers = [ssm.get_parameters(Names=names[:10]), ssm.get_parameters(Names=[*names[10:], _DEBIAN.format("m68k")])]
    ids = {row["Name"]: row["Value"] for answer in answers for row in answer["Parameters"]}
    seen = {image["ImageId"]: image for image in ec2.describe_images(ImageIds=list(ids.values()))["Images"]}

    assert answers[1]["InvalidParameters"] == [_DEBIAN.format("m68k")]
    assert len(seen) == len(names)
    for name, (owner, architecture, device, disk) in _NAMES.items():
        image = seen[ids[name]]
        [mapping] = image["BlockDeviceMappings"]
        assert (image["OwnerId"], image["Architecture"], image["RootDeviceName"]) == (owner, architecture, device)
        assert (mapping["DeviceName"], mapping["Ebs"]["VolumeSize"], mapping["Ebs"]["VolumeType"]) == (device, 8, disk)
        assert "arm64" in image["Name"] or architecture != "arm64"
        assert image["PlatformDetails"] == "Linux/UNIX"


def test_images_of_two_regions_have_different_ids(cloud: Cloud) -> None:
    """An id of one region is unknown in another."""
    here, there = (image_of(cloud, _DEBIAN.format("amd64"), region=name) for name in ("us-east-1", "us-west-2"))

    assert here != there
    assert refused(cloud, ImageId=there).startswith("InvalidAMIID.NotFound")


def test_unknown_parameter_is_not_found(cloud: Cloud) -> None:
    """As on AWS, by the error's code."""
    with pytest.raises(ClientError) as error:
        image_of(cloud, _DEBIAN.format("m68k"))
    assert error.value.response["Error"]["Code"] == "ParameterNotFound"


@pytest.mark.parametrize(
    ("parameter", "user"),
    [
        (_UBUNTU.format("24.04", "amd64", "gp3"), "ubuntu"),
        (_DEBIAN.format("amd64"), "admin"),
        (_AMAZON.format("x86_64"), "ec2-user"),
    ],
)
def test_host_has_the_login_user_of_its_image(cloud: Cloud, parameter: str, user: str) -> None:
    """It may become root; the users of other images are not there."""
    [name] = cloud.run(ImageId=image_of(cloud, parameter))
    [seen] = cloud.wait([name], "running")

    assert cloud.ssh(seen, "whoami; sudo whoami", user=user).stdout == f"{user}\nroot\n"
    others = {"ubuntu", "admin", "ec2-user"} - {user}
    assert [cloud.ssh_once(seen["PublicIpAddress"], "true", user=other).returncode for other in others] == [255, 255]


def test_image_that_does_not_fit_the_launch_is_refused(cloud: Cloud) -> None:
    """Another architecture, a disk that is too small, and an image that no host of the bed can be."""
    small = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]
    arm = image_of(cloud, _UBUNTU.format("24.04", "arm64", "gp3"))

    assert "'arm64' of the specified AMI" in refused(cloud, ImageId=arm)
    assert refused(cloud, BlockDeviceMappings=small).startswith("InvalidBlockDeviceMapping: Volume of size 4GB")
    assert refused(cloud, ImageId=image_of(cloud, _WINDOWS)).startswith("UnsupportedOperation")
    assert cloud.run(ImageId=arm, InstanceType="c7g.large")
    assert len(cloud.bed.left().instances) == 1
