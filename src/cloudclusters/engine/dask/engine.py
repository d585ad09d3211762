"""What Dask needs on the nodes of a cluster, as data."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cloudclusters.engine.dask.connect import connect
from cloudclusters.engine.dask.tls import CA, CERT, KEY, make_keys
from cloudclusters.engine.protocol import File, Forward, Kind, Layout, Member, Process

OUTPUT_TOPIC = "cloudclusters-output"
"""The Dask topic under which workers send what they print: `{"name": worker, "lines": [[stream, text], …]}`."""
PORT, DASHBOARD_PORT = 8786, 8787
RESERVE_MOST = 1 << 30
"""Memory kept free on node 0 for its scheduler, bytes; a tenth of a small node."""

_SCRIPT = "{directory}/engine/process.py"
_CONFIG = "{directory}/engine/node.json"
_THREADS = {
    # A worker has as many task threads as its share of cores: libraries that start more only get in each other's way.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc gives freed memory back early, so that a worker's size says what it holds.
    "MALLOC_TRIM_THRESHOLD_": "65536",
}


class DaskEngine:
    """A scheduler on member 0, workers on every member, and TLS between all of them."""

    name: str = "dask"
    requires: Sequence[str] = ("distributed",)
    secrets: Sequence[str] = (CA, CERT, KEY)

    def make_secrets(self) -> Mapping[str, bytes]:
        """New TLS material for one cluster; whoever holds it can join the cluster."""
        return make_keys()

    def layout(self, members: Sequence[Member]) -> Layout:
        """The scheduler on member 0 at its inner address, and `processes` workers on each peer or worker."""
        if not members:
            return Layout()
        entry = members[0]
        processes = [_scheduler(entry)]
        files = _shared_files()
        for member in members:
            count = _workers_on(member)
            share = _share(member, entry, count)
            processes += [_worker(member, index, share) for index in range(count)]
            files.append(_config(member, entry, count))
        forwards = (
            Forward(name="scheduler", node=entry.name, address=entry.address, port=PORT, guarded=True),
            Forward(name="dashboard", node=entry.name, address=entry.address, port=DASHBOARD_PORT),
        )
        return Layout(processes=tuple(processes), files=tuple(files), forwards=forwards)

    def command(self, argv: Sequence[str], members: Sequence[Member]) -> Sequence[str]:  # noqa: ARG002
        """A program is started as it is, on member 0."""
        return tuple(argv)

    def import_client(self) -> None:
        """Import distributed."""
        importlib.import_module("distributed")

    def client(self, forwards: Mapping[str, str], keys: Mapping[str, str]) -> object:
        """A connected `distributed.Client`, the one that `dask.compute` uses from now on; see `connect`."""
        return connect(forwards, keys, default=True)


def _workers_on(member: Member) -> int:
    return 0 if member.role == "manager" else member.processes


def _share(member: Member, entry: Member, count: int) -> int:
    """Bytes for each worker of this node; 0 when the node's memory is unknown."""
    reserve = min(RESERVE_MOST, member.memory_bytes // 10) if member.name == entry.name else 0
    return (member.memory_bytes - reserve) // max(1, count)


def _scheduler(entry: Member) -> Process:
    return Process(
        node=entry.name,
        name="scheduler",
        kind=Kind.SCHEDULER,
        argv=(*entry.python, _SCRIPT, "scheduler", _CONFIG),
    )


def _worker(member: Member, index: int, memory_bytes: int) -> Process:
    name = f"worker{index}"
    return Process(
        node=member.name,
        name=name,
        kind=Kind.WORKER,
        argv=(*member.python, _SCRIPT, "worker", _CONFIG, f"{member.name}/{name}/{{life}}"),
        env=dict(_THREADS),
        memory_bytes=memory_bytes,  # there is no Dask nanny to end it beyond its share: the agent does
    )


def _shared_files() -> list[File]:
    """What is the same on every node: the start script and the secrets."""
    script = Path(__file__).with_name("node") / "process.py"
    return [
        *(File(node="", path=f"engine/{secret}", secret=secret) for secret in (CA, CERT, KEY)),
        File(node="", path="engine/process.py", text=script.read_text("utf-8")),
    ]


def _config(member: Member, entry: Member, count: int) -> File:
    config = {
        "address": member.address,
        "scheduler": f"tls://{_host(entry.address)}:{PORT}",
        "port": PORT,
        "dashboard_port": DASHBOARD_PORT,
        "threads": max(1, member.vcpus // max(1, count)),
        "memory_bytes": _share(member, entry, count),
        "topic": OUTPUT_TOPIC,
    }
    return File(node=member.name, path="engine/node.json", text=json.dumps(config))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
