"""Nothing that others can read holds a secret: everything that the simulated EC2 saw of a cluster in use is read."""

from __future__ import annotations

import logging
import os
import secrets
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from tests.security import evidence
from tests.security.on_host import run
from tests.security.searching import Find, is_private, search
from tests.security.test_host_keys import user_data

import cloudclusters as cc
from cloudclusters.api import on_nodes
from cloudclusters.api.session import session
from cloudclusters.errors import CloudClustersError
from cloudclusters.remote.ssh import Access, Opener, make_key
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.bed.world import STATE

pytestmark = [pytest.mark.bed, pytest.mark.timeout(180)]

MARK = "seen-by-everybody-"
"""Begins words that must be found where they are looked for: a search of nothing finds no secret."""
DIRECTORY = 'it\'s "my" $HOME `id`'
"""Where workers start: nothing of it is a word of a shell."""
PLAIN = "cloudclusters-test-in-the-clear"
"""Sent over the network for everybody, to see that the network is heard."""


def shout(word: str) -> str:
    """What the workers compute: it prints, so that it stands in the worker's log."""
    print(f"{MARK}log of {word[:4]}")
    return word[::-1]


@pytest.fixture
def log() -> Iterator[evidence.Log]:
    """Everything that the driver logs at the finest level."""
    made, root = evidence.Log(), logging.getLogger()
    before = root.level
    root.addHandler(made)
    root.setLevel(logging.DEBUG)
    yield made
    root.setLevel(before)
    root.removeHandler(made)


def use(cluster: cc.Cluster, folder: Path, mine: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """Everything that people do with a cluster, with words of their own; what it says of itself and of its troubles."""
    (folder / "sent").write_bytes(mine["file"])
    cluster.put(folder / "sent", "sent")
    cluster.get("sent", folder / "back", nodes=["node0"])
    env = {"TOKEN": mine["env"].decode()}
    argv = ["sh", "-c", f"echo {MARK}argument; test -n $TOKEN; sleep 0.2"]
    assert set(on_nodes.execute(cluster, argv, env=env, heard=lambda *_: None).values()) == {0}
    word = mine["item"].decode()
    assert cc.pmap(shout, [word, word], pids=cc.nodes(cluster)) == [word[::-1]] * 2
    client = cluster.get_client()
    assert client.submit(len, mine["item"]).result(timeout=20) == len(mine["item"])
    record = cluster.record
    said = [cluster, record, record.plan, record.plan.settings, cluster.members, cluster.security, cluster.dask, client]
    said += [cc.status(cluster, refresh=True), cc.clusters(), cc.config(), cc.providers(), cluster.workers(), session()]
    said += [session().context, session().provider("ec2"), session().context.reach.hosts(record), make_key()]
    said += [Opener(Access(key_file="k", known_hosts="h"))]
    places = [(f"{how.__name__} of {type(each).__name__}", how(each).encode()) for each in said for how in (repr, str)]
    places.append(("record as JSON", msgspec.json.encode(record)))
    return [*places, *troubles(cluster)]


def troubles(cluster: cc.Cluster) -> Iterator[tuple[str, bytes]]:
    """What the errors say of a command, a file, a node and a number that are not there, and of keys that are wrong."""
    attempts = {
        "command": lambda: on_nodes.execute(cluster, ["no-such-program"], heard=lambda *_: None),
        "file": lambda: cluster.get("no-such-file", "/tmp/nowhere"),
        "node": lambda: cluster.put(__file__, nodes=["node9"]),
        "deploy": lambda: cc.deploy(
            cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", imageid="ami-0"), resolve=True
        ),
    }
    for name, attempt in attempts.items():
        with pytest.raises(CloudClustersError) as caught:
            attempt()
        yield f"error about a {name}", "".join(traceback.format_exception(caught.value)).encode()


def command_line(*words: str) -> tuple[str, bytes]:
    """All that a command says."""
    argv = [sys.executable, "-m", "cloudclusters", *words]
    done = subprocess.run(argv, capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    return f"command {' '.join(words)}", done.stdout + done.stderr


def key_files(place: Path) -> dict[str, bytes]:
    """The driver's secrets of a cluster: every file of its key folder but those that everybody may read."""
    plain = ("known_hosts", "known_hosts.lock", "ssh_config")
    found = {path.name: path.read_bytes() for path in evidence.files(place) if path.name not in plain}
    return {name: content for name, content in found.items() if is_private(content)}


def host_keys(ec2: Bed) -> dict[str, bytes]:
    """The host keys that the machines made for themselves."""
    return {
        f"host key {number}": path.read_bytes()
        for number, name in enumerate(ec2.hosts.names())
        for path in (STATE / name / "upper/etc/ssh").glob("ssh_host_*_key")
    }


def may_stand(find: Find, cluster: str, given: set[str]) -> bool:
    """Where a secret has its place; all other places are leaks.

    `given` are the names of those that processes on nodes need.
    """
    node = f"host's disk: /home/ubuntu/.cloudclusters/{cluster}/"
    match find.secret:
        case "one-time host key":
            return find.place in ("call RunInstances: UserData", "host's disk: /var/lib/cloud/instance/user-data.txt")
        case "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN":
            return find.place == "driver's process: environ"
        case "file":
            return find.place == f"host's disk: /home/ubuntu/{DIRECTORY}/sent"
        case "env":
            return find.place == "host's process: environ"
        case "item":
            return False
        case name if name.startswith("host key"):
            return find.place.startswith("host's disk: /etc/ssh/ssh_host_")
        case name:
            in_node = name in given and find.place.startswith(node)
            return find.place == f"driver's home: keys/{cluster}/{name}" or in_node


def test_nobody_else_reads_a_secret(
    ec2: Bed, account: Mapping[str, bytes], log: evidence.Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls, tags, consoles, disks, processes, packets, logs, store, errors and what things say of themselves."""
    place = Path(os.environ["CLOUDCLUSTERS_HOME"])
    script = tmp_path / "boot.sh"
    script.write_text(f"#!/bin/sh\necho {MARK}console\n")
    mine = {name: secrets.token_urlsafe(30).encode() for name in ("file", "env", "item")}
    contract = cc.cluster(
        node_provider="ec2", node_count=2, node_machinetype="t3.xlarge", first_boot=str(script),
        directory=DIRECTORY, sshflags="-o ConnectTimeout=20 -o Compression=yes",
    )  # fmt: skip
    with (
        evidence.Watch() as watch,
        evidence.Wire() as wire,
        cc.deploy(contract, resolve=True, name=f"{MARK}name") as cluster,
    ):
        places = use(cluster, tmp_path, mine)
        places.append(command_line("-v", "status", cluster.name, "--refresh"))
        shout_over_the_network(ec2, cluster)
        kept = key_files(place / "keys" / cluster.handle)
        wanted = {**kept, **host_keys(ec2), **account, **mine}
        wanted["one-time host key"] = user_data(ec2)["ssh_keys"]["ed25519_private"].encode()
        places += [*evidence.consoles(ec2), *evidence.disks(ec2), *evidence.home(place)]
        check_modes(ec2, cluster, place)
    places += [*evidence.calls(ec2), *evidence.home(place), *watch.places()]
    places += [("packets", bytes(wire.packets)), ("driver's log", "\n".join(log.lines).encode())]

    assert {"id_ed25519", "key.pem"} <= set(kept)
    assert len(wanted) >= 2 + 2 + 3 + 2 + 1
    check_is_whole(places, cluster.handle)
    leaks = [find for find in search(wanted, places) if not may_stand(find, cluster.handle, set(kept) - {"id_ed25519"})]
    assert not leaks, "\n".join(map(str, leaks))


def shout_over_the_network(ec2: Bed, cluster: cc.Cluster) -> None:
    """One datagram from node to node that is not encrypted."""
    node0, node1 = cluster.members
    code = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'{PLAIN}', ('{node1.inner_address}', 9))"
    run(ec2, node0.instance, [sys.executable, "-c", code])


def check_is_whole(places: list[tuple[str, bytes]], cluster: str) -> None:
    """What everybody may see was seen: so what was not seen is not there."""
    seen = {
        f"call RunInstances: {MARK}": [data for place, data in places if place.startswith("call RunInstances: Tag")],
        PLAIN: [data for place, data in places if place == "packets"],
        f"{MARK}console": [data for place, data in places if place == "console"],
        f"{MARK}log of": [data for place, data in places if place.startswith("host's disk")],
        f"{MARK}argument": [data for place, data in places if place == "host's process: cmdline"],
        "CLOUDCLUSTERS_READY_FD=": [data for place, data in places if place == "host's process: environ"],
        f"{MARK}name": [data for place, data in places if place.startswith("driver's home: store.sqlite")],
        f"{cluster}": [data for place, data in places if place == "driver's log"],
    }
    for text, data in seen.items():
        word = text.removeprefix("call RunInstances: ").encode()
        assert any(word in each for each in data), f"{text} is not in any of {len(data)} places"


def check_modes(ec2: Bed, cluster: cc.Cluster, place: Path) -> None:
    """Keys are their owner's alone: here, and on the machines, in folders that are his alone too."""
    keys = place / "keys" / cluster.handle
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (keys, keys.parent)} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in evidence.files(keys)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.glob("store.sqlite*")} == {0o600}
    for name, node in zip(("node0", "node1"), cluster.members, strict=True):
        upper = STATE / node.instance / "upper"
        login = (upper / "home/ubuntu").stat().st_uid
        ours = upper / "home/ubuntu/.cloudclusters" / cluster.handle / name
        assert stat.S_IMODE(ours.stat().st_mode) == 0o700
        private = [path for path in evidence.files(upper) if is_key(path)]
        assert {path.name for path in private} >= {"key.pem", "ssh_host_ed25519_key"}
        for path in private:
            status = path.stat()
            owner = login if path.is_relative_to(ours) else 0
            assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, owner), path


def is_key(path: Path) -> bool:
    """Whether a file begins as private keys do."""
    with path.open("rb") as file:
        return b"PRIVATE KEY-----" in file.read(200)
