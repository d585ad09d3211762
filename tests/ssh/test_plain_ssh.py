"""Plain `ssh` with the cluster's file, and the flags that users may give."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh import Access, Flags, KnownHosts, make_key, parse_flags
from cloudclusters.remote.ssh.config import ssh_config, write_ssh_config

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client is installed")


def ssh(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real client."""
    argv = ["ssh", "-F", str(config), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


@needs_ssh
def test_plain_ssh_enters_by_name(site, tmp_path: Path) -> None:
    """No other option is needed, and nothing is asked."""
    config = tmp_path / "ssh config"
    write_ssh_config(config, "c", {"node0": site.sshd.endpoint}, site.access)

    done = ssh(config, "c-node0", "echo in")

    assert (done.stdout, done.returncode) == ("in\n", 0), done.stderr


@needs_ssh
def test_plain_ssh_refuses_another_host_key(site, tmp_path: Path) -> None:
    """As strict as we are."""
    config = tmp_path / "config"
    write_ssh_config(config, "c", {"node0": site.sshd.endpoint}, site.access)
    KnownHosts(Path(site.access.known_hosts)).pin("c-node0", make_key().public)

    done = ssh(config, "c-node0", "echo in")

    assert done.returncode == 255
    assert "verification failed" in done.stderr


@needs_ssh
def test_plain_ssh_goes_through_the_node_that_leads_there(start_sshd, access: Access, tmp_path: Path) -> None:
    """Both keys are checked."""
    outer, inner = start_sshd(), start_sshd(address="127.0.0.2")
    known = KnownHosts(Path(access.known_hosts))
    known.pin("c-manager", outer.host_key.public)
    known.pin("c-worker0", inner.host_key.public)
    inside = msgspec.structs.replace(inner.endpoint, jump="manager")
    write_ssh_config(tmp_path / "config", "c", {"manager": outer.endpoint, "worker0": inside}, access)

    done = ssh(tmp_path / "config", "c-worker0", "echo $SSH_CONNECTION")

    assert done.stdout.split()[2] == "127.0.0.2", done.stderr


def test_configuration_speaks_of_our_nodes_only(access: Access) -> None:
    """Included in the user's own file, it changes nothing else."""
    text = ssh_config("c", {"node0": SshEndpoint("h", 22, "u"), "node1": SshEndpoint("i", 22, "u")}, access)

    hosts = [line for line in text.splitlines() if not line.startswith(" ") and line]
    assert hosts == ["Host c-node0", "Host c-node1"]


@pytest.mark.parametrize(
    ("name", "user", "host"),
    [("*", "u", "h"), ("a b", "u", "h"), ("a", "u\n  ProxyCommand x", "h"), ("a", "u", "h\n  ProxyCommand x")],
)
def test_words_that_would_say_more_are_refused(access: Access, name: str, user: str, host: str) -> None:
    """A configuration can run commands, and speak of other hosts."""
    with pytest.raises(InvalidSetting, match="cannot stand in a configuration"):
        ssh_config("c", {"node0": SshEndpoint(host, 22, user)}, access, name=name)


def test_flags_reach_the_configuration(access: Access) -> None:
    """Whatever they may be."""
    flags = parse_flags("-p 2200 -l me -C -o Ciphers=aes256-ctr -o ServerAliveInterval=5")

    text = ssh_config("c", {"node0": SshEndpoint("h", 22, "u")}, msgspec.structs.replace(access, flags=flags))

    for line in ("Port 2200", "User me", "Compression yes", "Ciphers aes256-ctr", "ServerAliveInterval 5"):
        assert f"  {line}\n" in text


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("", Flags()),
        ("-p 2222", Flags(port=2222)),
        ("-p2222 -lme", Flags(port=2222, user="me")),
        ("-C", Flags(compression=True)),
        ("-oConnectTimeout=5", Flags(connect_timeout=5.0)),
        ("-o 'ServerAliveInterval 3' -o ServerAliveCountMax=4", Flags(keepalive=3.0, keepalive_count=4)),
        ("-c aes256-ctr,aes128-ctr", Flags(ciphers=("aes256-ctr", "aes128-ctr"))),
        ("-o kexalgorithms=curve25519-sha256", Flags(kex=("curve25519-sha256",))),
        ("-m hmac-sha2-256 -o Compression=no", Flags(macs=("hmac-sha2-256",))),
    ],
)
def test_flags_of_the_subset_are_taken(text: str, flags: Flags) -> None:
    """Written as for `ssh`."""
    assert parse_flags(text) == flags


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-o StrictHostKeyChecking=no", "host keys are always checked"),
        ("-o UserKnownHostsFile=/dev/null", "a file of its own"),
        ("-i ~/.ssh/id", "a key of its own"),
        ("-J other", "found by itself"),
        ("-A", "not lent"),
        ("-L 80:x:80", "forward a port"),
        ("-o ProxyCommand=evil", "it takes -p PORT"),
        ("-p", "no value for Port"),
        ("-p 0", "from 1 to 65535"),
        ("-p ssh", "no value for Port"),
        ("-o ConnectTimeout=-1", "above 0"),
        ("-o ConnectTimeout=nan", "above 0"),
        ("-o Compression=maybe", "yes or no"),
        ("-c +aes", "name all of them"),
        ("-o User=", "one word"),
        ("-l 'a b'", "one word"),
        ("host", "cannot have 'host'"),
        ("'", "cannot be read"),
    ],
)
def test_other_flags_are_refused_with_a_sentence(text: str, why: str) -> None:
    """A flag that is silently dropped would be worse."""
    with pytest.raises(InvalidSetting, match=why):
        parse_flags(text)


def test_unknown_cipher_is_a_setting_to_mend(access: Access) -> None:
    """Told when the first node is reached, before anything is sent."""
    from cloudclusters.remote.ssh import Opener

    with pytest.raises(InvalidSetting, match="sshflags"):
        _ = Opener(msgspec.structs.replace(access, flags=parse_flags("-c rot13"))).options
