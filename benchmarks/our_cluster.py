"""The same with this package: `python our_cluster.py COUNT` prints when all had computed and when all was gone."""

import json
import os
import sys
import time

import cloudclusters as cc


def main(count: int) -> None:
    """Deploy, compute, terminate."""
    contract = cc.cluster(node_provider="local", node_count=count)
    cluster = cc.deploy(contract, resolve=True)
    deployed = time.monotonic()
    client = cluster.get_client()
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    futures = [client.submit(os.getpid, workers=[worker], pure=False) for worker in workers]
    assert len(set(client.gather(futures))) == count
    computing = time.monotonic()
    client.close()
    asked = time.monotonic()
    cc.terminate(cluster)
    moments = {"deployed": deployed, "computing": computing, "asked": asked, "gone": time.monotonic()}
    print(json.dumps(moments))


if __name__ == "__main__":
    main(int(sys.argv[1]))
