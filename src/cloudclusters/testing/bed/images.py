"""The public machine images of the simulated cloud, and the SSM parameters under which their publishers name them.

They stand in place of moto's, which are of 2017 or have no parameter. An id is the same in every run, and another one
in every region, as on EC2.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest import mock

from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict

_MADE = datetime(2026, 9, 30, tzinfo=UTC)
_PREFIXES = tuple(
    f"/aws/service/{name}" for name in ("canonical", "debian", "ami-amazon-linux-latest", "ami-windows-latest")
)
"""Parameters that are told from the images here; all others are moto's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicImage:
    """One image as its publisher makes it in every region."""

    name: str
    owner: str
    architecture: str
    root_device: str
    parameters: Sequence[str]
    """The SSM parameters whose value is its id."""
    size: int = 8
    """GiB of its snapshot; no root volume may be smaller."""
    volume_type: str = "gp3"
    user: str = "ec2-user"
    instance_connect: bool = True
    """It comes with what EC2 Instance Connect needs on a host."""
    platform: str | None = None
    """`windows`, or nothing."""

    def id(self, region: str) -> str:
        """Its id in a region."""
        return "ami-0" + hashlib.sha256(f"{region} {self.name}".encode()).hexdigest()[:16]


def _ubuntu() -> Iterator[PublicImage]:
    for version, code in (("22.04", "jammy"), ("24.04", "noble")):
        for word, architecture in (("amd64", "x86_64"), ("arm64", "arm64")):
            for disk, folder in (("gp2", "hvm-ssd"), ("gp3", "hvm-ssd-gp3")):
                yield PublicImage(
                    name=f"ubuntu/images/{folder}/ubuntu-{code}-{version}-{word}-server-20260915",
                    owner="099720109477",
                    architecture=architecture,
                    root_device="/dev/sda1",
                    parameters=(
                        f"/aws/service/canonical/ubuntu/server/{version}/stable/current/{word}/hvm/ebs-{disk}/ami-id",
                    ),
                    volume_type=disk,
                    user="ubuntu",
                )


def _debian() -> Iterator[PublicImage]:
    for word, architecture in (("amd64", "x86_64"), ("arm64", "arm64")):
        yield PublicImage(
            name=f"debian-12-{word}-20260910-2231",
            owner="136693071363",
            architecture=architecture,
            root_device="/dev/xvda",
            parameters=(f"/aws/service/debian/release/12/latest/{word}",),
            user="admin",
            instance_connect=False,
        )


def _amazon() -> Iterator[PublicImage]:
    for architecture in ("x86_64", "arm64"):
        kernels = ("default", "6.1")
        names = [f"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-{k}-{architecture}" for k in kernels]
        yield PublicImage(
            name=f"al2023-ami-2023.12.20260930.0-kernel-6.1-{architecture}",
            owner="137112412989",
            architecture=architecture,
            root_device="/dev/xvda",
            parameters=names,
        )
    name = "Windows_Server-2022-English-Full-Base"
    yield PublicImage(
        name=f"{name}-2026.09.10",
        owner="801119661308",
        architecture="x86_64",
        root_device="/dev/sda1",
        parameters=(f"/aws/service/ami-windows-latest/{name}",),
        size=30,
        user="Administrator",
        platform="windows",
    )


IMAGES: Sequence[PublicImage] = (*_ubuntu(), *_debian(), *_amazon())
"""Ubuntu 22.04 and 24.04, Debian 12, Amazon Linux 2023, and one Windows that no host can be."""


class _Image(Ami):  # type: ignore[misc]  # moto is untyped here
    """An image of moto's with the disk of its publisher."""

    def __init__(self, backend: EC2Backend, image: PublicImage) -> None:
        self.public_image = image
        super().__init__(
            backend,
            image.id(str(backend.region_name)),
            name=image.name,
            description=image.name,
            owner_id=image.owner,
            owner_alias="amazon",
            public=True,
            virtualization_type="hvm",
            architecture=image.architecture,
            creation_date=_MADE,
            platform=image.platform,
            image_location=f"amazon/{image.name}",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=image.root_device,
            boot_mode="uefi" if image.architecture == "arm64" else "uefi-preferred",
        )
        self.ena_support = True
        self.platform_details = "Windows" if image.platform else "Linux/UNIX"

    @property
    def block_device_mappings(self) -> list[dict[str, object]]:
        """Its one disk."""
        image = self.public_image
        ebs = {"SnapshotId": self.ebs_snapshot.id, "VolumeSize": image.size, "VolumeType": image.volume_type}
        return [{"DeviceName": image.root_device, "Ebs": {**ebs, "DeleteOnTermination": True, "Encrypted": False}}]


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """Let moto know these images, and no others, in backends that begin or are reset as long as the block lasts."""
    with (
        mock.patch.object(AmiBackend, "_load_amis", _load_images),
        mock.patch.object(ParameterDict, "_check_loading_status", _load_parameters),
    ):
        yield


def login_user(image: object) -> str:
    """The login user of an image of moto's; that of Amazon Linux for one that a caller has made."""
    return image.public_image.user if isinstance(image, _Image) else "ec2-user"


def has_instance_connect(image: object) -> bool:
    """Whether keys of EC2 Instance Connect open hosts of this image; not for one that a caller has made."""
    return isinstance(image, _Image) and image.public_image.instance_connect


def smallest_disk(image: object) -> tuple[str, int]:
    """The image's root device, and the GiB that its volume needs at least; 0 for one that a caller has made."""
    known = image.public_image if isinstance(image, _Image) else None
    return (known.root_device, known.size) if known else ("", 0)


def _load_images(backend: EC2Backend) -> None:
    for image in IMAGES:
        made = _Image(backend, image)
        backend.amis[made.id] = made


_check_loading_status = ParameterDict._check_loading_status


def _load_parameters(parameters: ParameterDict, name: str) -> None:
    if not str(name).startswith(_PREFIXES):
        _check_loading_status(parameters, name)
        return
    region = str(parameters.region_name)
    values = {parameter: image.id(region) for image in IMAGES for parameter in image.parameters}
    for parameter, value in values.items():
        key = parameters.normalize_name(parameter)
        if not dict.__contains__(parameters, key):
            dict.__setitem__(parameters, key, [_parameter(parameters, parameter, value)])


def _parameter(parameters: ParameterDict, name: str, value: str) -> Parameter:
    return Parameter(
        account_id=parameters.account_id,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=_MADE.timestamp(),
        version=1,
        data_type="aws:ec2:image",
    )
