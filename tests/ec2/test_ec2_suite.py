"""What holds for every provider holds for `ec2`, on the bed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from bed_client import until

from cloudclusters.base.cloud import Instance, Offer, Place, SshEndpoint
from cloudclusters.provider.ec2.provider import Ec2Provider
from cloudclusters.provider.protocol import Site
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.faults import LOST
from cloudclusters.testing.provider_suite import Disk, ProviderSuite, not_there

pytestmark = pytest.mark.bed


class HostDisk:
    """The disk of a machine, over SSH."""

    def __init__(self, key: Path) -> None:
        self._key = key

    def write(self, instance: Instance, text: str) -> None:
        """Leave a text on the machine."""
        self._run(instance, f"echo {text} > note")

    def read(self, instance: Instance) -> str:
        """Read it again."""
        return self._run(instance, "cat note").strip()

    def _run(self, instance: Instance, command: str) -> str:
        assert isinstance(instance.endpoint, SshEndpoint)
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=2", "BatchMode=yes"]
        flags = [word for option in options for word in ("-o", option)]
        where = f"{instance.endpoint.user}@{instance.endpoint.host}"

        def attempt() -> subprocess.CompletedProcess[str] | None:
            words = ["ssh", "-F", "none", "-q", "-i", str(self._key), *flags, where, command]
            done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            return done if done.returncode != 255 else None

        done = until(attempt)
        assert done is not None
        assert done.returncode == 0, done.stderr
        return done.stdout


class TestEc2(ProviderSuite):
    """The shared suite."""

    marks: ClassVar = {"test_partial_launch": not_there("a launch is all or nothing: MinCount is MaxCount")}
    patience = 20.0

    @pytest.fixture
    def key(self, aws: Bed, ec2, tmp_path: Path) -> Iterator[Path]:
        """A key pair of the user's own."""
        key = tmp_path / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        ec2.import_key_pair(KeyName="suite", PublicKeyMaterial=Path(f"{key}.pub").read_bytes())
        yield key
        aws.faults.clear()
        ec2.delete_key_pair(KeyName="suite")

    @pytest.fixture
    def provider(self, key: Path, open_ec2: Callable[..., Ec2Provider]) -> Ec2Provider:
        """With a key pair of the user's own."""
        return open_ec2(key_name="suite")

    @pytest.fixture
    def offer(self) -> Offer:
        """The smallest that the bed sells."""
        return Offer(provider="ec2", instance_type="t3.micro", place=Place("us-east-1"))

    @pytest.fixture
    def disk(self, key: Path) -> Disk:
        """Over SSH, as the image's user."""
        return HostDisk(key)

    @pytest.fixture
    def reopen(self, provider: Ec2Provider, tmp_path: Path) -> Callable[[], Ec2Provider]:
        """Another process's provider: a session of its own."""
        settings = provider._section
        return lambda: Ec2Provider(Site(home=tmp_path, owner="me@test", settings=settings))

    @pytest.fixture
    def scarce(self, aws: Bed, offer: Offer) -> Callable[[int], None]:
        """So many machines in the whole region."""

        def only(places: int) -> None:
            aws.faults.capacity(offer.instance_type, places)

        return only

    @pytest.fixture
    def unreachable(self, aws: Bed) -> Callable[[bool], None]:
        """Every connection breaks."""

        def change(away: bool) -> None:
            if away:
                aws.faults.error("*", LOST, times=10_000)
            else:
                aws.faults.clear()

        return change

    @pytest.fixture
    def left(self, aws: Bed) -> Callable[[], Collection[str]]:
        """What is not let go of."""

        def names() -> list[str]:
            aws.instances.settle()
            left = aws.left()
            return [*left.instances, *left.security_groups, *left.placement_groups, *left.volumes]

        return names
