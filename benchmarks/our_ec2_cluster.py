"""The same with this package: `python our_ec2_cluster.py COUNT [rates]` prints when each phase was over.

With `rates` it also prints how quick a client is through SSH, and, by turns with it, one that is let in directly:
that one's port is opened here, beside the package.
"""

import json
import os
import sys
import time

import cloudclusters as cc


def main(count: int, rated: bool) -> None:
    """Resolve, deploy, compute, terminate."""
    moments: dict[str, float] = {}
    contract = cc.cluster(
        node_provider="ec2", node_machinetype="t3.xlarge", node_count=count, cluster_locale="us-east-1",
        environment="image", python=sys.executable,
    )  # fmt: skip
    cc.resolve(contract)
    moments["resolved"] = time.monotonic()
    cluster = cc.deploy(contract)
    moments["deployed"] = time.monotonic()
    try:
        client = cluster.get_client()
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        futures = [client.submit(os.getpid, workers=[worker], pure=False) for worker in workers]
        assert len(client.gather(futures)) == count
        moments["computing"] = time.monotonic()
        told = by_turns(cluster, client) if rated else {}
        client.close()
    finally:
        moments["asked"] = time.monotonic()
        cc.terminate(cluster)
    moments["gone"] = time.monotonic()
    print(json.dumps({"moments": moments, "rates": told}))


def by_turns(cluster: cc.Cluster, client: object, rounds: int = 6) -> dict[str, dict[str, float]]:
    """The medians through SSH and directly; the first round warms up."""
    import boto3
    from distributed import Client

    from benchmarks.budget import medians
    from benchmarks.ec2_rates import rates

    entry = cluster.members[0]
    ec2 = boto3.client("ec2")
    names = [{"Name": "group-name", "Values": [f"cloudclusters-{cluster.handle}"]}]
    group = ec2.describe_security_groups(Filters=names)["SecurityGroups"][0]["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 8786, "ToPort": 8786, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    address = f"tls://{entry.public_address}:8786"
    with Client(address, security=cluster.security, direct_to_workers=False, set_as_default=False) as direct:
        found = [{"tunnel": rates(client), "direct": rates(direct)} for _ in range(rounds + 1)][1:]
    return {way: medians([each[way] for each in found]) for way in ("tunnel", "direct")}


if __name__ == "__main__":
    main(int(sys.argv[1]), "rates" in sys.argv[2:])
