"""Which image machines boot from, and the user that it lets in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudclusters.base.size import GiB
from cloudclusters.errors import RequestRefused
from cloudclusters.provider.ec2.account import Account
from cloudclusters.provider.ec2.settings import Ec2Settings
from cloudclusters.provider.ec2.shapes import Kind, Parameter, Picture, Pictures

_CANONICAL = "/aws/service/canonical/ubuntu/server/{version}/stable/current/{word}/hvm/ebs-{disk}/ami-id"
_WORDS: Mapping[str, str] = {"x86_64": "amd64", "arm64": "arm64"}
PARAMETERS: Mapping[str, str] = {
    "ubuntu-24.04": _CANONICAL.replace("{version}", "24.04").replace("{disk}", "gp3"),
    "ubuntu-22.04": _CANONICAL.replace("{version}", "22.04").replace("{disk}", "gp2"),
    "debian-12": "/aws/service/debian/release/12/latest/{word}",
    "amazon-linux-2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}",
}
"""The public SSM parameters in which their publishers keep the ids of their latest images."""
OWNERS: Mapping[str, str] = {
    "099720109477": "ubuntu",
    "136693071363": "admin",
    "137112412989": "ec2-user",
    "309956199498": "ec2-user",
    "013907871322": "ec2-user",
    "764336703387": "ec2-user",
    "125523088429": "fedora",
    "792107900819": "rocky",
}
"""Login users by publisher: Canonical, Debian, Amazon, Red Hat, SUSE, AlmaLinux, Fedora, Rocky Linux."""
_IN_NAMES: Mapping[str, str] = {
    "ubuntu": "ubuntu",
    "debian": "admin",
    "al2023": "ec2-user",
    "amzn": "ec2-user",
    "amazon linux": "ec2-user",
    "rhel": "ec2-user",
    "suse": "ec2-user",
    "almalinux": "ec2-user",
    "rocky": "rocky",
    "fedora": "fedora",
    "centos": "ec2-user",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image as a launch needs it; `disk_bytes` is the least that its root disk may have."""

    id: str
    user: str
    root_device: str
    disk_bytes: int


def find_image(account: Account, region: str, settings: Ec2Settings, kind: Kind, wanted: str = "") -> Image:
    """The image for a type: the wanted one, or what the settings say. Raises `RequestRefused`."""
    able = kind.processor_info.supported_architectures
    image_id = wanted or settings.imageid or _latest(account, region, settings.image, able)

    def ask() -> Picture:
        found = account.ask(region, "describe_images", Pictures, ImageIds=[image_id]).images
        if not found:
            raise RequestRefused(f"ec2 in {region} has no image {image_id}", hint="correct [ec2] imageid")
        return found[0]

    picture = account.known(("image", region, image_id), ask)
    _check(picture, kind)
    root = [row for row in picture.block_device_mappings if row.device_name == picture.root_device_name]
    return Image(
        id=image_id,
        user=settings.user or login_user(picture),
        root_device=picture.root_device_name,
        disk_bytes=root[0].ebs.volume_size * GiB if root else 0,
    )


def login_user(picture: Picture) -> str:
    """The user that an image lets in, by its publisher or its name. Raises `RequestRefused` where neither tells."""
    if picture.owner_id in OWNERS:
        return OWNERS[picture.owner_id]
    text = f"{picture.name} {picture.description}".lower()
    found = {user for word, user in _IN_NAMES.items() if word in text}
    if len(found) != 1:
        raise RequestRefused(
            f"who logs in on {picture.image_id} ({picture.name or 'without a name'}) cannot be told",
            hint="write [ec2] user = the login name of this image",
        )
    return found.pop()


def _latest(account: Account, region: str, image: str, able: tuple[str, ...]) -> str:
    """The id that the publisher names now; asked once in a process, so that a repeated launch is the same."""
    architecture = next((name for name in _WORDS if name in able), "x86_64")
    path = PARAMETERS.get(image, image).format(word=_WORDS[architecture], architecture=architecture)

    def ask() -> str:
        return account.ask(region, "ssm:get_parameter", Parameter, Name=path).parameter.value

    return account.known(("parameter", region, path), ask)


def _check(picture: Picture, kind: Kind) -> None:
    able = kind.processor_info.supported_architectures
    if picture.architecture not in able:
        raise RequestRefused(
            f"the image {picture.image_id} is for {picture.architecture}; {kind.instance_type} runs {', '.join(able)}",
            hint="correct [ec2] imageid, or leave it out; or choose another instance type",
        )
    if picture.platform.lower() == "windows":
        raise RequestRefused(
            f"the image {picture.image_id} is of Windows", hint="nodes run Linux: correct [ec2] imageid"
        )
