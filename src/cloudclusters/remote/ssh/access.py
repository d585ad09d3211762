"""What opens the nodes of a cluster: a key, the host keys, and how connections are made."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh.flags import Flags
from cloudclusters.remote.ssh.known_hosts import KnownHosts
from cloudclusters.remote.ssh.trouble import LoginRefused

if TYPE_CHECKING:
    from asyncssh import SSHClientConnectionOptions, SSHKey

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
"""AES with GCM first: a tunnel of asyncssh is twice as fast with it."""
KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "diffie-hellman-group14-sha256")
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
"""Others than those pinned are let through so far that we can show their fingerprint."""


_WITHOUT_KEY = "restore it from a backup; `cloudclusters terminate` needs no key"


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Files and settings by which a cluster's nodes are entered.

    `user` is for endpoints that name none. A node that is silent for `keepalive` seconds is asked whether it
    is there, and given up after `keepalive_count` questions: late, because what a Dask client holds is lost with its
    connection. A minute without network is survived, with the pause that TCP makes after it. Whether a node is alive is
    asked by other means (`lifecycle.links.ask`), within seconds.
    """

    key_file: str
    known_hosts: str
    user: str = ""
    flags: Flags = Flags()
    connect_timeout: float = 10.0
    keepalive: float = 10.0
    keepalive_count: int = 12


class Opener:
    """An access, with its files read once for all nodes."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.known_hosts = KnownHosts(Path(access.known_hosts))

    def user(self, endpoint: SshEndpoint) -> str:
        """Who logs in there: as the flags say, as the endpoint says, or as the cluster does."""
        return self.access.flags.user or endpoint.user or self.access.user or "root"

    def port(self, endpoint: SshEndpoint) -> int:
        """Where sshd listens there."""
        return self.access.flags.port or endpoint.port

    @functools.cached_property
    def connect_timeout(self) -> float:
        """Seconds that a connection may take to be made."""
        return self.access.flags.connect_timeout or self.access.connect_timeout

    @functools.cached_property
    def options(self) -> SSHClientConnectionOptions:
        """How every connection is made: nothing of the user's own configuration, agent or host keys is used."""
        import asyncssh

        flags, access = self.access.flags, self.access
        chosen: Mapping[str, object] = {"mac_algs": list(flags.macs)} if flags.macs else {}
        try:
            return asyncssh.SSHClientConnectionOptions(
                config=None,
                agent_path=None,
                client_keys=[_private_key(access.key_file)],
                preferred_auth="publickey",
                gss_host=None,
                username="nobody",
                encryption_algs=list(flags.ciphers or CIPHERS),
                kex_algs=list(flags.kex or KEX),
                server_host_key_algs=list(HOST_KEYS),
                compression_algs=["zlib@openssh.com", "none"] if flags.compression else ["none"],
                keepalive_interval=flags.keepalive or access.keepalive,
                keepalive_count_max=flags.keepalive_count or access.keepalive_count,
                **chosen,
            )
        except ValueError as exc:
            raise InvalidSetting(f"sshflags: {exc}") from exc

    @functools.cache  # noqa: B019  lives as long as the cluster is used
    def public_key(self, line: str) -> SSHKey:
        """A host key, parsed once."""
        import asyncssh

        return asyncssh.import_public_key(line)

    def public_keys(self, lines: Sequence[str]) -> list[SSHKey]:
        """Host keys, parsed once."""
        return [self.public_key(line) for line in lines]


def _private_key(path: str) -> SSHKey:
    import asyncssh

    try:
        return asyncssh.read_private_key(path)
    except OSError as exc:
        raise LoginRefused(f"the cluster's key {path} cannot be read: {exc.strerror}", hint=_WITHOUT_KEY) from exc
    except asyncssh.KeyImportError as exc:
        raise LoginRefused(f"the cluster's key {path} is none: {exc}", hint=_WITHOUT_KEY) from exc
