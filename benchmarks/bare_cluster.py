"""What anybody would write by hand: a Dask scheduler and workers as processes, a client, one task on each worker.

`python bare_cluster.py COUNT plain|tls` prints, in seconds of the system's monotonic clock, when all workers had
computed and when all processes were gone. It is written as well as we know: everything starts at once, workers look
for their scheduler by themselves, the driver imports Dask while they start, no dashboard, no nanny, no command line.
It lacks what a cluster of ours has: agents, restarts, logs, a store, and a way back to it from another process.
"""

import json
import os
import socket
import subprocess
import sys
import time

CHILD = """
import asyncio, json, sys
from distributed import Scheduler, Security, Worker

async def main(kind, address, tls):
    security = Security(**tls)
    if kind == "scheduler":
        host, port = address.split("//")[1].split(":")
        server = await Scheduler(host=host, port=int(port), security=security, dashboard=False, dashboard_address=":0")
    else:
        server = await Worker(address, host="127.0.0.1", nthreads=1, security=security, dashboard=False,
                              dashboard_address=":0")
    await server.finished()

said = json.load(sys.stdin)
asyncio.run(main(said["kind"], said["address"], said["tls"]))
"""


def main(count: int, encrypted: bool) -> None:
    """Start, compute, stop."""
    address = f"{'tls' if encrypted else 'tcp'}://127.0.0.1:{free_port()}"
    kinds = ["scheduler", *["worker"] * count]
    children = [subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, text=True) for _ in kinds]
    try:
        tls = keys() if encrypted else {}
        for kind, child in zip(kinds, children, strict=True):
            tell(child, {"kind": kind, "address": address, "tls": tls})
        from distributed import Client, Security

        with Client(address, security=Security(**tls), direct_to_workers=False) as client:
            client.wait_for_workers(count)
            workers = list(client.scheduler_info(n_workers=-1)["workers"])
            futures = [client.submit(os.getpid, workers=[worker], pure=False) for worker in workers]
            assert len(set(client.gather(futures))) == count
            computing = time.monotonic()
        asked = time.monotonic()
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
    print(json.dumps({"computing": computing, "asked": asked, "gone": time.monotonic()}))


def keys() -> dict[str, object]:
    """Dask's own temporary certificate."""
    from distributed import Security

    made = Security.temporary()
    names = ("ca_file", "client_cert", "client_key", "scheduler_cert", "scheduler_key", "worker_cert", "worker_key")
    return {"require_encryption": True, **{f"tls_{name}": getattr(made, f"tls_{name}") for name in names}}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tell(child: "subprocess.Popen[str]", said: dict[str, object]) -> None:
    """Tell a process what it is."""
    assert child.stdin is not None
    child.stdin.write(json.dumps(said))
    child.stdin.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "tls")
