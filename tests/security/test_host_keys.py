"""Who answers at a node's address must show the node's own key: the one-time key, which others could read, is none."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.security.on_host import run

import cloudclusters as cc
from cloudclusters.api import on_nodes
from cloudclusters.remote.ssh import HostKeyRefused, fingerprint, make_key
from cloudclusters.testing.bed import Bed

pytestmark = [pytest.mark.bed, pytest.mark.timeout(120)]


def user_data(ec2: Bed) -> dict[str, dict[str, str]]:
    """What the machines of the first launch were given at their first boot, for everybody to read."""
    given = [done.call.parameters.get("UserData") for done in ec2.calls.done if done.call.action == "RunInstances"]
    text = next(text for text in given if text)
    return json.loads(base64.b64decode(text).decode().removeprefix("#cloud-config\n"))


@contextlib.contextmanager
def impostor(ec2: Bed, host: str, private: str) -> Iterator[Callable[[], list[str]]]:
    """Somebody else answers at the address of a node; yields what he was given since the last time."""
    run(ec2, host, ["sh", "-c", "umask 077; cat >/root/key; : >/root/notes; pkill -x sshd || :"], stdin=private)
    program = Path(__file__).with_name("impostor.py").read_text()
    words = [*ec2.hosts.enter(host), sys.executable, "-c", program, "/root/key", "/root/notes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield lambda: run(ec2, host, ["sh", "-c", "cat /root/notes; : >/root/notes"]).splitlines()
        finally:
            run(ec2, host, ["pkill", "-f", "/root/notes"])


@pytest.fixture
def cluster(ec2: Bed) -> Iterator[cc.Cluster]:
    """One node."""
    wanted = cc.cluster(
        node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none", sshflags="-o ConnectTimeout=5"
    )
    with cc.deploy(wanted, resolve=True, name="watched") as cluster:
        yield cluster


def plain_ssh(*options: str, to: str, command: str) -> subprocess.CompletedProcess[str]:
    """The system's `ssh`, with nothing of the user's."""
    words = ["ssh", "-F", "none", *(f"-o{option}" for option in ("BatchMode=yes", *options)), f"ubuntu@{to}", command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)


def test_only_the_nodes_own_key_is_taken(ec2: Bed, cluster: cc.Cluster, tmp_path: Path) -> None:
    """The machine shows another key than that of its user-data, and who shows that one is given nothing."""
    (node,) = cluster.members
    one_time = user_data(ec2)["ssh_keys"]
    (tmp_path / "known_hosts").write_text(f"{node.public_address} {one_time['ed25519_public']}\n")
    key = Path(os.environ["CLOUDCLUSTERS_HOME"], "keys", cluster.handle, "id_ed25519")
    trusting = (f"UserKnownHostsFile={tmp_path}/known_hosts", "StrictHostKeyChecking=yes", f"IdentityFile={key}")
    said = plain_ssh(*trusting, to=node.public_address, command="true")
    assert (said.returncode, "Host key verification failed" in said.stderr) == (255, True), said.stderr

    other = make_key()
    for private, public in (
        (one_time["ed25519_private"], one_time["ed25519_public"]),
        (other.private, other.public),
    ):
        cluster.close()
        with impostor(ec2, node.instance, private) as given:
            for attempt in (lambda: cluster.put(__file__), lambda: on_nodes.execute(cluster, ["true"], heard=print)):
                with pytest.raises(HostKeyRefused, match="is the one that is trusted") as caught:
                    attempt()
                assert caught.value.seen == fingerprint(public)
                assert "somebody else may answer" in caught.value.hint
            assert set(given()) == {"met"}, "he was met, and given nothing"
            careless = (f"UserKnownHostsFile={tmp_path}/any", "StrictHostKeyChecking=no")
            plain_ssh(*careless, to=node.public_address, command="my password")
            assert "given the command my password" in given(), "who does not look is robbed"
