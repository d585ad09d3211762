"""The first contact with a machine: its one-time host key opens the door once, and is replaced behind us.

The one-time key came to the machine by its first-boot text, which others may read. So nothing is sent before
the machine has made a key of its own, shows it, and we have pinned it; the one-time key is then refused for good.
"""

from __future__ import annotations

import posixpath
import shlex

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.base.waiting import Clock, Pace, SystemClock, wait_until
from cloudclusters.errors import NodeError, NodeUnreachable, WaitTimeout
from cloudclusters.remote.ssh.access import Opener
from cloudclusters.remote.ssh.host import Host
from cloudclusters.remote.ssh.keys import bare
from cloudclusters.remote.ssh.onnode import shell_program

KEY = "/etc/ssh/ssh_host_ed25519_key"
_PACE = Pace(first=0.01, most=0.5)


async def replace_host_key(
    alias: str,
    endpoint: SshEndpoint,
    opener: Opener,
    one_time: str,
    *,
    jump: Host | None = None,
    key_path: str = KEY,
    timeout: float = 30.0,
) -> Host:
    """Enter a machine by its one-time host key, have it make the final one, pin that, and return its host.

    May be repeated after a failure at any point, and does nothing when the pinned key is shown already. Needs
    root there, or `sudo` without a password. Raises `HostKeyRefused` for any other key, `NodeError`.
    """
    pinned = opener.known_hosts.of(alias)
    first = Host(alias, endpoint, opener, jump=jump, trust=[bare(one_time), *pinned])
    try:
        connection = await first.connection()
        shown = connection.get_server_host_key().export_public_key().decode()
        if bare(shown) not in pinned:
            final = await _script(first, "staging", key_path)
            # Pinned before it is installed: if we die in between, both are known and the next call goes on.
            opener.known_hosts.pin(alias, final)
            await _script(first, "install", key_path)
        return await _prove(Host(alias, endpoint, opener, jump=jump), timeout)
    finally:
        await first.close()


async def _script(host: Host, name: str, key_path: str) -> str:
    line = shlex.join(["sh", "-c", shell_program(name), name, key_path])
    folder = shlex.quote(posixpath.dirname(key_path))
    done = await host.run(f"if test -w {folder}; then exec {line}; else exec sudo -n {line}; fi")
    if done.code != 0:
        raise NodeError(
            f"{host.where}: its host key could not be replaced: {done.err.decode(errors='replace').strip()}",
            hint="the login user must be root, or have sudo without a password",
        )
    return done.out.decode().strip()


async def _prove(host: Host, timeout: float, clock: Clock | None = None) -> Host:
    """Wait until the machine shows the final key, and nothing else is taken for it."""
    last: NodeUnreachable | None = None

    async def look() -> bool:
        nonlocal last
        try:
            await host.connection()
        except NodeUnreachable as exc:
            last = exc
            return False
        return True

    try:
        await wait_until(look, bool, clock=clock or SystemClock(), timeout=timeout, pace=_PACE)
    except WaitTimeout:
        await host.close()
        raise last or NodeUnreachable(f"{host.where} does not answer with its final host key") from None
    except BaseException:
        await host.close()
        raise
    return host
