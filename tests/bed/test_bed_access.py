"""Denied actions, bad credentials and EC2 Instance Connect answer as AWS does, and a sent key really opens a host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from bed_client import Cloud, until
from botocore.exceptions import ClientError

pytestmark = pytest.mark.bed

_DEBIAN = "/aws/service/debian/release/12/latest/amd64"


def refused(call, **arguments) -> tuple[str, int, str]:
    """Code, status and message of the error with which a call is refused."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def test_denied_action_is_unauthorized_also_as_a_dry_run(cloud: Cloud) -> None:
    """The policy is asked before anything else, and nothing is launched; other actions go on."""
    cloud.bed.deny("RunInstances", "TerminateInstances")

    code, status, message = refused(cloud.run)
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert "is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:" in message
    assert refused(cloud.run, DryRun=True)[0] == "UnauthorizedOperation"
    assert refused(cloud.ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])[0] == "UnauthorizedOperation"
    assert cloud.ec2.describe_instances()["Reservations"] == []

    cloud.bed.allow("RunInstances")
    assert cloud.run()
    assert refused(cloud.ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])[0] == "UnauthorizedOperation"


def test_dry_run_that_would_succeed_says_so_and_does_nothing(cloud: Cloud) -> None:
    """Names are checked; room and quotas are not, as nothing is taken."""
    cloud.bed.faults.capacity("t3.xlarge", 0)

    assert refused(cloud.run, DryRun=True)[:2] == ("DryRunOperation", 412)
    assert refused(cloud.run, DryRun=True, KeyName="nobodys")[0] == "InvalidKeyPair.NotFound"
    assert refused(cloud.ec2.create_placement_group, GroupName="a", DryRun=True)[0] == "DryRunOperation"
    new = {"GroupName": "new", "Description": "of the test", "DryRun": True}
    assert refused(cloud.ec2.create_security_group, **new)[0] == "DryRunOperation"
    left = cloud.bed.left()
    assert (left.instances, left.placement_groups, left.security_groups) == ([], [], ["mine"])


@pytest.mark.parametrize(
    ("unknown", "codes"),
    [
        (False, ["RequestExpired", "ExpiredToken", "ExpiredTokenException"]),
        (True, ["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"]),
    ],
)
def test_bad_credentials_are_told_by_every_service_in_its_way(cloud: Cloud, unknown: bool, codes: list[str]) -> None:
    """EC2, STS and SSM each have a code of their own; renewed credentials work again."""
    sts, ssm = cloud.client("sts"), cloud.client("ssm")
    assert sts.get_caller_identity()["Account"] == "123456789012"
    cloud.bed.expire_credentials(unknown=unknown)

    seen = [refused(cloud.run), refused(sts.get_caller_identity), refused(ssm.get_parameter, Name=_DEBIAN)]
    assert [code for code, _, _ in seen] == codes
    cloud.bed.renew_credentials()
    assert cloud.run()


def test_other_services_deny_in_their_own_words(cloud: Cloud) -> None:
    """JSON services have an exception of that name; who one is may always be asked."""
    cloud.bed.deny("*")

    assert refused(cloud.client("ssm").get_parameter, Name=_DEBIAN)[:2] == ("AccessDeniedException", 400)
    assert cloud.client("sts").get_caller_identity()["Arn"].startswith("arn:aws:")


def test_sent_key_logs_in_for_its_time_only(cloud: Cloud, tmp_path: Path) -> None:
    """A host that was launched with another key takes it for that user, and no longer once the time is over."""
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    cloud.ssh(seen, "sudo useradd --create-home other")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "sent")], check=True)
    cloud.key = tmp_path / "sent"
    address = seen["PublicIpAddress"]
    before = cloud.ssh_once(address, "true").returncode
    cloud.bed.front.connect.seconds = 2

    send = cloud.client("ec2-instance-connect").send_ssh_public_key
    text = (tmp_path / "sent.pub").read_text()
    assert send(InstanceId=name, InstanceOSUser="ubuntu", SSHPublicKey=text)["Success"]
    assert cloud.ssh_once(address, "whoami").stdout == "ubuntu\n"
    assert cloud.ssh_once(address, "true", user="other").returncode == 255
    until(lambda: cloud.ssh_once(address, "true").returncode == 255)
    assert before == 255
    assert send(InstanceId=name, InstanceOSUser="nobodys", SSHPublicKey=text)["Success"]


def test_key_for_an_instance_that_cannot_take_it_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    """By the instance's name, zone and state, and by the key's form."""
    [name] = cloud.run(Placement={"AvailabilityZone": "us-east-1a"})
    send = cloud.client("ec2-instance-connect").send_ssh_public_key
    good = {"InstanceId": name, "InstanceOSUser": "ubuntu", "SSHPublicKey": Path(f"{cloud.key}.pub").read_text()}
    codes = [
        refused(send, **good | {"InstanceId": cloud.run_pending()})[0],
        refused(send, **good | {"InstanceId": "i-0123456789abcdef0"})[0],
    ]
    cloud.wait([name], "running")
    codes += [refused(send, **good, AvailabilityZone="us-east-1b")[0]]
    codes += [refused(send, **good | {"SSHPublicKey": "ecdsa-sha2-nistp256 " + 80 * "A"})[0]]
    codes += [refused(send, **good | {"InstanceOSUser": "no user"})[0]]
    assert send(**good, AvailabilityZone="us-east-1a")["Success"]
    cloud.ec2.terminate_instances(InstanceIds=[name])
    cloud.wait([name], "terminated")

    assert [*codes, refused(send, **good)[0]] == [
        "EC2InstanceUnavailableException",
        "EC2InstanceNotFoundException",
        "EC2InstanceNotFoundException",
        "InvalidArgsException",
        "InvalidArgsException",
        "EC2InstanceStateInvalidException",
    ]


def test_image_without_instance_connect_takes_no_key(cloud: Cloud, tmp_path: Path) -> None:
    """Debian's has it not: AWS says that it has sent the key, and the host never sees it."""
    image = cloud.client("ssm").get_parameter(Name=_DEBIAN)["Parameter"]["Value"]
    [name] = cloud.run(ImageId=image)
    [seen] = cloud.wait([name], "running")
    cloud.ssh(seen, "true", user="admin")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "sent")], check=True)
    text = (tmp_path / "sent.pub").read_text()
    send = cloud.client("ec2-instance-connect").send_ssh_public_key

    assert send(InstanceId=name, InstanceOSUser="admin", SSHPublicKey=text)["Success"]
    cloud.key = tmp_path / "sent"
    assert cloud.ssh_once(seen["PublicIpAddress"], "true", user="admin").returncode == 255
