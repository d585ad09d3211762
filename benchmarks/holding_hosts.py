"""A process that holds connections to many hosts and nothing else: `python holding_hosts.py FOLDER ours|bare`.

The folder has `hosts.json`: address, port, user and host key of each, and the client key `id`; for ours, also
`known_hosts`. Prints its own memory in MiB, with Dask imported, as a driver has it, and a command run on each host.
"""

import asyncio
import gc
import importlib
import json
import sys
from pathlib import Path


async def ours(folder: Path, said: list[tuple[str, int, str, str]]) -> int:
    """As the driver of a cluster does."""
    from cloudclusters.base.cloud import SshEndpoint
    from cloudclusters.remote.ssh import Access, Hosts
    from cloudclusters.remote.ssh.everywhere import everywhere

    hosts = Hosts("c", Access(key_file=str(folder / "id"), known_hosts=str(folder / "known_hosts")))
    entered = {f"node{n}": await hosts.host(f"node{n}", SshEndpoint(*said[n][:3])) for n in range(len(said))}
    (await everywhere(entered, lambda host: host.run("true"))).check()
    held = memory()
    await hosts.close()
    return held


async def bare(folder: Path, said: list[tuple[str, int, str, str]]) -> int:
    """With asyncssh alone."""
    import asyncssh

    async def enter(address: str, port: int, user: str, host_key: str) -> asyncssh.SSHClientConnection:
        trusted = ([asyncssh.import_public_key(host_key)], [], [])
        made = await asyncssh.connect(
            address, port, username=user, client_keys=[str(folder / "id")], known_hosts=trusted, config=None,
            agent_path=None,
        )  # fmt: skip
        await made.run("true")
        return made

    kept = await asyncio.gather(*(enter(*each) for each in said))
    held = memory()
    for connection in kept:
        connection.abort()
    return held


def memory() -> int:
    """What of it is in memory, in MiB, as Linux tells it."""
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) >> 10


if __name__ == "__main__":
    importlib.import_module("distributed")
    place = Path(sys.argv[1])
    hosts = json.loads((place / "hosts.json").read_text())
    print(asyncio.run({"ours": ours, "bare": bare}[sys.argv[2]](place, hosts)))
