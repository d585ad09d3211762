"""What the section `[ec2]` of the configuration may say, for a cluster or for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloudclusters.base.limits import OFF, parse_money
from cloudclusters.errors import InvalidSetting

AUTOMATIC = "automatic"
NONE = "none"
DEFAULT_CALLER = "https://checkip.amazonaws.com"
DEFAULT_IMAGE = "ubuntu-24.04"
IMAGES = (DEFAULT_IMAGE, "ubuntu-22.04", "debian-12", "amazon-linux-2023")
_LOCAL = ("http://127.0.0.1", "http://localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2Settings:
    """The settings of one holding; empty texts mean that we choose."""

    region: str = ""
    zone: str = ""
    profile: str = ""
    imageid: str = ""
    image: str = DEFAULT_IMAGE
    user: str = ""
    subnet_id: str = ""
    security_groups: tuple[str, ...] = ()
    placement_group: str = AUTOMATIC
    key_name: str = ""
    instance_profile: str = ""
    max_price: str = ""
    public_address: bool = True
    caller_address: str = DEFAULT_CALLER
    sweep_regions: tuple[str, ...] = ()


def read(section: Mapping[str, str]) -> Ec2Settings:
    """The settings of a section; keys of other floors in it are not ours. Raises `InvalidSetting`."""
    said = {key: value.strip() for key, value in section.items() if value.strip()}
    groups = said.get("security_group_id", AUTOMATIC)
    subnet = said.get("subnet_id", AUTOMATIC)
    return Ec2Settings(
        region=said.get("region", ""),
        zone=said.get("zone", ""),
        profile=said.get("profile", ""),
        imageid=_like(said, "imageid", r"ami-[0-9a-f]+", "ami-0123456789abcdef0"),
        image=_image(said.get("image", DEFAULT_IMAGE)),
        user=_like(said, "user", r"[a-z_][a-z0-9_.-]*", "ubuntu"),
        subnet_id="" if subnet == AUTOMATIC else _like(said, "subnet_id", r"subnet-[0-9a-f]+", "subnet-0123abcd"),
        security_groups=() if groups == AUTOMATIC else _groups(groups),
        placement_group=said.get("placement_group", AUTOMATIC),
        key_name=said.get("key_name", ""),
        instance_profile=said.get("instance_profile", ""),
        max_price=_price(said.get("max_price", "")),
        public_address=_flag("public_address", said.get("public_address", "true")),
        caller_address=_caller(said.get("caller_address", DEFAULT_CALLER)),
        sweep_regions=tuple(_regions(said.get("sweep_regions", ""))),
    )


def wrong(key: str, value: str, instead: str) -> InvalidSetting:
    """The error for a value that cannot be meant."""
    return InvalidSetting(f"[ec2] {key} is {value!r}", hint=f"write {instead}")


def _like(said: Mapping[str, str], key: str, pattern: str, example: str) -> str:
    value = said.get(key, "")
    if value and re.fullmatch(pattern, value) is None:
        raise wrong(key, value, f"something like {example!r}")
    return value


def _groups(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if any(re.fullmatch(r"sg-[0-9a-f]+", name) is None for name in found):
        raise wrong("security_group_id", text, "ids such as 'sg-0123abcd' with spaces between, or 'automatic'")
    return found


def _image(text: str) -> str:
    if text not in IMAGES and not text.startswith("/"):
        raise wrong("image", text, f"one of {', '.join(IMAGES)}, or the path of an SSM parameter")
    return text


def _price(text: str) -> str:
    """A price as AWS takes it; empty for none."""
    try:
        found = parse_money(text or OFF)
    except ValueError as exc:
        raise wrong("max_price", text, "a price in USD per hour, such as '0.25', or 'off'") from exc
    return "" if found is None else f"{found:.10f}".rstrip("0").rstrip(".")


def _flag(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise wrong(key, text, "true or false")
    return text.lower() == "true"


def _caller(text: str) -> str:
    import ipaddress

    if text.startswith("https://") or (text.startswith("!") and text[1:].strip()) or text.startswith(_LOCAL):
        return text
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as exc:
        instead = "an address, a block such as 198.51.100.0/24, an https:// URL, or !COMMAND"
        raise wrong("caller_address", text, instead) from exc


def _regions(text: str) -> list[str]:
    found = text.replace(",", " ").split()
    if any(re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d+", name) is None for name in found):
        raise wrong("sweep_regions", text, "names of regions with spaces between, such as 'us-east-1 eu-west-1'")
    return found
