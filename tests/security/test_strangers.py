"""Who has no key of the cluster gets nowhere: neither with its scheduler and workers, nor with the agents."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.security.on_host import ask, run

import cloudclusters as cc
from cloudclusters.engine.dask import DaskEngine
from cloudclusters.engine.dask.tls import make_keys
from cloudclusters.lifecycle.first_boot import GUARD
from cloudclusters.testing.bed import Bed
from cloudclusters.testing.layout import RunningLayout, loopback_members

NOBODY = "65534"
"""A user of a node's machine who is nobody else."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLayout]:
    """A scheduler and a worker, as on a node."""
    with RunningLayout(DaskEngine(), loopback_members(1, third=93), tmp_path_factory.mktemp("engine")) as layout:
        layout.get_client().wait_for_workers(1)
        yield layout


def plain(folder: Path, keys: Mapping[str, str]) -> None:
    """No TLS at all."""


def nameless(folder: Path, keys: Mapping[str, str]) -> ssl.SSLContext:
    """TLS, without a certificate, trusting everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def of_another_cluster(folder: Path, keys: Mapping[str, str]) -> ssl.SSLContext:
    """TLS, with the certificate of another cluster."""
    for name, content in make_keys().items():
        (folder / name).write_bytes(content)
    made = nameless(folder, keys)
    made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return made


def by_itself(folder: Path, keys: Mapping[str, str]) -> ssl.SSLContext:
    """TLS, with the cluster's own certificate: who may come in."""
    made = nameless(folder, keys)
    made.load_cert_chain(keys["cert.pem"], keys["key.pem"])
    return made


Visitor = Callable[[Path, Mapping[str, str]], ssl.SSLContext | None]


def welcome(address: str, context: ssl.SSLContext | None) -> bytes:
    """What Dask says to a visitor, who says something that Dask would unpickle; empty when it hangs up."""
    host, _, port = address.removeprefix("tls://").rpartition(":")
    try:
        sock = socket.create_connection((host, int(port)), timeout=10)
        with sock, context.wrap_socket(sock) if context else contextlib.nullcontext(sock) as line:
            line.sendall(bytes(64))
            return line.recv(100)
    except (ssl.SSLError, ConnectionError):
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("process", ["scheduler", "worker"])
@pytest.mark.parametrize("visitor", [plain, nameless, of_another_cluster, by_itself])
def test_stranger_is_told_nothing(running: RunningLayout, tmp_path: Path, process: str, visitor: Visitor) -> None:
    """Not one byte of Dask's own, before he shows the cluster's certificate."""
    (address,) = [one.ready["address"] for one in running.running if one.process.kind.value == process]

    said = welcome(str(address), visitor(tmp_path, running.keys))

    assert bool(said) == (visitor is by_itself), said


@pytest.mark.slow
def test_strangers_worker_gets_no_slot(running: RunningLayout, tmp_path: Path) -> None:
    """It runs our own program, with the keys of another cluster, and goes on knocking; the cluster computes on."""
    (worker,) = [one for one in running.running if one.process.kind.value == "worker"]
    engine = tmp_path / "engine"
    shutil.copytree(worker.log.parent / "engine", engine, ignore=shutil.ignore_patterns("*.pem", "scratch"))
    for name, content in make_keys().items():
        (engine / name).write_bytes(content)
    words = [sys.executable, str(engine / "process.py"), "worker", str(engine / "node.json"), "stranger"]
    env = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    log = tmp_path / "log"
    with log.open("wb") as said, subprocess.Popen(words, stdout=said, stderr=said, env=env) as stranger:
        try:
            deadline = time.monotonic() + 30
            while b"Waiting to connect" not in log.read_bytes():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            client = running.get_client()
            assert client.submit(sum, [1, 2], pure=False).result(timeout=20) == 3
            names = [str(w["name"]) for w in client.sync(client.scheduler.identity)["workers"].values()]
        finally:
            stranger.kill()
    assert names == [worker.full_name]


@pytest.mark.bed
@pytest.mark.timeout(120)
def test_another_user_of_a_node_does_not_talk_to_its_agent(ec2: Bed) -> None:
    """He can neither look into its folder nor connect; and where somebody opened both, the agent hangs up on him."""
    wanted = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none")
    with cc.deploy(wanted, resolve=True) as cluster:
        (host,) = [node.instance for node in cluster.members]
        folder = f"/home/ubuntu/.cloudclusters/{cluster.handle}/node0"
        login = run(ec2, host, ["id", "-u", "ubuntu"]).strip()
        closed = ask(ec2, host, "intrude", NOBODY, f"{folder}/agent.sock")
        assert closed == {"folder": "PermissionError", "socket": "PermissionError"}

        opened = (
            f"chmod 755 /home/ubuntu /home/ubuntu/.cloudclusters {folder}/.. {folder}; chmod 666 {folder}/agent.sock"
        )
        run(ec2, host, ["sh", "-c", opened])
        looked = ask(ec2, host, "intrude", NOBODY, f"{folder}/agent.sock")
        assert "agent.sock" in looked["folder"]
        assert looked["socket"] in ("", "ConnectionResetError", "BrokenPipeError")
        assert "node0" in ask(ec2, host, "intrude", login, f"{folder}/agent.sock")["socket"], "its owner is answered"


@pytest.mark.bed
@pytest.mark.timeout(120)
def test_guard_runs_nothing_of_others_as_root(ec2: Bed) -> None:
    """It starts the agents of all users' homes, each as that user, also where a link leads to a folder of root's."""
    wanted = cc.cluster(node_provider="ec2", node_count=1, node_machinetype="t3.xlarge", engine="none")
    with cc.deploy(wanted, resolve=True) as cluster:
        (host,) = [node.instance for node in cluster.members]
        script = f"""
            useradd --create-home mallory && useradd --create-home zoe
            mkdir /home/mallory/.cloudclusters /home/zoe/.cloudclusters
            ln -s / /home/mallory/.cloudclusters/{cluster.handle}
            echo 'id -u >/tmp/mallory' >/tmp/agent.sh
            mkdir -p /home/zoe/.cloudclusters/{cluster.handle}/node0
            echo 'id -un >/tmp/zoe' >/home/zoe/.cloudclusters/{cluster.handle}/node0/agent.sh
            chown -hR mallory /home/mallory /tmp/agent.sh && chown -R zoe /home/zoe
            sh {GUARD}
            for _ in $(seq 200); do [ -s /tmp/zoe ] && break; sleep 0.05; done
            cat /tmp/zoe; cat /tmp/mallory 2>/dev/null || echo nothing; cat /var/log/cloudclusters-guard.log
        """
        who, stolen, *log = run(ec2, host, ["sh", "-c", script]).splitlines()
        assert (who, stolen) == ("zoe", "nothing")
        assert any("/home/ubuntu/" in line for line in log)
        assert not any("mallory" in line for line in log)
