"""Making one SSH connection: strict about the host key, and ready for tunnels."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import asyncssh

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import NodeUnreachable
from cloudclusters.remote.ssh.access import Opener
from cloudclusters.remote.ssh.keys import fingerprint
from cloudclusters.remote.ssh.trouble import NotReady, lost, refused_host_key, refused_login, told

if TYPE_CHECKING:
    from cloudclusters.remote.ssh.host import Host

RETRY = 12
"""Not fewer: Linux gives up after 15 tries, whatever its time limit is, and that must take two minutes."""
_TCP_RTO_MAX_MS = 44
"""Of `linux/tcp.h`; Python has no name for it yet."""
HOME = 'printf "%s\\n" "$HOME"'


class _Client(asyncssh.SSHClient):  # type: ignore[misc]  # asyncssh is not followed by the type checker
    """Remembers what asyncssh's own exceptions do not tell."""

    def __init__(self) -> None:
        self.met = False
        """Whether the port was open."""
        self.seen = ""
        """The host key that was refused."""

    def connection_made(self, _conn: asyncssh.SSHClientConnection) -> None:
        self.met = True

    def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey) -> bool:
        """Asked for keys that are not trusted only: they are shown, and never taken."""
        self.seen = key.export_public_key().decode()
        return False


async def dial(host: Host, through: asyncssh.SSHClientConnection | None) -> tuple[asyncssh.SSHClientConnection, str]:
    """Connect and log in; also returns the login directory. Raises `NodeUnreachable`, by what went wrong."""
    connection = await _login(host, through)
    _retransmit_often(connection)
    try:
        async with asyncio.timeout(host.opener.connect_timeout):
            with lost(host.where):
                # Not only for its answer: sshd turns Nagle's algorithm off when a session begins. On a connection
                # that only forwards, every message of 60 kB waits 40 ms.
                answer = await connection.run(HOME, encoding="utf-8", errors="replace")
    except TimeoutError as exc:
        connection.abort()
        raise NotReady(f"{host.where} lets us in, but runs no command") from exc
    except BaseException:
        connection.abort()
        raise
    lines = [line for line in str(answer.stdout or "").splitlines() if line.startswith("/")]
    if answer.returncode or not lines:
        connection.abort()
        said = f"{answer.stdout or ''}{answer.stderr or ''}".strip()
        raise NotReady(f"{host.where} lets us in, but its shell does not do as told: {said}")
    return connection, lines[-1]


def _retransmit_often(connection: asyncssh.SSHClientConnection) -> None:
    """Let TCP try again every `RETRY` seconds at least while the network is away, where the system can (Linux 6.15).

    By itself it doubles the pause each time, and a minute without network becomes almost two.
    """
    held = connection.get_extra_info("socket")
    if held is not None and sys.platform == "linux":
        with contextlib.suppress(OSError):
            held.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, RETRY * 1000)


async def shown_key(where: str, endpoint: SshEndpoint, opener: Opener) -> str:
    """The host key that a machine shows (the public line), which is trusted for nothing yet; sends nothing.

    Raises `NodeUnreachable`, by what went wrong.
    """
    try:
        async with asyncio.timeout(opener.connect_timeout):
            key = await asyncssh.get_server_host_key(
                endpoint.host, opener.port(endpoint), server_host_key_algs=["ssh-ed25519"], config=None
            )
    except (asyncssh.Error, OSError, TimeoutError) as exc:
        raise told(exc, where, met=False) from exc
    if key is None:
        raise NotReady(f"{where} shows no host key that we understand")
    return str(key.export_public_key().decode())


async def _login(host: Host, through: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
    opener, client, trusted = host.opener, _Client(), host.trusted
    user = opener.user(host.endpoint)
    try:
        return await asyncssh.connect(
            host.endpoint.host,
            opener.port(host.endpoint),
            options=opener.options,
            tunnel=through,
            username=user,
            known_hosts=(opener.public_keys(trusted), [], []),
            client_factory=lambda: client,
            connect_timeout=opener.connect_timeout,
            login_timeout=opener.connect_timeout,
        )
    except asyncssh.HostKeyNotVerifiable as exc:
        seen = fingerprint(client.seen) if client.seen else "none that we understand"
        marks = tuple(fingerprint(key) for key in trusted)
        raise refused_host_key(host.where, seen, marks, opener.access.known_hosts) from exc
    except asyncssh.PermissionDenied as exc:
        raise refused_login(host.where, user, opener.access.key_file) from exc
    except NodeUnreachable:
        raise
    except (asyncssh.Error, OSError) as exc:
        raise told(exc, host.where, met=client.met) from exc
