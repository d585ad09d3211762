"""What a good engineer would write by hand: Dask on N instances of EC2, with boto3, asyncssh and distributed.

`python ec2_rival.py COUNT plain|tls PYTHON MY_ADDRESS` prints, in seconds of the system's monotonic clock, when each
phase was over. PYTHON is the interpreter on the instances, and must find distributed there.

It is written as well as we know: machines are launched in one call and polled in one call, entered as soon as each
answers and all at once; workers do not wait for their scheduler; keys are made and Dask is imported while machines
boot. It lacks what a cluster of ours has: host keys (it trusts whoever answers), agents, restarts, logs, a store, and
a way back to the machines, or to their end, when this program dies.
"""

import asyncio
import json
import os
import shlex
import sys
import time

import asyncssh
import boto3

NAME, PORT = f"rival-{os.getpid()}", 8786
CHILD = """
import asyncio, json, pathlib, sys
from distributed import Scheduler, Security, Worker

async def main(kind, host, address, tls):
    security = Security(**tls)
    if kind == "scheduler":
        server = await Scheduler(host=host, port=int(address.rpartition(":")[2]), security=security,
                                 protocol=address.partition(":")[0], dashboard=False, dashboard_address=":0")
        print("ready", flush=True)
    else:
        server = await Worker(address, host=host, nthreads=1, security=security, dashboard=False,
                              dashboard_address=":0")
    await server.finished()

asyncio.run(main(**json.load(sys.stdin)))
"""
moments: dict[str, float] = {}


def passed(what: str) -> None:
    """Note that a phase is over."""
    moments[what] = time.monotonic()


class Machines:
    """The instances, with the group and the key that they need."""

    def __init__(self, count: int, my_address: str) -> None:
        self.ec2, self.count, self.ids, self.group = boto3.client("ec2"), count, [], ""
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.my_address = my_address

    def launch(self) -> None:
        """Ask for all of it."""
        public = self.key.export_public_key()
        self.ec2.import_key_pair(KeyName=NAME, PublicKeyMaterial=public)
        self.group = self.ec2.create_security_group(GroupName=NAME, Description="rival")["GroupId"]
        ssh = {"FromPort": 22, "ToPort": 22, "IpProtocol": "tcp", "IpRanges": [{"CidrIp": f"{self.my_address}/32"}]}
        among = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": self.group}]}
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[ssh, among])
        names = [{"Name": "name", "Values": ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]}]
        image = max(self.ec2.describe_images(Owners=["099720109477"], Filters=names)["Images"], key=_age)["ImageId"]
        made = self.ec2.run_instances(
            ImageId=image, InstanceType="t3.xlarge", MinCount=self.count, MaxCount=self.count, KeyName=NAME,
            SecurityGroupIds=[self.group],
        )  # fmt: skip
        self.ids = [instance["InstanceId"] for instance in made["Instances"]]
        passed("launched")

    def look(self) -> list[dict]:
        """All instances as they are now."""
        pages = self.ec2.get_paginator("describe_instances").paginate(InstanceIds=self.ids)
        return [instance for page in pages for each in page["Reservations"] for instance in each["Instances"]]

    async def all_in(self, state: str) -> list[dict]:
        """Look twice a second until all are in a state."""
        while True:
            seen = await asyncio.to_thread(self.look)
            if all(instance["State"]["Name"] == state for instance in seen):
                return sorted(seen, key=lambda instance: instance["AmiLaunchIndex"])
            await asyncio.sleep(0.5)

    async def end(self) -> None:
        """Delete all of it."""
        if self.ids:
            await asyncio.to_thread(self.ec2.terminate_instances, InstanceIds=self.ids)
            await self.all_in("terminated")
        self.ec2.delete_security_group(GroupId=self.group)
        self.ec2.delete_key_pair(KeyName=NAME)


def _age(image: dict) -> str:
    return image["CreationDate"]


async def enter(address: str, key: asyncssh.SSHKey) -> asyncssh.SSHClientConnection:
    """Connect as soon as it answers."""
    while True:
        try:
            return await asyncssh.connect(
                address, username="ubuntu", client_keys=[key], known_hosts=None, config=None, agent_path=None,
                connect_timeout=3, encryption_algs=["aes128-gcm@openssh.com"],
            )  # fmt: skip
        except (OSError, asyncssh.Error):
            await asyncio.sleep(0.1)


def tls_settings() -> dict[str, object]:
    """Dask's own temporary certificate."""
    from distributed import Security

    made = Security.temporary()
    names = ("ca_file", "client_cert", "client_key", "scheduler_cert", "scheduler_key", "worker_cert", "worker_key")
    return {"require_encryption": True, **{f"tls_{name}": getattr(made, f"tls_{name}") for name in names}}


def prepare(encrypted: bool) -> dict[str, object]:
    """What can be done while machines boot."""
    import distributed  # noqa: F401

    return tls_settings() if encrypted else {}


async def start(
    instance: dict, entry: dict, machines: Machines, python: str, tls: "asyncio.Task[dict]", schedulers: list
) -> asyncssh.SSHClientConnection:
    """Enter a machine, and start its worker; on the first one the scheduler too."""
    connection = await enter(instance["PublicIpAddress"], machines.key)
    scheme = "tls" if await tls else "tcp"
    said = {"host": instance["PrivateIpAddress"], "address": f"{scheme}://{entry['PrivateIpAddress']}:{PORT}"}
    for kind in ("scheduler", "worker") if instance is entry else ("worker",):
        process = await connection.create_process(f"exec {python} -c {shlex.quote(CHILD)} 2>{kind}.log")
        process.stdin.write(json.dumps({"kind": kind, **said, "tls": tls.result()}))
        process.stdin.write_eof()
        if kind == "scheduler":
            schedulers.append(process)
    return connection


def compute(address: str, count: int, tls: dict[str, object]) -> None:
    """A client, and one task on each worker."""
    from distributed import Client, Security

    with Client(address, security=Security(**tls), direct_to_workers=False, timeout=30) as client:
        client.wait_for_workers(count)
        workers = list(client.scheduler_info(n_workers=-1)["workers"])
        futures = [client.submit(os.getpid, workers=[worker], pure=False) for worker in workers]
        assert len(client.gather(futures)) == count
        passed("computing")


async def main(count: int, encrypted: bool, python: str, my_address: str) -> None:
    """Launch, enter, compute, delete."""
    machines = Machines(count, my_address)
    try:
        tls = asyncio.create_task(asyncio.to_thread(prepare, encrypted))
        await asyncio.to_thread(machines.launch)
        seen = await machines.all_in("running")
        passed("running")
        schedulers: list[asyncssh.SSHClientProcess] = []
        connections = await asyncio.gather(*(start(each, seen[0], machines, python, tls, schedulers) for each in seen))
        passed("started")
        assert await schedulers[0].stdout.readline(), "the scheduler did not start; see scheduler.log there"
        listener = await connections[0].forward_local_port("127.0.0.1", 0, seen[0]["PrivateIpAddress"], PORT)
        address = f"{'tls' if encrypted else 'tcp'}://127.0.0.1:{listener.get_port()}"
        await asyncio.to_thread(compute, address, count, await tls)
        listener.close()
        for connection in connections:
            connection.abort()
    finally:
        passed("asked")
        await machines.end()
    passed("gone")
    print(json.dumps(moments))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "tls", sys.argv[3], sys.argv[4]))
