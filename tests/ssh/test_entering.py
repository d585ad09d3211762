"""Entering a machine over SSH: strict about keys, and exact about what went wrong."""

from __future__ import annotations

import asyncio
import getpass
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from ssh_relay import Relay

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import NodeUnreachable
from cloudclusters.remote.ssh import (
    Access,
    ConnectionLost,
    HostKeyRefused,
    Hosts,
    KnownHosts,
    LoginRefused,
    NoAnswer,
    NoCommonGround,
    NotReady,
    PortClosed,
    fingerprint,
    make_key,
    parse_flags,
    save_key,
)
from cloudclusters.remote.ssh.access import KEX
from cloudclusters.remote.ssh.host import Host


async def enter(access: Access, endpoint: SshEndpoint, *, timeout: float = 5.0) -> None:
    """Connect once."""
    hosts = Hosts("c", access)
    try:
        await (await hosts.host("node0", endpoint)).connect(timeout=timeout)
    finally:
        await hosts.close()


def trouble(access: Access, endpoint: SshEndpoint, *, timeout: float = 5.0) -> NodeUnreachable:
    """What entering fails with."""
    with pytest.raises(NodeUnreachable) as caught:
        asyncio.run(enter(access, endpoint, timeout=timeout))
    return caught.value


def test_commands_run_with_their_output_and_exit_code(site) -> None:
    """Standard input arrives, and both outputs come back."""

    async def test(host: Host) -> None:
        done = await host.run("cat; echo err >&2; exit 3", stdin=b"in\0")
        assert (done.code, done.out, done.err) == (3, b"in\0", b"err\n")

    site.play(test)


def test_command_killed_by_a_signal_has_a_negative_code(site) -> None:
    """As everywhere in the package."""

    async def test(host: Host) -> None:
        assert (await host.run("kill -9 $$")).code == -9

    site.play(test)


def test_all_uses_share_one_connection(site) -> None:
    """Also those that begin at the same time."""

    async def test(host: Host) -> None:
        await asyncio.gather(*(host.run("true") for _ in range(20)))
        assert len(site.sshd.sessions()) == 1

    site.play(test)


def test_unknown_host_key_is_refused(start_sshd, access: Access) -> None:
    """Nothing is taken on trust: the message shows what was seen and where it would have to be known."""
    sshd = start_sshd()

    exc = trouble(access, sshd.endpoint)

    assert isinstance(exc, HostKeyRefused)
    assert exc.seen == fingerprint(sshd.host_key.public)
    assert exc.seen in exc.message
    assert access.known_hosts in exc.message


def test_wrong_host_key_is_refused_with_both_fingerprints(start_sshd, access: Access) -> None:
    """The user can compare them with what the cloud's console says."""
    sshd, other = start_sshd(), make_key()
    KnownHosts(Path(access.known_hosts)).pin("c-node0", other.public)

    exc = trouble(access, sshd.endpoint)

    assert isinstance(exc, HostKeyRefused)
    assert fingerprint(sshd.host_key.public) in exc.message
    assert fingerprint(other.public) in exc.message
    assert "console" in exc.hint


def test_key_pinned_for_one_node_does_not_open_another(start_sshd, access: Access) -> None:
    """Pins belong to nodes."""
    sshd = start_sshd()
    KnownHosts(Path(access.known_hosts)).pin("c-node1", sshd.host_key.public)

    assert isinstance(trouble(access, sshd.endpoint), HostKeyRefused)


def test_wrong_user_is_told(site) -> None:
    """With the user and the key."""
    exc = trouble(site.access, msgspec.structs.replace(site.sshd.endpoint, user="nosuchuser"))

    assert isinstance(exc, LoginRefused)
    assert "'nosuchuser'" in exc.message


def test_wrong_key_is_told(site, tmp_path: Path) -> None:
    """A key that the machine does not know opens nothing, whatever keys the user has elsewhere."""
    save_key(make_key(), tmp_path / "other")

    exc = trouble(msgspec.structs.replace(site.access, key_file=str(tmp_path / "other")), site.sshd.endpoint)

    assert isinstance(exc, LoginRefused)
    assert str(tmp_path / "other") in exc.message


@pytest.mark.parametrize("content", [None, "rubbish"])
def test_unusable_key_file_is_told_as_no_way_in(site, tmp_path: Path, content: str | None) -> None:
    """Missing or no key: the node cannot be reached, so that `terminate` goes on without it."""
    if content:
        (tmp_path / "key").write_text(content)
    access = msgspec.structs.replace(site.access, key_file=str(tmp_path / "key"))

    with pytest.raises(LoginRefused, match="the cluster's key"):
        asyncio.run(enter(access, site.sshd.endpoint))


def test_closed_port_is_told(site) -> None:
    """The machine answers, and nobody listens."""
    site.sshd.stop()

    assert isinstance(trouble(site.access, site.sshd.endpoint), PortClosed)


def test_port_that_says_nothing_is_not_ready(access: Access) -> None:
    """It takes connections only."""

    async def listen_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(listen_only, "127.0.0.1", 0)
        async with server:
            await enter(
                msgspec.structs.replace(access, connect_timeout=0.2),
                SshEndpoint("127.0.0.1", server.sockets[0].getsockname()[1], "u"),
            )

    with pytest.raises(NotReady, match="no SSH server answered"):
        asyncio.run(main())


def test_port_that_hangs_up_is_not_ready(access: Access) -> None:
    """As an sshd with too many visitors does."""

    async def main() -> None:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        async with server:
            await enter(access, SshEndpoint("127.0.0.1", server.sockets[0].getsockname()[1], "u"))

    with pytest.raises(NotReady, match="closed the connection"):
        asyncio.run(main())


def test_silence_is_told_as_such(access: Access) -> None:
    """A full queue answers as little as a machine that boots."""

    async def main() -> None:
        import socket

        with socket.socket() as full, socket.socket() as visitor, socket.socket() as another:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for sock in (visitor, another):
                sock.setblocking(False)
                sock.connect_ex(full.getsockname())
            await enter(
                msgspec.structs.replace(access, connect_timeout=0.2),
                SshEndpoint("127.0.0.1", full.getsockname()[1], "u"),
            )

    with pytest.raises(NoAnswer):
        asyncio.run(main())


def test_name_without_address_is_told(access: Access) -> None:
    """Not a bug of ours."""
    assert isinstance(trouble(access, SshEndpoint("no-such-host.invalid", 22, "u")), NoAnswer)


def test_no_cipher_in_common_is_told(site) -> None:
    """It will not be better later. sshd finds out, too, and may have hung up before its own offer is read."""
    site.sshd.stop()
    with site.sshd.config.open("a") as file:
        file.write("Ciphers chacha20-poly1305@openssh.com\n")
    site.sshd.start()
    access = msgspec.structs.replace(site.access, flags=parse_flags("-c aes256-ctr"))

    said = next(why for _ in range(20) if not isinstance(why := trouble(access, site.sshd.endpoint), NotReady))
    assert isinstance(said, NoCommonGround)


def test_command_that_ends_before_it_reads_is_no_lost_connection(site) -> None:
    """What it said and its exit code are there, however late what it did not read is sent."""

    async def test(host: Host) -> None:
        connection = await host.connection()
        begin = connection.create_session

        async def ended(*words: object, **more: object) -> object:
            channel, process = await begin(*words, **more)
            await channel.wait_closed()
            return channel, process

        connection.create_session = ended
        done = await host.run("echo no >&2; exit 7", stdin=b"unread")
        assert (done.code, done.err) == (7, b"no\n")

    site.play(test)


def test_lost_connection_is_told_and_the_next_use_makes_another(site) -> None:
    """It is not taken for a dead machine."""

    async def test(host: Host) -> None:
        running = asyncio.create_task(host.run("echo begun; exec sleep 60"))
        await host.run("true")
        site.sshd.cut()
        with pytest.raises(ConnectionLost):
            await running
        assert (await host.run("echo again")).out == b"again\n"

    site.play(test)


def test_silent_connection_is_given_up(site) -> None:
    """Without a reset nobody tells us: questions without an answer do."""

    async def main() -> None:
        async with Relay(site.sshd.address, site.sshd.port) as relay:
            access = msgspec.structs.replace(site.access, keepalive=0.1, keepalive_count=2)
            hosts = Hosts("c", access)
            host = await hosts.host("node0", SshEndpoint("127.0.0.1", relay.port, getpass.getuser()))
            await host.connect(timeout=5)
            relay.flows.clear()
            async with asyncio.timeout(5):
                with pytest.raises(ConnectionLost):
                    await host.run("true")
            relay.flows.set()
            assert (await host.run("echo again")).out == b"again\n"
            await hosts.close()

    asyncio.run(main())


def test_silent_connection_is_set_aside_for_new_channels(site, monkeypatch) -> None:
    """Who comes now goes another way; what was on its way arrives when the network is back."""
    monkeypatch.setattr("cloudclusters.remote.ssh.host.SILENT", 0.3)

    async def main() -> None:
        async with Relay(site.sshd.address, site.sshd.port) as relay:
            hosts = Hosts("c", site.access)
            host = await hosts.host("node0", SshEndpoint("127.0.0.1", relay.port, getpass.getuser()))
            first = await host.connection()
            running = asyncio.create_task(host.run("sleep 0.2; echo late"))
            await asyncio.sleep(0.05)
            relay.flows.clear()
            opening = asyncio.create_task(host.opening(lambda on: on.run("echo new")))
            await asyncio.sleep(0.6)
            relay.flows.set()
            assert (await opening).stdout == "new\n"
            assert await host.connection() is not first
            assert (await running).out == b"late\n"
            await hosts.close()
            assert first.is_closed()

    asyncio.run(main())


def test_a_minute_without_network_is_survived() -> None:
    """A lost minute, and TCP's next try, which comes up to 103 s after the network went."""
    access = Access(key_file="k", known_hosts="h")

    assert 110 <= access.keepalive * (access.keepalive_count + 1) <= 150


def test_aes_gcm_and_curve25519_are_agreed_on(site) -> None:
    """The fastest that both have."""

    async def test(host: Host) -> None:
        connection = await host.connection()
        assert connection.get_extra_info("send_cipher") == "aes128-gcm@openssh.com"
        assert KEX[0].startswith("curve25519")

    site.play(test)


@pytest.mark.slow
def test_host_inside_is_reached_through_another(start_sshd, access: Access) -> None:
    """Its own key is checked all the same, end to end."""
    outer, inner = start_sshd(), start_sshd(address="127.0.0.2")
    known = KnownHosts(Path(access.known_hosts))
    known.pin("c-manager", outer.host_key.public)

    async def main() -> None:
        hosts = Hosts("c", access)
        await hosts.host("manager", outer.endpoint)
        inside = await hosts.host("worker0", msgspec.structs.replace(inner.endpoint, jump="manager"))
        with pytest.raises(HostKeyRefused):
            await inside.connect(timeout=5)
        known.pin("c-worker0", inner.host_key.public)
        assert b"127.0.0.2" in (await inside.run("echo $SSH_CONNECTION")).out
        outer.cut()
        while inside.is_connected:
            await asyncio.sleep(0)
        assert (await inside.run("echo again")).out == b"again\n"
        inner.stop()
        while inside.is_connected:
            await asyncio.sleep(0)
        with pytest.raises(PortClosed, match="the node that leads there"):
            await inside.connect(timeout=5)
        await hosts.close()

    asyncio.run(main())


def test_nothing_of_ssh_is_imported_before_a_node_is_reached() -> None:
    """It takes a fifth of a second."""
    text = "import sys, cloudclusters.remote, cloudclusters.remote.ssh, cloudclusters.remote.ssh.config"

    done = subprocess.run([sys.executable, "-c", f"{text}; print('asyncssh' in sys.modules)"], stdout=-1, check=True)

    assert done.stdout == b"False\n"


def test_known_hosts_are_parsed_once(site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for all nodes, and again only when the file has changed."""
    reads = []
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *a, **k: reads.append(path) or read(path, *a, **k))
    known = KnownHosts(Path(site.access.known_hosts))

    for _ in range(100):
        known.of("c-node0")
    assert len(reads) == 1
    known.pin("c-node1", make_key().public)
    assert known.of("c-node1")
