"""Nodes over SSH: entered with the cluster's own keys, strict about theirs, one kept connection each.

Imports asyncssh only when a node is reached.
"""

from __future__ import annotations

from cloudclusters.remote.ssh.access import Access, Opener
from cloudclusters.remote.ssh.flags import SUBSET, Flags, parse_flags
from cloudclusters.remote.ssh.hosts import Hosts
from cloudclusters.remote.ssh.keys import KeyPair, fingerprint, make_key, save_key
from cloudclusters.remote.ssh.known_hosts import KnownHosts
from cloudclusters.remote.ssh.trouble import (
    FINAL,
    ConnectionLost,
    HostKeyRefused,
    LoginRefused,
    NoAnswer,
    NoCommonGround,
    NotReady,
    PortClosed,
)

__all__ = [
    "FINAL",
    "SUBSET",
    "Access",
    "ConnectionLost",
    "Flags",
    "HostKeyRefused",
    "Hosts",
    "KeyPair",
    "KnownHosts",
    "LoginRefused",
    "NoAnswer",
    "NoCommonGround",
    "NotReady",
    "Opener",
    "PortClosed",
    "fingerprint",
    "make_key",
    "parse_flags",
    "save_key",
]
