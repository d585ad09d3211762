"""What the section `[local]` of the configuration may say to this provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudclusters.errors import InvalidSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The loopback network of the nodes; empty is one of our own choice."""

    network: str = ""


def read(section: Mapping[str, str]) -> LocalSettings:
    """The settings of a section; keys of other floors in it are not ours. Raises `InvalidSetting`."""
    network = section.get("network", "")
    if network:
        check_network(network)
    return LocalSettings(network=network)


def check_network(network: str) -> None:
    """Raise `InvalidSetting` unless this is a loopback network with room for some nodes."""
    import ipaddress

    hint = "write a part of 127.0.0.0/8 of at least 16 addresses, such as 127.93.0.0/16"
    try:
        block = ipaddress.IPv4Network(network)
    except ValueError as exc:
        raise InvalidSetting(f"[local] network is {network!r}: {exc}", hint=hint) from exc
    if not block.subnet_of(ipaddress.IPv4Network("127.0.0.0/8")) or block.num_addresses < 16:
        raise InvalidSetting(f"[local] network is {network!r}", hint=hint)
