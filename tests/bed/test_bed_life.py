"""Instances of the bed live as EC2's do, seen through the official SDK and the system's own `ssh`."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bed_client import Cloud, until

pytestmark = pytest.mark.bed

_ASK = """python3 - <<'X'
import json, urllib.error, urllib.request
base = "http://169.254.169.254/latest/"
def ask(path, method="GET", **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(base + path, None, headers, method=method), timeout=3) as a:
            return a.read().decode()
    except urllib.error.HTTPError as error:
        return error.code
plain = ask("meta-data/instance-id")
token = ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
told = {path: ask("meta-data/" + path, **{"X-aws-ec2-metadata-token": token})
        for path in ("instance-id", "local-ipv4", "public-ipv4", "spot/instance-action")}
print(json.dumps({"plain": plain, "told": told}))
X"""


def test_instance_goes_from_pending_to_running_to_reachable_to_gone(cloud: Cloud) -> None:
    """Each state is seen in its time, and after the end nothing is left of it."""
    early = cloud.look(cloud.run_pending())
    assert early["State"]["Name"] == "pending"
    assert "PublicIpAddress" not in early

    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    answer = cloud.ssh(seen, "whoami; hostname -I 2>/dev/null || ip -4 -o addr show eth0")
    assert answer.stdout.startswith("ubuntu\n")
    assert seen["PrivateIpAddress"] in answer.stdout
    assert seen["PublicIpAddress"] not in answer.stdout

    cloud.ec2.terminate_instances(InstanceIds=[name, early["InstanceId"]])
    cloud.wait([name, early["InstanceId"]], "terminated")
    assert not cloud.bed.left().hosts
    assert not cloud.bed.left().processes
    assert not cloud.bed.left().volumes


def test_stop_and_start_keep_the_disk_and_change_the_public_address(cloud: Cloud) -> None:
    """User-data runs once in an instance's life; files and the private address outlive a stop."""
    script = "#!/bin/sh\necho once >>/var/ran\n"
    [name] = cloud.run(UserData=script)
    [before] = cloud.wait([name], "running")
    assert cloud.ssh(before, "cloud-init status --wait && sudo touch /var/kept").stdout == "status: done\n"

    cloud.ec2.stop_instances(InstanceIds=[name])
    [stopped] = cloud.wait([name], "stopped")
    cloud.ec2.start_instances(InstanceIds=[name])
    [after] = cloud.wait([name], "running")

    assert "PublicIpAddress" not in stopped
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert cloud.ssh(after, "cloud-init status --wait; cat /var/ran; ls /var/kept").stdout.split("\n")[:3] == [
        "status: done",
        "once",
        "/var/kept",
    ]
    assert cloud.is_silent(before["PublicIpAddress"])


def test_spot_notice_shows_in_the_metadata_and_the_host_goes(cloud: Cloud) -> None:
    """The metadata service wants a token, names the instance by its address, and tells of the interruption."""
    [name] = cloud.run(
        InstanceMarketOptions={"MarketType": "spot"},
        MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"},
    )
    [seen] = cloud.wait([name], "running")
    before = json.loads(cloud.ssh(seen, _ASK).stdout)
    cloud.bed.instances.reclaim(name, notice=2.0)
    after = json.loads(cloud.ssh(seen, _ASK).stdout)

    assert before["plain"] == 401
    assert before["told"] == {
        "instance-id": name,
        "local-ipv4": seen["PrivateIpAddress"],
        "public-ipv4": seen["PublicIpAddress"],
        "spot/instance-action": 404,
    }
    assert json.loads(after["told"]["spot/instance-action"])["action"] == "terminate"
    [gone] = cloud.wait([name], "terminated")
    assert gone["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert seen["SpotInstanceRequestId"].startswith("sir-")


@pytest.mark.parametrize(("behaviour", "state"), [("stop", "stopped"), ("terminate", "terminated")])
def test_shutdown_inside_stops_or_terminates_as_told_at_the_launch(cloud: Cloud, behaviour: str, state: str) -> None:
    """An instance may end itself."""
    [name] = cloud.run(InstanceInitiatedShutdownBehavior=behaviour)
    [seen] = cloud.wait([name], "running")
    cloud.ssh(seen, "true")
    cloud.ssh_once(seen["PublicIpAddress"], "sudo shutdown -h now")

    [after] = cloud.wait([name], state)
    assert after["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_no_describe_shows_a_state_with_the_reason_of_another(cloud: Cloud) -> None:
    """State and reason are seen together, however fast they change."""
    [name] = cloud.run()
    cloud.wait([name], "running")
    life, enough = cloud.bed.instances.of(name), threading.Event()

    def flip() -> None:
        while not enough.is_set():
            life.turn("stopped", code="Client.UserInitiatedShutdown")
            life.turn("running")

    with ThreadPoolExecutor(1) as threads:
        flipping = threads.submit(flip)
        seen = [cloud.look(name) for _ in range(60)]
        enough.set()
        flipping.result()
    reasons = {"stopped": "Client.UserInitiatedShutdown", "running": ""}
    assert {one["State"]["Name"] for one in seen} == set(reasons)
    assert [one["StateReason"]["Code"] for one in seen] == [reasons[one["State"]["Name"]] for one in seen]


def test_four_hosts_reach_each_other_only_through_what_the_group_opens(cloud: Cloud) -> None:
    """A rule that names the group itself admits its members, and nobody else."""
    cloud.allow(5000, group=cloud.group)
    names = cloud.run(4)
    seen = cloud.wait(names, "running")
    serve = "setsid python3 -m http.server {} >/dev/null 2>&1 </dev/null &\n"
    for instance in seen:
        cloud.ssh(instance, serve.format(5000) + serve.format(5001))
    knock = "python3 -c \"import socket; socket.create_connection(('{}', {}), 0.4)\" 2>/dev/null"
    knock += " && echo open || echo shut"
    peers = [other["PrivateIpAddress"] for other in seen[1:]]

    until(lambda: cloud.ssh(seen[1], knock.format("127.0.0.1", 5001)).stdout == "open\n")
    assert [cloud.ssh(seen[0], knock.format(peer, 5000)).stdout for peer in peers] == ["open\n"] * 3
    assert cloud.ssh(seen[0], knock.format(peers[0], 5001)).stdout == "shut\n"
    assert _knock(seen[1]["PublicIpAddress"], 5000) == "shut"
    assert _knock(seen[1]["PrivateIpAddress"], 22) == "shut"
    cloud.allow(5001, cidr=f"{cloud.bed.client_address}/32")
    assert _knock(seen[1]["PublicIpAddress"], 5001) == "open"


def test_cloud_config_writes_files_runs_commands_and_sets_host_keys(cloud: Cloud, tmp_path: Path) -> None:
    """What the provider sends as user-data does what cloud-init would do, and the console shows it."""
    import base64
    import subprocess

    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "host")], check=True)
    public = (tmp_path / "host.pub").read_text().strip()
    config = {
        "write_files": [
            {
                "path": "/etc/a b",
                "content": base64.b64encode(b"it's\n$HOME").decode(),
                "encoding": "b64",
                "permissions": "0640",
            }
        ],
        "ssh_keys": {"ed25519_private": (tmp_path / "host").read_text(), "ed25519_public": public},
        "runcmd": [["touch", "/var/a list"], "echo said >/var/text; echo to the console"],
    }
    [name] = cloud.run(UserData="#cloud-config\n" + json.dumps(config))
    [seen] = cloud.wait([name], "running")
    read = "cloud-init status --wait; sudo stat -c %a '/etc/a b'; sudo cat '/etc/a b'"
    read += "; echo; ls '/var/a list'; cat /var/text"
    answer = cloud.ssh(seen, read).stdout
    scanned = subprocess.run(
        ["ssh-keyscan", seen["PublicIpAddress"]], capture_output=True, text=True, check=True
    ).stdout
    console = cloud.ec2.get_console_output(InstanceId=name)["Output"]

    assert answer == "status: done\n640\nit's\n$HOME\n/var/a list\nsaid\n"
    assert [line.split()[1:] for line in scanned.splitlines() if not line.startswith("#")] == [public.split()[:2]]
    assert "cloud-init: to the console\n" in console


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("#!/bin/sh\necho because; exit 3\n", "because"),
        ("#cloud-config\nswap: {}\n", "swap"),
        ("#cloud-config\n{", "cloud-config is no YAML"),
    ],
)
def test_first_boot_that_fails_says_so(cloud: Cloud, data: str, reason: str) -> None:
    """A failing script, an unknown key and broken YAML end in an error, and sshd answers all the same.

    The reason stands in the host's log and in the console, which tells it also to one who is not let in.
    """
    [name] = cloud.run(UserData=data)
    [seen] = cloud.wait([name], "running")

    assert cloud.ssh(seen, "cloud-init status --wait").stdout == "status: error\n"
    assert reason in cloud.ssh(seen, "cat /var/log/cloud-init-output.log").stdout
    console = cloud.ec2.get_console_output(InstanceId=name)["Output"].splitlines()
    assert any(line.startswith("cloud-init: ") and reason in line for line in console)
    assert "cloud-init: a first-boot script failed" in console


def test_two_launches_at_once_of_sixteen_hosts_each_are_there_within_seconds(cloud: Cloud) -> None:
    """Neither waits for the other, no two hosts share an address, and all of them end together."""
    with ThreadPoolExecutor(8) as threads:
        launches = list(threads.map(cloud.run, [16, 16]))
        names = [name for launch in launches for name in launch]
        seen = cloud.wait(names, "running")
        hosts = set(threads.map(lambda instance: cloud.ssh(instance, "hostname").stdout, seen))

    assert len({instance["PublicIpAddress"] for instance in seen}) == 32
    assert len(hosts) == 32
    cloud.ec2.terminate_instances(InstanceIds=names)
    cloud.wait(names, "terminated")
    assert not cloud.bed.left().hosts


def _knock(address: str, port: int) -> str:
    import socket

    try:
        socket.create_connection((address, port), 0.4).close()
    except OSError:
        return "shut"
    return "open"
