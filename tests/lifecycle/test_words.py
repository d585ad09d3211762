"""What machines carry with them is enough to take their cluster up, fits into tags, and holds no secret."""

from __future__ import annotations

import base64
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifecycle_world import SMALL, plan_of

from cloudclusters.base.cloud import Instance, InstanceState, Slot
from cloudclusters.errors import StoreError
from cloudclusters.lifecycle.words import PIECE, host_key_words, is_host_key, joined, pieces, plan_words
from cloudclusters.lifecycle.words import plan_of as carried
from cloudclusters.remote.ssh import make_key

PUBLIC = [make_key().public for _ in range(3)]


def machine(words: dict[str, str], index: int = 0) -> Instance:
    """A machine that carries these words."""
    return Instance(
        id=f"i-{index}",
        slot=Slot("peer", index),
        token="t",
        state=InstanceState.RUNNING,
        instance_type=SMALL.instance_type,
        place=SMALL.place,
        words=words,
    )


def test_plan_comes_back() -> None:
    """Engine, environment, processes, place, price and our own settings."""
    settings = {"directory": "work", "profile": "secret-account", "sshflags": "-o Compression=yes"}
    plan = msgspec.structs.replace(plan_of(2), settings=settings, node_process_count=3, environment="image")
    words = plan_words(plan, SMALL)
    found = carried("fake", {"peer": [machine(words), machine(words, 1)]})
    assert found.roles == (msgspec.structs.replace(plan.roles[0], offer=SMALL),)
    assert (found.engine, found.environment, found.node_process_count) == ("dask", "image", 3)
    assert found.settings == {"directory": "work", "sshflags": "-o Compression=yes"}


def test_words_do_not_set_what_a_provider_runs_here() -> None:
    """Others may write tags, and a provider's own setting may be a command for this machine."""
    forged = {"caller_address": "!touch /tmp/here", "directory": "work"}
    said = {"contract": "A" * 15, "cluster_type": "PeerWorkers", "engine": "dask", "environment": "image", "image": ""}
    text = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode({**said, "processes": 1, "settings": forged})))
    assert carried("fake", {"peer": [machine(pieces("plan", text.decode()))]}).settings == {"directory": "work"}


def test_no_setting_that_names_a_file_travels() -> None:
    """Who writes a tag must not choose which folder of ours is sent to the nodes."""
    plan = msgspec.structs.replace(plan_of(2), settings={"sync_folder": "/home/me/.ssh", "script": "x", "user": "me"})
    words = plan_words(plan, SMALL)
    assert carried("fake", {"peer": [machine(words)]}).settings == {"user": "me"}


def test_foreign_words_are_told() -> None:
    """A machine of another release, or of nobody's."""
    with pytest.raises(StoreError, match="i-0 does not carry the plan"):
        carried("fake", {"peer": [machine({"plan-0": "!!!"})]})


@given(st.text(max_size=2000))
def test_pieces_make_the_whole(text: str) -> None:
    """However long: no piece is longer than a tag's value."""
    words = pieces("plan", text)
    assert joined("plan", words) == text
    assert all(len(word) <= PIECE for word in words.values())


@given(st.integers(1, 40))
def test_host_keys_are_known_by_their_node(count: int) -> None:
    """The right key at the right node, and nothing else."""
    keys = {f"node{n}": make_key().public for n in range(count)}
    words = host_key_words(keys)
    assert all(is_host_key(words, node, line) for node, line in keys.items())
    assert not is_host_key(words, "node0", make_key().public)
    assert not is_host_key(words, f"node{count}", keys["node0"])
    assert not is_host_key({}, "node0", keys["node0"])


@given(st.sets(st.sampled_from(["manager", *(f"{role}{n}" for role in ("node", "worker", "a0") for n in range(40))])))
def test_host_keys_find_room_whatever_their_nodes_are_called(nodes: set[str]) -> None:
    """A few characters beside each fingerprint, and what is left from more nodes before does no harm."""
    keys = {node: PUBLIC[at % len(PUBLIC)] for at, node in enumerate(sorted(nodes))}
    before = host_key_words({f"node{n}": PUBLIC[0] for n in range(60)})
    words = {**before, **host_key_words(keys)}
    assert all(is_host_key(words, node, line) for node, line in keys.items())
    assert not is_host_key(words, "node59", PUBLIC[0])


def test_256_nodes_leave_room_for_other_words_and_too_many_have_none() -> None:
    """AWS keeps 50 tags for each machine."""
    many = {f"node{n}": PUBLIC[n % len(PUBLIC)] for n in range(300)}
    assert len(host_key_words(dict(list(many.items())[:256]))) <= 24
    assert host_key_words(many) == {}
