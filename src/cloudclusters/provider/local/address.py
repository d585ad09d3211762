"""A loopback address for each node, so that every node has every port."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import socket
from collections.abc import Collection, Iterator
from pathlib import Path

from cloudclusters.errors import NoCapacity, NotSupported

PROBED_PORT = 8786
"""The port that the usual engine needs; an address where somebody else has it is passed over."""
_PROBES = 64
"""Addresses tried before giving up on a free port: who listens on all addresses has it everywhere."""


def pick(home: Path, network: str, taken: Collection[str]) -> str:
    """A loopback address that no node of ours has and where the engine's port is free.

    Raises `NoCapacity` when all are taken and `NotSupported` where Linux' loopback network is missing.
    """
    fallback = ""
    probes = 0
    for address in _candidates(home, network):
        if address in taken:
            continue
        if is_free(address):
            return address
        fallback = fallback or address
        probes += 1
        if probes == _PROBES:
            break
    if not fallback:
        raise NoCapacity(f"all {len(taken)} addresses of the loopback network are taken", hint="terminate clusters")
    return fallback  # an engine that needs the port says so itself; others do not care


def is_free(address: str) -> bool:
    """Whether the engine's port can be bound at this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, PROBED_PORT))
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise NotSupported(
                f"this machine does not answer at {address}: {exc.strerror}",
                hint="the provider `local` needs the whole network 127.0.0.0/8, as Linux has it",
            ) from exc
    return True


def _candidates(home: Path, network: str) -> Iterator[str]:
    """Addresses in the order in which we want them.

    They begin anywhere, so that an address is not soon given to another cluster. Without a `network` they
    depend on user and home, so that two users rarely meet.
    """
    import ipaddress

    if not network:
        seed = hashlib.sha256(f"{os.getuid()}:{home}".encode()).digest()
        network = f"127.{64 + seed[0] % 191}.{seed[1]}.0/24"
    block = ipaddress.IPv4Network(network)
    last = block.num_addresses - 2  # neither the first, which is the network, nor the last
    start = secrets.randbelow(last)
    for offset in range(last):
        yield str(block[1 + (start + offset) % last])
