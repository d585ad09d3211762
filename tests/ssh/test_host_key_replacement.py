"""The one-time host key: it opens a machine once."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from ssh_machine import Sshd

from cloudclusters.errors import NodeError
from cloudclusters.remote.ssh import Access, HostKeyRefused, Hosts, KnownHosts, make_key
from cloudclusters.remote.ssh.keys import bare

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen is installed")


async def admitted(sshd: Sshd, access: Access, one_time: str) -> str:
    """Admit the machine; the key that it shows afterwards."""
    hosts = Hosts("c", access)
    try:
        host = await hosts.admit("node0", sshd.endpoint, one_time, key_path=str(sshd.key_path))
        connection = await host.connection()
        return bare(connection.get_server_host_key().export_public_key().decode())
    finally:
        await hosts.close()


def pinned(access: Access) -> tuple[str, ...]:
    """What is trusted for the machine."""
    return KnownHosts(Path(access.known_hosts)).of("c-node0")


def test_machine_gets_a_key_of_its_own_which_is_pinned(start_sshd, access: Access) -> None:
    """And shows it; the private half never leaves it."""
    sshd = start_sshd()

    shown = asyncio.run(admitted(sshd, access, sshd.host_key.public))

    assert pinned(access) == (shown,)
    assert shown != bare(sshd.host_key.public)
    assert bare((sshd.folder / "host_key.pub").read_text()) == shown
    assert sshd.key_path.stat().st_mode & 0o777 == 0o600


def test_one_time_key_is_refused_from_then_on(start_sshd, access: Access) -> None:
    """Who has read the first-boot text cannot be the machine any more."""
    sshd, thief = start_sshd(), start_sshd()
    asyncio.run(admitted(sshd, access, sshd.host_key.public))

    async def enter() -> None:
        hosts = Hosts("c", access)
        host = await hosts.host("node0", thief.endpoint)
        try:
            await host.connect(timeout=5)
        finally:
            await hosts.close()

    with pytest.raises(HostKeyRefused):
        asyncio.run(enter())


def test_sessions_go_on_while_the_key_is_replaced(start_sshd, access: Access) -> None:
    """Nobody's work ends with it."""
    sshd = start_sshd()

    async def main() -> None:
        hosts, others = Hosts("c", access), Hosts("d", access)
        KnownHosts(Path(access.known_hosts)).pin("d-node0", sshd.host_key.public)
        other = await others.host("node0", sshd.endpoint)
        async with other.process("read line; echo $line") as process:
            await hosts.admit("node0", sshd.endpoint, sshd.host_key.public, key_path=str(sshd.key_path))
            process.stdin.write(b"still here\n")
            assert await process.stdout.readline() == b"still here\n"
        await hosts.close()
        await others.close()

    asyncio.run(main())


def test_admitting_again_changes_nothing(start_sshd, access: Access) -> None:
    """A deploy may be repeated."""
    sshd = start_sshd()

    first = asyncio.run(admitted(sshd, access, sshd.host_key.public))

    assert asyncio.run(admitted(sshd, access, sshd.host_key.public)) == first


def test_replacement_that_broke_off_is_finished(start_sshd, access: Access) -> None:
    """Pinned, and not installed yet: the next call goes on from there."""
    sshd = start_sshd()
    final = make_key()
    (sshd.folder / "host_key.new").write_text(final.private)
    (sshd.folder / "host_key.new.pub").write_text(final.public + "\n")
    KnownHosts(Path(access.known_hosts)).pin("c-node0", final.public)

    assert asyncio.run(admitted(sshd, access, sshd.host_key.public)) == bare(final.public)


def test_machine_with_another_key_is_not_admitted(start_sshd, access: Access) -> None:
    """Exactly the injected key is trusted, and nothing is pinned."""
    sshd = start_sshd()

    with pytest.raises(HostKeyRefused):
        asyncio.run(admitted(sshd, access, make_key().public))
    assert pinned(access) == ()


def test_failure_on_the_machine_is_told(start_sshd, access: Access) -> None:
    """With what it said."""
    sshd = start_sshd()
    sshd.key_path = sshd.folder / "nowhere" / "key"

    with pytest.raises(NodeError, match="could not be replaced"):
        asyncio.run(admitted(sshd, access, sshd.host_key.public))
