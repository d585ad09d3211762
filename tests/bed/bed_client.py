"""A client of the bed as a user has one: boto3, and the `ssh` of the system."""

from __future__ import annotations

import functools
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import boto3
from botocore.config import Config

from cloudclusters.testing.bed import Bed

T = TypeVar("T")


class Cloud:
    """EC2 through the official SDK, with a key, a group that opens SSH to the client, and an image."""

    def __init__(self, bed: Bed, folder: Path, *, retries: int = 1) -> None:
        self.bed, self.key = bed, folder / "key"
        self.ec2 = self.client("ec2", retries=retries)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self.ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=Path(f"{self.key}.pub").read_bytes())
        self.group = self.ec2.create_security_group(GroupName="mine", Description="of the test")["GroupId"]
        self.allow(22, cidr=f"{bed.client_address}/32")
        found = self.ec2.describe_images(Filters=[{"Name": "name", "Values": ["ubuntu*"]}])["Images"]
        self.image = found[0]["ImageId"]

    def client(self, service: str, *, region: str | None = None, retries: int = 1, connect_timeout: float = 60):
        """Another client."""
        names = self.bed.environment()
        return _client(names["AWS_ENDPOINT_URL"], service, region or names["AWS_REGION"], retries, connect_timeout)

    def allow(self, port: int, *, cidr: str | None = None, group: str | None = None) -> None:
        """Open a port of the group."""
        source = {"IpRanges": [{"CidrIp": cidr}]} if cidr else {"UserIdGroupPairs": [{"GroupId": group}]}
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[rule])

    def run(self, count: int = 1, **more) -> list[str]:
        """Launch instances; their ids."""
        request = {"ImageId": self.image, "InstanceType": "t3.xlarge", "KeyName": "mine", "MinCount": count}
        request |= {"MaxCount": count, "SecurityGroupIds": [self.group], **more}
        return [instance["InstanceId"] for instance in self.ec2.run_instances(**request)["Instances"]]

    def run_pending(self, **more) -> str:
        """Launch one instance that is pending for longer than any test lasts; its id."""
        instances = self.bed.instances
        before, instances.pending_delay = instances.pending_delay, 3600
        try:
            return self.run(**more)[0]
        finally:
            instances.pending_delay = before

    def look(self, instance: str) -> dict:
        """One instance as described now."""
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def wait(self, instances: Sequence[str], state: str) -> list[dict]:
        """Look until all are in a state."""
        return [
            until(lambda name=name: (seen := self.look(name))["State"]["Name"] == state and seen) for name in instances
        ]

    def ssh(self, instance: dict, command: str, *, user: str = "ubuntu") -> subprocess.CompletedProcess[str]:
        """Run a command over SSH; tries until sshd answers."""
        return until(
            lambda: (done := self.ssh_once(instance["PublicIpAddress"], command, user=user)).returncode != 255 and done
        )

    def is_silent(self, address: str) -> bool:
        """Whether nobody lets us in at an address; a second is time enough for that."""
        return self.ssh_once(address, "true", patience=1).returncode == 255

    def ssh_once(
        self, address: str, command: str, *, user: str = "ubuntu", patience: int = 5
    ) -> subprocess.CompletedProcess[str]:
        """Run a command over SSH, or fail to."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", f"ConnectTimeout={patience}"]
        options.append("BatchMode=yes")
        flags = [word for option in options for word in ("-o", option)]
        return subprocess.run(
            ["ssh", "-F", "none", "-q", "-i", str(self.key), *flags, f"{user}@{address}", command],
            capture_output=True,
            text=True,
            check=False,
            timeout=15,
            stdin=subprocess.DEVNULL,
        )


@functools.cache
def _client(endpoint: str, service: str, region: str, retries: int, connect_timeout: float):
    """A client of the SDK; to make one of EC2 takes long, and all tests have the same cloud."""
    names = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "only-for-the-test-bed"}
    config = Config(
        retries={"total_max_attempts": retries, "mode": "standard"}, connect_timeout=connect_timeout, read_timeout=20
    )
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config, **names)


def until(look: Callable[[], T], *, seconds: float = 15.0) -> T:
    """Look until the answer is true."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "it did not come so"
        time.sleep(0.03)
    return seen
