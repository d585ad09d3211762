"""The cluster's file for plain `ssh -F FILE NAME-node0`, `scp` and editors: one `Host` block for each node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh.access import Access, Opener
from cloudclusters.remote.ssh.known_hosts import write_file

_OTHERS = re.compile(r"[\s\"*?!,]")
"""What would end a word there, begin another line, or mean other hosts than ours."""


def ssh_config(cluster: str, endpoints: Mapping[str, SshEndpoint], access: Access, *, name: str = "") -> str:
    """The text for a cluster's nodes, by their names; it says nothing of any other host.

    Each is found as `HANDLE-node0`, and as `NAME-node0` when the cluster has a name.
    """
    opener = Opener(access)
    return "\n".join(_block(cluster, name, node, endpoint, opener) for node, endpoint in endpoints.items())


def write_ssh_config(
    path: Path, cluster: str, endpoints: Mapping[str, SshEndpoint], access: Access, *, name: str = ""
) -> None:
    """Write the file in one step; nobody else may read it."""
    write_file(path, ssh_config(cluster, endpoints, access, name=name))


def _block(cluster: str, name: str, node: str, endpoint: SshEndpoint, opener: Opener) -> str:
    access, flags, alias = opener.access, opener.access.flags, f"{cluster}-{node}"
    for word in (alias, name, endpoint.jump, endpoint.host, opener.user(endpoint)):
        if _OTHERS.search(word):
            raise InvalidSetting(f"{word!r} cannot stand in a configuration of ssh", hint="use letters and digits")
    options = {
        "HostName": endpoint.host,
        "Port": str(opener.port(endpoint)),
        "User": opener.user(endpoint),
        "IdentityFile": _path(access.key_file),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": _path(access.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "HostKeyAlias": alias,
        "StrictHostKeyChecking": "yes",
        "ProxyJump": f"{cluster}-{endpoint.jump}" if endpoint.jump else "none",
        "ForwardAgent": "no",
        "ConnectTimeout": f"{max(1, round(opener.connect_timeout))}",
        "ServerAliveInterval": f"{max(1, round(flags.keepalive or access.keepalive))}",
        "ServerAliveCountMax": f"{flags.keepalive_count or access.keepalive_count}",
        # OpenSSH's own first choice costs eight times the processor time of this one.
        "KexAlgorithms": ",".join(flags.kex) or "^curve25519-sha256",
        "Ciphers": ",".join(flags.ciphers),
        "MACs": ",".join(flags.macs),
        "Compression": "yes" if flags.compression else "",
    }
    names = f"{alias} {name}-{node}" if name else alias
    return f"Host {names}\n" + "".join(f"  {name} {value}\n" for name, value in options.items() if value)


def _path(path: str) -> str:
    """A path as `ssh` reads it: quoted, and without what it would expand."""
    if any(char in path for char in '"\n'):
        raise InvalidSetting(f"{path!r} cannot stand in a configuration of ssh", hint="choose a plainer directory")
    return f'"{path.replace("%", "%%")}"'
