"""Who may write tags in the account chooses words that we read: none of them runs a command or reads a file here."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifecycle_world import SMALL

from cloudclusters.base.cloud import Instance, InstanceState, Slot, SshEndpoint
from cloudclusters.errors import CloudClustersError, InvalidSetting
from cloudclusters.lifecycle.words import is_host_key, pieces, plan_of
from cloudclusters.provider.registry import built_in
from cloudclusters.remote.ssh import Access, make_key, parse_flags
from cloudclusters.remote.ssh.config import ssh_config
from cloudclusters.settings.keys import KEYS, Kind

SAID = {"contract": "A" * 15, "cluster_type": "PeerWorkers", "engine": "dask", "environment": "sync", "image": ""}
PLAIN = {
    "apt", "directory", "exeflags", "exename", "imageid", "micromamba_sha256", "mpiflags", "network_interface",
    "packages", "placement_group", "project", "python", "python_version", "region", "security_group_id", "sshflags",
    "subnet_id", "sync_exclude", "user", "zone",
}  # fmt: skip
"""Texts that may come from a tag: they act on the nodes, which belong to who wrote the tag, or name things there."""
SAFE = PLAIN | {key.name for key in KEYS.values() if key.kind not in (Kind.TEXT, Kind.PATH)}


def machine(words: Mapping[str, str]) -> Instance:
    """A machine that carries these words."""
    return Instance(
        id="i-0",
        slot=Slot("peer", 0),
        token="t",
        state=InstanceState.RUNNING,
        instance_type=SMALL.instance_type,
        place=SMALL.place,
        words=words,
    )


def taken(forged: Mapping[str, object]) -> set[str]:
    """The settings that a plan has after these were read from a tag."""
    text = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode({**SAID, "processes": 1, "settings": forged})))
    return set(plan_of("fake", {"peer": [machine(pieces("plan", text.decode()))]}).settings)


def test_every_setting_was_looked_at() -> None:
    """A new text travels in tags only after somebody wrote it down above: does it name a file or a command here?"""
    providers_own = {name for plugin in built_in() for name in plugin.settings}
    assert taken(dict.fromkeys((*KEYS, *providers_own, "caller_address", "unheard_of"), "x")) == SAFE


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_unknown_settings_are_not_taken(forged: dict[str, str]) -> None:
    """Whatever their names."""
    assert taken(forged) <= SAFE


@settings(max_examples=30)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: zlib.compress(text.encode())))
def test_a_garbled_plan_is_told(data: bytes) -> None:
    """As an error of ours that says what to do, and nothing else."""
    with pytest.raises(CloudClustersError) as caught:
        plan_of("fake", {"peer": [machine(pieces("plan", base64.urlsafe_b64encode(data).decode() or "-"))]})
    assert caught.value.hint


@pytest.mark.parametrize(
    "flags",
    [
        "-o ProxyCommand=touch\\ here", "-o LocalCommand=id", "-o PermitLocalCommand=yes", "-F /etc/passwd",
        "-i /home/me/.ssh/id", "-o IdentityFile=x", "-o Include=/etc/x", "-A", "-o ForwardAgent=yes", "-L 1:h:2",
        "-o StrictHostKeyChecking=no", "-o UserKnownHostsFile=/dev/null", "-o KnownHostsCommand=id", "-E /tmp/log",
        "-o 'User=a\nProxyCommand=id'", "-o Match=exec", "-S /tmp/socket", "-o ControlPath=/tmp/x",
    ],
)  # fmt: skip
def test_flags_start_nothing_here(flags: str) -> None:
    """No option of `ssh` that runs a program, reads another file, lends a key or trusts anybody."""
    with pytest.raises(InvalidSetting):
        parse_flags(flags)


@pytest.mark.parametrize("word", ["a\nProxyCommand id", "a b", 'a"', "*", "a\tb"])
@pytest.mark.parametrize("place", ["user", "host", "name", "node"])
def test_words_stay_words_in_the_file_for_ssh(word: str, place: str) -> None:
    """A user, an address or a name from a tag begins no line of its own."""
    endpoint = SshEndpoint(host=word if place == "host" else "192.0.2.1", user=word if place == "user" else "u")
    access = Access(key_file="/k", known_hosts="/h")
    with pytest.raises(InvalidSetting):
        ssh_config(
            "A" * 15, {word if place == "node" else "node0": endpoint}, access, name=word if place == "name" else ""
        )


def test_another_nodes_fingerprint_is_no_nodes() -> None:
    """Words that name a host key twice, half, or of nobody let no other key in."""
    key = make_key().public
    for text in ("", "node0=", "node0", "=", "node0= node0", "node1=x node0="):
        assert not is_host_key(pieces("host-keys", text), "node0", key)
