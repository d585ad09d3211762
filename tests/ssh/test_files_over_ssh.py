"""put, get, sync and ssh on a cluster whose nodes are entered over SSH: two daemons, two login directories."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from ssh_machine import Sshd

from cloudclusters.api import on_nodes
from cloudclusters.api.cluster import kept
from cloudclusters.api.session import session
from cloudclusters.base.cloud import Holding, Instance, InstanceState, Offer, Place, Slot
from cloudclusters.base.handle import new_handle
from cloudclusters.base.loop import core_loop
from cloudclusters.contract.document import ClusterType, Plan, RolePlan
from cloudclusters.errors import (
    IllegalState,
    InvalidContract,
    InvalidSetting,
    MissingExtra,
    NodeError,
    NodeUnreachable,
    UnknownName,
)
from cloudclusters.lifecycle import keys, links
from cloudclusters.lifecycle.files import NotEverywhere
from cloudclusters.remote.ssh import KeyPair, KnownHosts, save_key
from cloudclusters.remote.ssh.include import include_line
from cloudclusters.store.record import Change, ClusterRecord, ClusterState, NodeRecord

pytestmark = pytest.mark.slow

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client is installed")


class Recorded:
    """A cluster in the store as if it had been deployed, and the daemons that are its nodes."""

    def __init__(self, record: ClusterRecord, sshds: list[Sshd]) -> None:
        self.handle, self.record, self.sshds = record.handle, record, sshds
        self.cluster = kept(session(), record.handle)

    def directory(self, node: int = 0) -> Path:
        """The directory of a node."""
        return self.sshds[node].home / ".cloudclusters" / self.handle / f"node{node}"


Record = Callable[..., Recorded]


@pytest.fixture
def recorded(start_sshd, client_key: tuple[Path, KeyPair], tmp_path: Path) -> Iterator[Record]:
    """Writes clusters of two nodes; their agents are killed at the end."""
    made: list[Recorded] = []

    def record(name: str = "", state: ClusterState = ClusterState.RUNNING, **settings: str) -> Recorded:
        handle, store = new_handle(), session().store
        keys.write(session().home, handle, {})
        folder = keys.folder(session().home, handle)
        save_key(client_key[1], folder / keys.CLIENT)
        sshds = [start_sshd(), start_sshd()]
        for index, sshd in enumerate(sshds):
            KnownHosts(folder / keys.KNOWN_HOSTS).pin(f"{handle}-node{index}", sshd.host_key.public)
        offer = Offer(provider="fake", instance_type="f.large", place=Place("here"), hourly_usd=1.0)
        written = ClusterRecord(
            handle=handle,
            name=name,
            state=state,
            plan=Plan(
                contract=new_handle(),
                cluster_type=ClusterType.PEER_WORKERS,
                provider="fake",
                roles=(RolePlan(role="peer", count=2, offer=offer),),
                settings=dict(settings),
            ),
            holding=Holding(provider="fake", cluster=handle, owner=store.owner, store=store.id, place=Place("here")),
            nodes=tuple(_node(handle, index, offer, sshd) for index, sshd in enumerate(sshds)),
            history=(Change(state, 1000.0, 2, 2.0),),
        )
        lease = store.take_lease(handle, "test")
        made.append(Recorded(store.create(written, lease), sshds))
        store.release(lease)
        return made[-1]

    yield record
    for each in made:
        core_loop().run(links.close_all(session().context, each.handle))
        _kill_agents(each.handle)


def _node(handle: str, index: int, offer: Offer, sshd: Sshd) -> NodeRecord:
    instance = Instance(
        id=f"i-{handle}-{index}",
        slot=Slot("peer", index),
        token=handle,
        state=InstanceState.RUNNING,
        instance_type=offer.instance_type,
        place=offer.place,
        inner_address=f"10.0.0.{index}",
        endpoint=sshd.endpoint,
    )
    return NodeRecord(slot=Slot("peer", index), offer=offer, token=handle, instance=instance)


def _kill_agents(handle: str) -> None:
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            mark = f"CLOUDCLUSTERS_INSTANCE=i-{handle}-".encode()
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that may be sent."""
    top = tmp_path / "project"
    (top / "sub").mkdir(parents=True)
    (top / "run.sh").write_text("#!/bin/sh\necho it runs in $CLOUDCLUSTERS_NODE\n")
    (top / "run.sh").chmod(0o755)
    (top / "sub" / "data").write_text("data")
    return top


def test_what_was_synced_runs_where_commands_start(recorded: Record, project: Path) -> None:
    """On every node; and a second sync sends nothing."""
    made, said = recorded(), {}

    made.cluster.sync(project)
    codes = on_nodes.execute(made.handle, ["./run.sh"], heard=lambda node, _, text: said.update({node: text}))
    again = made.cluster.sync(project)

    assert codes == {"node0": 0, "node1": 0}
    assert said == {"node0": "it runs in node0\n", "node1": "it runs in node1\n"}
    assert {copied.files for copied in again.values()} == {0}
    assert (made.directory(1) / "sub" / "data").read_text() == "data"


def test_sync_with_delete_keeps_results(recorded: Record, project: Path) -> None:
    """It deletes only what it brought."""
    made = recorded()
    made.cluster.sync(project, "work", nodes=["node0"])
    (made.directory() / "work" / "result").write_text("dear")
    shutil.rmtree(project / "sub")

    done = made.cluster.sync(project, "work", delete=True, nodes=["node0"])

    assert done["node0"].deleted >= 1
    assert {path.name for path in (made.directory() / "work").iterdir()} == {"run.sh", "result"}
    assert not made.directory(1).exists()


@pytest.mark.parametrize(("remote", "where"), [("", "{node}/project"), ("~/x", "{home}/x"), ("a/b", "{node}/a/b")])
def test_folder_is_put_at_its_path(recorded: Record, project: Path, remote: str, where: str) -> None:
    """Or under its own name, where commands start."""
    made = recorded()

    done = made.cluster.put(project, remote)

    for number, sshd in enumerate(made.sshds):
        place = Path(where.format(node=made.directory(number), home=sshd.home))
        assert (place / "sub" / "data").read_text() == "data"
    assert done["node1"].bytes == sum(path.stat().st_size for path in project.rglob("*") if path.is_file())


def test_get_takes_every_nodes_copy(recorded: Record, tmp_path: Path) -> None:
    """From several into folders of theirs, from one to the very path."""
    made, here = recorded(), tmp_path / "results"
    on_nodes.execute(made.handle, ["sh", "-c", "echo $CLOUDCLUSTERS_NODE > out"], heard=lambda *_: None)

    made.cluster.get("out", here)
    made.cluster.get("out", tmp_path / "one", nodes="node1")

    assert {path.parent.name: path.read_text() for path in here.rglob("out")} == {
        "node0": "node0\n",
        "node1": "node1\n",
    }
    assert (tmp_path / "one").read_text() == "node1\n"


def test_one_node_that_fails_does_not_stop_the_others(recorded: Record, tmp_path: Path) -> None:
    """What was done is told, and what failed."""
    made = recorded()
    made.cluster.put(__file__, "only", nodes=["node1"])

    with pytest.raises(NotEverywhere, match=r"1 of 2 nodes failed(?s:.*)node0: .*there is no .*/only") as caught:
        made.cluster.get("only", tmp_path / "got")

    assert (caught.value.remedy.value, list(caught.value.done), list(caught.value.failures)) == (
        1,
        ["node1"],
        ["node0"],
    )
    assert (tmp_path / "got" / "node1" / "only").read_bytes() == Path(__file__).read_bytes()
    assert not (tmp_path / "got" / "node0").exists()


def test_node_that_does_not_answer_is_one_failure(recorded: Record, project: Path) -> None:
    """The others have it."""
    made = recorded()
    made.sshds[0].stop()

    with pytest.raises(NotEverywhere, match=r"node0: .*does not answer"):
        made.cluster.put(project)

    assert (made.directory(1) / "project" / "run.sh").exists()


def test_working_directory_lies_in_the_login_directory(recorded: Record, project: Path) -> None:
    """The setting `directory`: commands start there, files go there, and the agent's own things stay apart."""
    made, said = recorded(directory="work/here"), []

    on_nodes.execute(made.handle, ["pwd"], nodes=["node0"], heard=lambda _node, _fd, text: said.append(text))
    made.cluster.sync(project)

    place = made.sshds[0].home / "work" / "here"
    assert said == [f"{place}\n"]
    assert (place / "run.sh").exists()
    assert not (place / "agent.sock").exists()


@pytest.mark.parametrize("name", ["agent.sock", "logs", "./node.json", "synced"])
def test_what_the_agent_needs_is_not_overwritten(recorded: Record, project: Path, name: str) -> None:
    """Refused before anything is sent, with a way out."""
    with pytest.raises(InvalidContract, match="belongs to its agent") as caught:
        recorded().cluster.put(project / "run.sh", name)

    assert "directory" in caught.value.hint


def test_wrong_words_get_a_sentence(recorded: Record, project: Path, tmp_path: Path) -> None:
    """Nodes, paths and states."""
    made = recorded()
    with pytest.raises(UnknownName, match="no node 'nod1'; did you mean 'node1'"):
        made.cluster.put(project, nodes=["nod1"])
    with pytest.raises(UnknownName, match=r"there is no file .*nothing"):
        made.cluster.put(tmp_path / "nothing")
    with pytest.raises(UnknownName, match="is no folder"):
        made.cluster.sync(project / "run.sh")
    with pytest.raises(NodeError, match=r"there is no .*/nothing"):
        made.cluster.get("nothing", tmp_path / "x", nodes=["node0"])
    for verb, state in (("put", ClusterState.INTERRUPTED), ("get", ClusterState.TERMINATED)):
        other = recorded(state=state)
        with pytest.raises(IllegalState, match=f"{state}.*{verb} is not possible"):
            other.cluster.put(project) if verb == "put" else other.cluster.get("x", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists() or os.getuid() != 0, reason="needs root, to mount a small disk")
def test_full_disk_is_told(recorded: Record, tmp_path: Path) -> None:
    """In the words of the system, with what to do."""
    made = recorded()
    small = made.sshds[0].home / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("nothing may be mounted here")
    try:
        (tmp_path / "big").write_bytes(bytes(200_000))
        with pytest.raises(NodeError, match=r"No space left|Wrote only") as caught:
            made.cluster.put(tmp_path / "big", "~/small/", nodes=["node0"])
        assert "make room" in caught.value.hint
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


# Shells


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program `ssh` that prints its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text("#!/bin/sh\nprintf '[%s]' \"$@\"\nexit 7\n")
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def ccl(*words: str) -> subprocess.CompletedProcess[str]:
    """The command line as a program."""
    argv = [sys.executable, "-m", "cloudclusters", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def test_ssh_becomes_the_systems_ssh(recorded: Record, fake_ssh: None, home: Path) -> None:
    """With the cluster's configuration, the node's name, and the words as they are; its exit code is ours."""
    made = recorded(name="mine")
    config = home / "keys" / made.handle / "ssh_config"

    first = ccl("ssh", "mine")
    second = ccl("ssh", "mine/node1", "--", "echo  $HOME", "-v")

    assert first.stdout == f"[-F][{config}][{made.handle}-node0]"
    assert second.stdout == f"[-F][{config}][{made.handle}-node1][echo  $HOME][-v]"
    assert (first.returncode, second.returncode) == (7, 7), first.stderr


@needs_ssh
def test_ssh_runs_a_command_line_on_the_node(recorded: Record) -> None:
    """A real session, with the addresses of now."""
    made = recorded()

    done = ccl("ssh", f"{made.handle}/node1", "--", "echo $HOME")

    assert (done.stdout, done.returncode) == (f"{made.sshds[1].home}\n", 0), done.stderr


def test_missing_ssh_is_told(recorded: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With what to install."""
    made = recorded()

    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(MissingExtra, match="not installed") as caught:
            on_nodes.shell(made.handle)

    assert "apt install openssh-client" in caught.value.hint


@pytest.mark.parametrize("state", [ClusterState.INTERRUPTED, ClusterState.TERMINATED])
def test_ssh_to_a_cluster_that_does_not_run_is_told(recorded: Record, fake_ssh: None, state: ClusterState) -> None:
    """In its state's words."""
    made = recorded(state=state)

    done = ccl("ssh", made.handle)

    assert done.returncode == 1
    assert state in done.stderr
    assert "ssh is not possible" in done.stderr


# Names for plain ssh and scp


def test_installed_line_lets_plain_ssh_find_the_nodes(
    recorded: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the top of the user's own file, once, and away again; by the handle and by the cluster's name."""
    made = recorded(name="mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    config = tmp_path / ".ssh" / "config"
    config.parent.mkdir()
    config.write_bytes(b"# mine \xff\nHost other\n  Port 7\n")

    first, second = ccl("ssh-config", "--install"), ccl("ssh-config", "--install")

    assert "added at the top" in first.stderr
    assert "already" in second.stderr
    lines = config.read_bytes().splitlines()
    assert lines[1:] == [b"# mine \xff", b"Host other", b"  Port 7"]
    assert lines[0].startswith(b"Include ")
    assert config.stat().st_mode & 0o777 == 0o600
    if shutil.which("ssh"):
        for name in (f"{made.handle}-node1", "mine-node1"):
            argv = ["ssh", "-F", str(config), name, "echo $HOME"]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, stdin=-3)
            assert done.stdout == f"{made.sshds[1].home}\n", done.stderr
    assert "removed" in ccl("ssh-config", "--uninstall").stderr
    assert "no such line" in ccl("ssh-config", "--uninstall").stderr
    assert config.read_bytes() == b"# mine \xff\nHost other\n  Port 7\n"


def test_line_goes_where_a_link_leads(recorded: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many keep their configuration elsewhere; it stays a link."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "kept").write_text("Host other\n")
    (tmp_path / ".ssh" / "config").symlink_to(tmp_path / "kept")

    on_nodes.include_configs()

    assert (tmp_path / ".ssh" / "config").is_symlink()
    assert (tmp_path / "kept").read_text().endswith("\nHost other\n")


def test_configuration_is_printed(recorded: Record) -> None:
    """With the name as a second pattern, and the handle's alias for the host key."""
    made = recorded(name="mine")

    done = ccl("ssh-config", "mine")

    assert f"Host {made.handle}-node1 mine-node1\n" in done.stdout
    assert f"  HostKeyAlias {made.handle}-node1\n" in done.stdout
    assert done.returncode == 0


def test_directory_that_cannot_stand_in_a_configuration_is_told() -> None:
    """Nothing is written."""
    with pytest.raises(InvalidSetting, match="cannot stand"):
        include_line(Path("/a b/50%/keys/*/ssh_config"))


def test_node_without_a_machine_has_no_shell(recorded: Record) -> None:
    """As after a scale that ended half-way."""
    made, store = recorded(), session().store
    lease = store.take_lease(made.handle, "test")
    bare = tuple(msgspec.structs.replace(node, instance=None) for node in made.record.nodes)
    store.write(msgspec.structs.replace(made.record, nodes=bare), lease)
    store.release(lease)

    with pytest.raises(NodeUnreachable, match="no machine"):
        on_nodes.shell(made.handle, "node1")
