"""What can go wrong on the way to a node, told apart, and where asyncssh's exceptions become ours.

None of these says that a machine is dead: that is the provider's to say.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

from cloudclusters.errors import NodeUnreachable, Remedy


class NoAnswer(NodeUnreachable):
    """Nothing came back: the machine boots, a firewall drops what we send, or the address is nobody's."""


class PortClosed(NodeUnreachable):
    """The machine answers that nothing listens at the port: sshd is not up yet, or listens elsewhere."""


class NotReady(NodeUnreachable):
    """The port takes connections and then says nothing of SSH: sshd is starting, or has too many visitors."""


class ConnectionLost(NodeUnreachable):
    """There was a connection and it broke. The machine may be well, and what runs on it goes on."""


class NoCommonGround(NodeUnreachable):
    """Both speak SSH, and agree on no algorithm or version."""

    remedy = Remedy.FIX


class LoginRefused(NodeUnreachable):
    """The machine does not let this user in with this key."""

    remedy = Remedy.FIX


class HostKeyRefused(NodeUnreachable):
    """The machine's host key is not the one that we trust; `seen` and `trusted` are fingerprints."""

    remedy = Remedy.FIX

    def __init__(self, message: str, *, hint: str = "", seen: str = "", trusted: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.seen = seen
        self.trusted = trusted


FINAL = (LoginRefused, HostKeyRefused, NoCommonGround)
"""Those that waiting does not mend, once a machine has booted."""


def refused_login(where: str, user: str, key_file: str) -> LoginRefused:
    """The user or the key is wrong."""
    return LoginRefused(
        f"{where} does not let the user {user!r} in with the key {key_file}",
        hint="give the image's login user as `user`, or see whether the machine has this cluster's public key",
    )


def refused_host_key(where: str, seen: str, trusted: tuple[str, ...], known_hosts: str) -> HostKeyRefused:
    """The host key is unknown or another one."""
    if not trusted:
        text = f"{where} shows the host key {seen}, and no host key of it is known in {known_hosts}"
    else:
        text = f"{where} shows the host key {seen}, but {' or '.join(trusted)} is the one that is trusted"
    return HostKeyRefused(
        text,
        hint="somebody else may answer at this address: compare with the machine's console output, "
        f"and only then correct its line in {known_hosts}",
        seen=seen,
        trusted=trusted,
    )


def told(exc: BaseException, where: str, *, met: bool) -> NodeUnreachable:
    """Our error for one that asyncssh or the system raised while connecting; `met`: the port was open."""
    import asyncssh

    match exc:
        case TimeoutError() if met:
            return NotReady(f"{where} takes connections, but no SSH server answered in time")
        case TimeoutError():
            return NoAnswer(f"nothing answers at {where}")
        case ConnectionRefusedError():
            return PortClosed(f"nothing listens at {where} (yet)")
        case asyncssh.KeyExchangeFailed() | asyncssh.ProtocolNotSupported() | asyncssh.MACError():
            return NoCommonGround(f"{where} and we have no way of speaking SSH in common: {exc}")
        case asyncssh.ChannelOpenError():
            return _behind_jump(exc, where)
        case asyncssh.DisconnectError() | ConnectionError():
            return NotReady(f"{where} closed the connection before anybody could log in: {exc or 'no reason given'}")
        case socket.gaierror():
            return NoAnswer(f"no address is known for {where}: {exc.strerror}")
        case OSError():
            return NoAnswer(f"{where} cannot be reached: {os.strerror(exc.errno) if exc.errno else exc}")
        case _:
            return NodeUnreachable(f"{where}: {exc}")


def _behind_jump(exc: BaseException, where: str) -> NodeUnreachable:
    text = str(exc)
    if "refused" in text.lower():
        return PortClosed(f"nothing listens at {where} (yet), says the node that leads there")
    return NoAnswer(f"the node that leads to {where} does not reach it: {text}")


@contextlib.contextmanager
def lost(where: str) -> Iterator[None]:
    """While a connection is used, its end is `ConnectionLost`."""
    import asyncssh

    try:
        yield
    except (asyncssh.DisconnectError, asyncssh.ChannelOpenError, ConnectionError) as exc:
        raise ConnectionLost(f"the connection to {where} was lost: {exc or 'no reason given'}") from exc
