"""Commands, tunnels and trees over SSH, against bare asyncssh and `tar | ssh` on the same real sshd.

`python -m benchmarks.ssh_speed`, from the root of a checkout, prints the table. Loopback has no round trips: read
the ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import asyncssh
from tests.ssh.ssh_machine import PROGRAM, Sshd

from benchmarks.budget import Row, table
from benchmarks.taking_turns import PYTHON, run
from cloudclusters.base.cloud import SshEndpoint
from cloudclusters.remote.ssh import Access, Hosts, KeyPair, KnownHosts, make_key, save_key
from cloudclusters.remote.ssh.config import write_ssh_config
from cloudclusters.remote.ssh.everywhere import everywhere
from cloudclusters.remote.ssh.host import Host
from cloudclusters.remote.ssh.tree import put, sync

HOSTS, FILES, ROUNDS = 256, 3_000, 9
ECHOES, MESSAGE = 40, 60_000
Call = Callable[[], Awaitable[object]]


ADDRESSES = [f"127.0.{1 + n // 250}.{1 + n % 250}" for n in range(HOSTS)]
LISTEN = 16
"""Addresses at which one sshd can listen."""


def _daemon(folder: Path, key: KeyPair, addresses: list[str]) -> Sshd:
    sshd = Sshd(folder, key, address=addresses[0])
    with sshd.config.open("a") as file:
        file.writelines(f"ListenAddress {address}:{sshd.port}\n" for address in addresses[1:])
    return sshd.start()


class Bench:
    """Daemons that listen at many addresses, and how they are entered."""

    def __init__(self, folder: Path) -> None:
        key = make_key()
        save_key(key, folder / "id")
        self.folder = folder
        self.access = Access(key_file=str(folder / "id"), known_hosts=str(folder / "known_hosts"))
        self.daemons: list[Sshd] = []
        self.endpoints: dict[str, SshEndpoint] = {}
        self.host_keys: dict[str, str] = {}
        known = KnownHosts(folder / "known_hosts")
        for n, address in enumerate(ADDRESSES):
            if n % LISTEN == 0:
                addresses = ADDRESSES[n : n + LISTEN]
                self.daemons.append(_daemon(folder / f"sshd{n}", key, addresses))
            sshd = self.daemons[-1]
            self.endpoints[f"node{n}"] = SshEndpoint(address, sshd.port, getpass.getuser())
            self.host_keys[address] = sshd.host_key.public
            known.pin(f"c-node{n}", sshd.host_key.public)
        told = [(at.host, at.port, at.user, self.host_keys[at.host]) for at in self.endpoints.values()]
        (folder / "hosts.json").write_text(json.dumps(told))
        write_ssh_config(folder / "config", "c", self.endpoints, self.access)

    async def bare(self, endpoint: SshEndpoint) -> asyncssh.SSHClientConnection:
        """A connection as asyncssh makes it by itself, with our key and its host key."""
        trusted = ([asyncssh.import_public_key(self.host_keys[endpoint.host])], [], [])
        return await asyncssh.connect(
            endpoint.host, endpoint.port, username=endpoint.user, client_keys=[self.access.key_file],
            known_hosts=trusted, config=None, agent_path=None,
        )  # fmt: skip


async def by_turns(calls: Mapping[str, Call], rounds: int = ROUNDS) -> dict[str, float]:
    """The median seconds of each call; they take turns, and the first round is thrown away."""
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds + 1):
        for name, call in calls.items():
            begun = time.perf_counter()
            await call()
            found[name].append(time.perf_counter() - begun)
    return {name: statistics.median(times[1:]) for name, times in found.items()}


async def commands(bench: Bench) -> list[Row]:
    """A command on all hosts, over kept connections; and the connections, made anew."""
    hosts = Hosts("c", bench.access)
    ours = {node: await hosts.host(node, endpoint) for node, endpoint in bench.endpoints.items()}

    async def connect_ours() -> None:
        for host in ours.values():
            await host.hang_up()
        (await everywhere(ours, Host.connection)).check()

    bare: list[asyncssh.SSHClientConnection] = []

    async def connect_bare() -> None:
        for connection in bare:
            connection.abort()
        bare[:] = await asyncio.gather(*(bench.bare(endpoint) for endpoint in bench.endpoints.values()))
        await asyncio.gather(*(connection.run("true") for connection in bare))

    cold = await by_turns({"ours": connect_ours, "bare": connect_bare}, rounds=2)
    warm = await by_turns(
        {
            "ours": lambda: everywhere(ours, lambda host: host.run("true")),
            "bare": lambda: asyncio.gather(*(connection.run("true") for connection in bare)),
        }
    )
    for connection in bare:
        connection.abort()
    await hosts.close()
    against = "bare asyncssh"
    return [
        Row(
            what=f"warm command on {HOSTS} hosts", measured=warm["ours"], unit="s", against=against,
            baseline=warm["bare"], most=2.0,
        ),
        Row(
            what=f"connect to {HOSTS} hosts and run a command", measured=cold["ours"], unit="s", against=against,
            baseline=cold["bare"],
        ),
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what it gets; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 20):
                writer.write(data)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def talk(host: str, port: int) -> list[float]:
    """The seconds of each of many echoes."""
    reader, writer = await asyncio.open_connection(host, port)
    times = []
    for _ in range(ECHOES):
        begun = time.perf_counter()
        writer.write(bytes(MESSAGE))
        await reader.readexactly(MESSAGE)
        times.append(time.perf_counter() - begun)
    writer.close()
    return times


async def tunnels(bench: Bench) -> list[Row]:
    """Echoes of 60 kB, of which none may wait for an acknowledgement that is delayed by 40 ms."""
    hosts = Hosts("c", bench.access)
    host = await hosts.host("node0", bench.endpoints["node0"])
    bare = await bench.bare(bench.endpoints["node1"])
    found: dict[str, list[float]] = defaultdict(list)
    async with echo() as port:
        where, _, number = (await host.forward("127.0.0.1", port)).partition(":")
        listener = await bare.forward_local_port("127.0.0.1", 0, "127.0.0.1", port)
        for _ in range(5):
            found["ours"] += await talk(where, int(number))
            found["bare"] += await talk("127.0.0.1", listener.get_port())
    listener.close()
    bare.abort()
    await hosts.close()
    stalls = sum(seconds > 0.03 for seconds in found["ours"])
    return [
        Row(
            what="60 kB echo through a forward", measured=statistics.median(found["ours"]), unit="s",
            against="asyncssh, forward only", baseline=statistics.median(found["bare"]), most=1.0,
        ),
        Row(what=f"stalls over 30 ms in {len(found['ours'])} of them", measured=stalls, unit="", most=4),
    ]  # fmt: skip


def _ssh(*words: str) -> None:
    subprocess.run(["ssh", *words], check=True, stderr=subprocess.DEVNULL)


async def trees(bench: Bench) -> list[Row]:
    """A tree of many small files to one host."""
    top, there = bench.folder / "tree", bench.folder / "there"
    for n in range(FILES):
        file = top / f"d{n % 60}" / f"f{n}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(3_100))
    hosts = Hosts("c", bench.access)
    host = await hosts.host("node0", bench.endpoints["node0"])
    config = str(bench.folder / "config")
    mux = ["-o", f"ControlPath={bench.folder / 'mux'}"]
    _ssh("-F", config, *mux, "-o", "ControlMaster=yes", "-f", "-N", "c-node0")

    async def piped(*options: str) -> None:
        unpack = f"'mkdir -p {there}/tar && tar -x -f - -C {there}/tar'"
        line = f"tar -c -f - -C {top} . | ssh -F {config} {' '.join(options)} c-node0 {unpack}"
        done = await asyncio.create_subprocess_shell(line)
        assert await done.wait() == 0

    found: dict[str, list[float]] = defaultdict(list)
    calls: dict[str, Call] = {
        "ours": lambda: put(host, top, str(there / "ours")),
        "pipe": piped,
        "mux": lambda: piped(*mux),
    }
    for _ in range(ROUNDS):
        for name, call in calls.items():
            shutil.rmtree(there, ignore_errors=True)
            begun = time.perf_counter()
            await call()
            found[name].append(time.perf_counter() - begun)
    await sync(host, top, str(there / "synced"))
    again = await by_turns({"sync": lambda: sync(host, top, str(there / "synced"))}, rounds=5)
    _ssh("-F", config, *mux, "-O", "exit", "c-node0")
    await hosts.close()
    ours, pipe, mixed = (statistics.median(found[name]) for name in calls)
    what = f"tree of {FILES:,} files"
    return [
        Row(what=what, measured=ours, unit="s", against="tar | ssh", baseline=pipe, most=1.5),
        Row(what=what, measured=ours, unit="s", against="tar | ssh, kept connection", baseline=mixed, most=1.5),
        Row(what=f"{what}, unchanged", measured=again["sync"], unit="s", against="tar | ssh", baseline=pipe),
    ]


def memory(bench: Bench) -> list[Row]:
    """What a driver takes that holds a connection to each host."""
    program = str(Path(__file__).with_name("holding_hosts.py"))
    ours, bare = (
        int(run((PYTHON, program, str(bench.folder), who), bench.folder / "home")) for who in ("ours", "bare")
    )
    what = f"memory of a driver that holds {HOSTS} hosts"
    return [
        Row(what=what, measured=ours, unit="MiB", most=150),
        Row(what="bare asyncssh and Dask, imported, that hold them", measured=bare, unit="MiB"),
    ]


async def _rows(folder: Path) -> list[Row]:
    bench = Bench(folder)
    try:
        return [*await commands(bench), *memory(bench), *await tunnels(bench), *await trees(bench)]
    finally:
        for sshd in bench.daemons:
            sshd.stop()


def lacking() -> str:
    """What is missing here for this benchmark, or nothing."""
    missing = [name for name in ("ssh", "tar") if shutil.which(name) is None] + ["sshd"] * (PROGRAM is None)
    return "a Linux with all of 127.0.0.0/8" if sys.platform != "linux" else ", ".join(missing)


def rows() -> list[Row]:
    """All of it; needs Linux, `sshd`, `ssh` and `tar`, and says so where they are not."""
    if lack := lacking():
        print(f"ssh_speed: not measured, it needs {lack}", file=sys.stderr)
        return []
    # In memory: a slow disk would hide what we add.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        return asyncio.run(_rows(Path(folder)))


if __name__ == "__main__":
    print(table(rows()))
