"""What hosts see of this machine, how they reboot, and how the client loses them and finds them again."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bed_client import Cloud, until
from botocore.exceptions import ConnectTimeoutError

from cloudclusters.testing.bed import Bed, network
from cloudclusters.testing.bed.host import Admission, BedError, HostSpec

pytestmark = pytest.mark.bed


def test_hosts_run_the_tests_own_interpreter_and_cannot_change_it(cloud: Cloud) -> None:
    """The login user imports what is installed here, at the same path; not even root writes there."""
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    program = "import sys, distributed; print(sys.prefix, sys.base_prefix, distributed.__version__)"
    done = cloud.ssh(seen, f"{sys.executable} -c '{program}'")

    import distributed

    assert done.stdout.split() == [sys.prefix, sys.base_prefix, distributed.__version__], done.stderr
    assert cloud.ssh(seen, f"sudo touch {sys.prefix}/written").returncode == 1
    assert not Path(sys.prefix, "written").exists()


def test_folder_above_a_shared_one_opens_inside_the_host_only(cloud: Cloud, tmp_path: Path) -> None:
    """A host needs to enter `/root`; on this machine it keeps its mode, and its other content is not seen."""
    homes = [folder for folder in Path(sys.base_prefix).parents if folder.stat().st_mode & 0o5 != 0o5]
    before = [folder.stat().st_mode for folder in homes]
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    parent = Path(sys.prefix).parent

    assert cloud.ssh(seen, f"ls -A {parent}").stdout.split() == [Path(sys.prefix).name]
    assert [folder.stat().st_mode for folder in homes] == before


@pytest.mark.parametrize("wrong", ["missing", "private", "/usr"])
def test_what_hosts_could_not_read_is_refused(tmp_path: Path, wrong: str) -> None:
    """Before anything is made, with the path in the message."""
    (tmp_path / "private").mkdir(mode=0o700)
    path = tmp_path / wrong
    with pytest.raises(BedError, match=str(path)):
        Bed(shared=[path]).__enter__()


def test_host_that_has_ended_is_on_the_bridge_no_more(cloud: Cloud) -> None:
    """However late the kernel clears its network up: the next host may have its address."""
    names = cloud.run(4)
    cloud.wait(names, "running")

    def links() -> int:
        shown = ["ip", "-oneline", "link", "show", "master", "bed0"]
        return len(subprocess.run(shown, capture_output=True, text=True, check=True).stdout.splitlines())

    assert links() == 4
    for left, name in enumerate(names[:0:-1], start=1):
        cloud.bed.instances.crash(name)
        assert links() == 4 - left
    cloud.bed.instances.driver.stop(names[0])
    assert links() == 0


def test_link_that_the_kernel_takes_first_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between the two looks of `ip`, which then says so in other words; one that stays is."""

    def fail(*command: str, text: str | None = None) -> str:
        raise BedError(f"{' '.join(command)} failed (2): RTNETLINK answers: No such device")

    network.Network().detach("bed-none")
    monkeypatch.setattr(network, "run", fail)
    network.Network().detach("bed-none")
    with pytest.raises(BedError, match="No such device"):
        network.Network().detach("lo")


def test_reboot_keeps_disk_and_addresses_and_runs_user_data_no_more(cloud: Cloud) -> None:
    """By the cloud's verb as by a command inside."""
    [name] = cloud.run(UserData="#!/bin/sh\necho once >>/var/ran\n")
    [before] = cloud.wait([name], "running")
    address, boots = before["PublicIpAddress"], []
    reboots = (
        lambda: None,
        lambda: cloud.ec2.reboot_instances(InstanceIds=[name]),
        lambda: cloud.ssh_once(address, "sudo reboot"),
    )
    for reboot in reboots:
        reboot()
        until(
            lambda: cloud.ssh_once(address, "test ! -e /run/seen && sudo touch /run/seen", patience=1).returncode == 0
        )
        boots.append(cloud.ssh(before, "cloud-init status --wait; cat /var/ran").stdout)
        after = cloud.look(name)
        assert after["State"]["Name"] == "running"
        assert after["PublicIpAddress"] == address
        assert after["PrivateIpAddress"] == before["PrivateIpAddress"]

    assert boots == ["status: done\nonce\n"] * 3


def test_host_that_is_ended_as_it_boots_again_stays_ended(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that reboots by itself and is terminated at that moment is no machine that nobody knows of."""
    [name] = cloud.run()
    [shown] = cloud.wait([name], "running")
    driver, starting, booting = cloud.bed.instances.driver, threading.Event(), []
    start = driver.start

    def slowly(*args: object, **how: object) -> None:
        booting.append(threading.current_thread())
        starting.set()
        threading.Event().wait(0.3)
        start(*args, **how)

    cloud.ssh(shown, "cloud-init status --wait")
    monkeypatch.setattr(driver, "start", slowly)
    cloud.ssh_once(shown["PublicIpAddress"], "sudo reboot")
    assert starting.wait(10)
    driver.stop(name)
    booting[0].join()
    assert not driver.process_ids()
    driver.admit("i-gone", [])


def _talk(address: str, port: int) -> socket.socket:
    return until(lambda: _connected(address, port))


def _connected(address: str, port: int) -> socket.socket | None:
    try:
        return socket.create_connection((address, port), 0.3)
    except OSError:
        return None


_ECHO = """setsid python3 -c "
import socket, socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(99): self.request.sendall(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(('', 5000), Echo).serve_forever()" >/dev/null 2>&1 </dev/null &"""


def test_client_that_lost_its_hosts_finds_its_connections_again(cloud: Cloud) -> None:
    """Nothing is refused or reset, neighbours and the cloud go on answering; afterwards what was sent arrives."""
    cloud.allow(5000, cidr="0.0.0.0/0")
    seen = cloud.wait(cloud.run(2), "running")
    for instance in seen:
        cloud.ssh(instance, _ECHO)
    one, two = (_talk(instance["PublicIpAddress"], 5000) for instance in seen)
    knock = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{seen[1]['PrivateIpAddress']}/5000; echo a >&3; head -c 1 <&3'"
    cloud.ssh(seen[0], f"setsid sh -c 'sleep 0.5; {knock.replace(chr(39), chr(34))} >/tmp/heard' >/dev/null 2>&1 &")

    cloud.bed.cut_client()
    for link in (one, two):
        link.settimeout(0.3)
        link.sendall(b"lost?")
        with pytest.raises(TimeoutError):
            link.recv(5)
    assert cloud.look(seen[0]["InstanceId"])["State"]["Name"] == "running"
    assert _connected(seen[0]["PublicIpAddress"], 22) is None
    cloud.bed.mend_client()

    for link in (one, two):
        link.settimeout(10)
        assert link.recv(5) == b"lost?"
        link.close()
    assert until(lambda: cloud.ssh(seen[0], "cat /tmp/heard").stdout) == "a"


def test_client_may_lose_a_single_host(cloud: Cloud) -> None:
    """The other one is as near as before."""
    seen = cloud.wait(cloud.run(2), "running")
    for instance in seen:
        cloud.ssh(instance, "true")
    cloud.bed.cut_client(seen[0]["InstanceId"])

    assert cloud.is_silent(seen[0]["PublicIpAddress"])
    assert cloud.ssh_once(seen[1]["PublicIpAddress"], "true").returncode == 0
    cloud.bed.mend_client()
    assert cloud.ssh_once(seen[0]["PublicIpAddress"], "true").returncode == 0


def test_client_may_lose_the_cloud_too(cloud: Cloud) -> None:
    """Its calls are lost in silence, until the network is there again."""
    quick = cloud.client("ec2", connect_timeout=0.5)
    cloud.bed.cut_client(api=True)
    with pytest.raises(ConnectTimeoutError):
        quick.describe_regions()
    cloud.bed.mend_client()

    assert quick.describe_regions()["Regions"]


def test_frozen_host_goes_on_where_it_was(cloud: Cloud) -> None:
    """No process of it runs meanwhile, and none has ended."""
    [name] = cloud.run()
    [seen] = cloud.wait([name], "running")
    cloud.ssh(seen, "setsid sh -c 'while :; do date >>/tmp/ticks; sleep 0.02; done' >/dev/null 2>&1 </dev/null &")
    ticks = "wc -l </tmp/ticks"
    until(lambda: int(cloud.ssh(seen, ticks).stdout or 0) > 2)
    cloud.bed.hosts.freeze(name)
    files = [Path(f"/proc/{process}/stat") for process in cloud.bed.hosts.process_ids()]
    states = {file.read_text().rpartition(")")[2].split()[0] for file in files}
    cloud.bed.hosts.thaw(name)
    before = int(cloud.ssh(seen, ticks).stdout)

    assert states - {"Z"} == {"T"}
    until(lambda: int(cloud.ssh(seen, ticks).stdout) > before)


def test_what_is_admitted_while_a_host_boots_stays_admitted(bed: Bed) -> None:
    """The boot does not put back what was in force when it began: a neighbour of the same moment would be shut out."""
    driver, names = bed.instances.driver, [f"host{number}" for number in range(6)]
    later = Admission(protocol="tcp", low=4321, high=4321, source="172.31.9.9/32")
    for number, name in enumerate(names):
        address = f"172.31.8.{number + 1}"
        driver.create(
            HostSpec(name=name, hostname=name, address=address, user="u", authorized_keys=(), user_data=b"#!/bin/sh\n")
        )
        driver.start(name, public=None, delay=0.0, ended=lambda: None)
        driver.admit(name, [later])
    shut = []
    for name in names:
        until(lambda name=name: b"login:" in driver.console(name))  # type: ignore[misc]
        inside = [word.replace("--all", "--net") for word in driver.enter(name)]
        rules = subprocess.run([*inside, "iptables", "-S", "INPUT"], capture_output=True, text=True, check=True).stdout
        shut += [] if "--dport 4321" in rules else [name]
        driver.remove(name)
    assert shut == []
