"""Local nodes through accidents: whatever dies, the next look sees it and cleans up."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudclusters.base.cloud import Holding, Instance, InstanceState, Launch, Slot
from cloudclusters.base.waiting import SystemClock
from cloudclusters.errors import InvalidSetting, NotSupported, ProviderError
from cloudclusters.provider.local import address
from cloudclusters.provider.local import provider as module
from cloudclusters.provider.local.folder import Folders
from cloudclusters.provider.local.provider import LocalProvider
from cloudclusters.provider.local.settings import LocalSettings, read
from cloudclusters.provider.local.system import kill_marked, marked
from cloudclusters.provider.protocol import Site
from cloudclusters.provider.registry import plugin
from cloudclusters.testing.settling import Settle

Start = Callable[[Instance, str], None]


@pytest.fixture
def settle(local: LocalProvider) -> Settle:
    """Wait for nodes to be as they should be."""
    return Settle(local, SystemClock(), 20.0)


@pytest.fixture
def holding(local: LocalProvider, settle: Settle) -> Iterator[Holding]:
    """A cluster that is let go of at the end."""
    made = local.prepare(Holding(provider="local", cluster="FXqElAnSeTEpQAm", owner="me@test", store="s"))
    yield made
    local.terminate(made, [instance.id for instance in local.describe(made)])
    settle.let_go(made)


def launch(provider: LocalProvider, holding: Holding, count: int = 1) -> list[Instance]:
    """Launch so many nodes, always with the same token."""
    offer = next(iter(provider.offers([])))
    slots = tuple(Slot("peer", index) for index in range(count))
    return list(provider.launch(holding, Launch(token="t", offer=offer, slots=slots)))


def folder(home: Path, instance: Instance) -> Path:
    """Where a node lives."""
    return home / "local" / "nodes" / instance.id


def start(home: Path, instance: Instance, script: str) -> None:
    """Start a shell script on a node and wait until it is ready."""
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(20)
        talk.connect(str(folder(home, instance) / "agent.sock"))
        lines = talk.makefile("rb")
        spec = {"name": "p", "argv": ["sh", "-c", script]}
        talk.sendall(json.dumps({"id": 1, "do": "start", "processes": [spec]}).encode() + b"\n")
        talk.sendall(b'{"id": 2, "do": "watch"}\n')
        while json.loads(lines.readline()).get("event", {}).get("process", {}).get("state") != "ready":
            pass
        lines.close()


def agent_pid(home: Path, instance: Instance) -> int:
    """The number of a node's agent."""
    return int(json.loads((folder(home, instance) / "agent.json").read_text())["os_pid"])


def running(local: LocalProvider, holding: Holding, settle: Settle, count: int = 1) -> list[Instance]:
    """Nodes whose agents answer."""
    launch(local, holding, count)
    return settle.all(holding, InstanceState.RUNNING, count=count)


def kill_agent(home: Path, instance: Instance) -> None:
    """Kill an agent as the system does when memory is short, and wait for its end."""
    handle = os.pidfd_open(agent_pid(home, instance))
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PIDFD, handle, os.WEXITED)
    os.close(handle)


def test_every_node_has_a_loopback_address_of_its_own(local: LocalProvider, holding: Holding) -> None:
    """And no other kind of address."""
    addresses = {instance.inner_address for instance in launch(local, holding, 4)}
    assert len(addresses) == 4
    assert all(a.startswith("127.") and not a.startswith("127.0.0.") for a in addresses)


def test_address_is_kept_over_a_stop(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """As are its id and its slot."""
    before = running(local, holding, settle)
    local.stop(holding, [before[0].id])
    settle.all(holding, InstanceState.STOPPED, count=1)
    local.start(holding, [before[0].id])
    assert settle.all(holding, InstanceState.RUNNING, count=1) == before


def test_taken_port_moves_the_node(local: LocalProvider, home: Path) -> None:
    """An address where somebody listens on the engine's port is passed over."""
    network = "127.62.7.0/30"
    with socket.socket() as other:
        other.bind(("127.62.7.1", address.PROBED_PORT))
        other.listen()
        assert {address.pick(home, network, ()) for _ in range(8)} == {"127.62.7.2"}


def test_port_taken_everywhere_is_the_engines_affair(local: LocalProvider, home: Path) -> None:
    """An engine that does not need the port still gets its node."""
    with socket.socket() as other:
        try:
            other.bind(("0.0.0.0", address.PROBED_PORT))
        except OSError:  # somebody has it already, which is as good
            pass
        else:
            other.listen()
        assert address.pick(home, "", ()).startswith("127.")


def test_missing_loopback_network_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 127.x.y.z does not answer, as on macOS."""

    class Elsewhere(socket.socket):
        def bind(self, _address: object) -> None:
            raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr(address.socket, "socket", Elsewhere)
    with pytest.raises(NotSupported, match="does not answer at 127"):
        address.pick(home, "", ())


def test_other_systems_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason."""
    monkeypatch.setattr(module.sys, "platform", "darwin")
    with pytest.raises(NotSupported, match="needs Linux, not darwin"):
        plugin("local").open(Site(home=home, owner="me"))


@pytest.mark.parametrize("network", ["10.0.0.0/8", "127.1.2.3/8", "127.0.0.0/30", "loopback", "::1/128"])
def test_strange_network_is_refused(network: str) -> None:
    """With an example of a good one."""
    with pytest.raises(InvalidSetting, match=r"127\.93\.0\.0/16"):
        read({"network": network})


def test_nodes_outlive_the_driver(home: Path, local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """Another process that dies at once leaves nodes that run, and that we find."""
    script = (
        "import os, signal, sys, pathlib; from cloudclusters.base.cloud import *;"
        "from cloudclusters.provider.local.provider import LocalProvider, LocalSettings;"
        "p = LocalProvider(pathlib.Path(sys.argv[1]), LocalSettings());"
        "h = Holding(provider='local', cluster=sys.argv[2], owner='me@test', store='s');"
        "p.launch(h, Launch(token='t', offer=next(iter(p.offers([]))), slots=(Slot('peer', 0),)));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    dead = subprocess.run([sys.executable, "-c", script, str(home / "local"), holding.cluster], check=False)
    assert dead.returncode == -signal.SIGKILL
    settle.all(holding, InstanceState.RUNNING, count=1)
    assert [h.cluster for h in local.find()] == [holding.cluster]


def test_killed_agent_is_gone_and_so_is_all_it_ran(
    local: LocalProvider, holding: Holding, settle: Settle, home: Path
) -> None:
    """Its folder stays until the node is terminated."""
    node = running(local, holding, settle)[0]
    start(home, node, "setsid sleep 60 & sleep 60 & echo up >&3; wait")
    kill_agent(home, node)
    seen = local.describe(holding)[0]
    assert (seen.state, marked([node.id])) == (InstanceState.GONE, {node.id: []})
    assert "its agent ended" in seen.reason
    assert folder(home, node).is_dir()
    local.terminate(holding, [node.id])
    assert not local.describe(holding)


def test_reboot_is_seen(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """An agent of another boot is gone, whoever has its number now."""
    node = running(local, holding, settle)[0]
    kill_agent(home, node)
    path = folder(home, node) / "agent.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "os_pid": os.getpid(), "boot": "another"}))
    assert local.describe(holding)[0].state is InstanceState.GONE


def test_reused_number_is_never_signalled(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """A stranger that has the number of a dead agent goes on."""
    node = running(local, holding, settle)[0]
    kill_agent(home, node)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        path = folder(home, node) / "agent.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "os_pid": stranger.pid}))
        local.terminate(holding, [node.id])
        settle.none(holding)
        assert stranger.poll() is None
        stranger.kill()


def test_lost_node_can_be_started_again(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """After a reboot, say: its disk is there."""
    node = running(local, holding, settle)[0]
    kill_agent(home, node)
    local.describe(holding)
    local.start(holding, [node.id])
    assert settle.all(holding, InstanceState.RUNNING, count=1) == [node]


def test_deleted_folder_ends_the_node(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """Who deletes our home by hand is rid of it."""
    node = running(local, holding, settle)[0]
    start(home, node, "echo up >&3; exec sleep 60")
    agent = agent_pid(home, node)
    (home / "local").rename(home / "away")
    os.waitid(os.P_PID, agent, os.WEXITED)
    assert marked([node.id]) == {node.id: []}
    assert not local.describe(holding)


def test_hung_agent_is_killed_in_the_end(home: Path, settle: Settle, local: LocalProvider, holding: Holding) -> None:
    """One that does not listen to SIGTERM."""
    node = running(local, holding, settle)[0]
    pid = agent_pid(home, node)
    os.kill(pid, signal.SIGSTOP)
    local.terminate(holding, [node.id])
    assert local.describe(holding)[0].state is InstanceState.TERMINATING
    later = LocalProvider(home / "local", LocalSettings(), now=lambda: SystemClock().now() + 60)
    later.describe(holding)
    settle.none(holding)
    assert not marked([node.id])[node.id]


def test_terminate_returns_at_once(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """Processes that do not want to end do not hold it up."""
    node = running(local, holding, settle)[0]
    start(home, node, "trap '' TERM; echo up >&3; while :; do sleep 1; done")
    local.terminate(holding, [node.id])
    assert marked([node.id])[node.id]
    settle.none(holding)
    assert marked([node.id]) == {node.id: []}


def test_folder_that_resists_is_deleted(local: LocalProvider, holding: Holding, settle: Settle, home: Path) -> None:
    """Programs leave folders that nobody may write to."""
    node = running(local, holding, settle)[0]
    closed = folder(home, node) / "a" / "b"
    closed.mkdir(parents=True)
    (closed / "file").write_text("")
    closed.chmod(0o500)
    closed.parent.chmod(0)
    local.terminate(holding, [node.id])
    settle.none(holding)
    assert not list((home / "local" / "trash").iterdir())


def test_damaged_node_is_named_and_nothing_is_forgotten(
    local: LocalProvider, holding: Holding, settle: Settle, home: Path
) -> None:
    """When both writings of it are damaged, only the user can know what to do with it."""
    node = running(local, holding, settle)[0]
    path = folder(home, node) / "node.json"
    good = path.read_bytes()
    path.write_bytes(b"{}")
    path.with_name("made.json").write_bytes(b"{}")
    for look in (local.find, lambda: local.describe(holding)):
        with pytest.raises(ProviderError, match=str(path)):
            look()
    path.write_bytes(good)


class Death(BaseException):
    """The driver dies here."""


STEPS = [
    (Folders, "make"),
    (Folders, "write"),
    (Folders, "end"),
    (Folders, "discard"),
    (Folders, "empty_trash"),
    (module, "spawn_agent"),
    (module, "send"),
    (module, "kill_marked"),
]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
def test_death_at_any_step_leaves_nothing(
    step: tuple[object, str], after: bool, local: LocalProvider, holding: Holding, settle: Settle, home: Path
) -> None:
    """Killed in launch, stop, start or terminate, before or after any step: the next terminate cleans up."""
    owner, name = step
    real = getattr(owner, name)

    def deadly(*args: object) -> object:
        if after:
            real(*args)
        raise Death

    def until_death(act: Callable[[], object]) -> None:
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Death):
            patch.setattr(owner, name, deadly)
            act()

    until_death(lambda: launch(local, holding))
    launch(local, holding)
    settle.all(holding, InstanceState.RUNNING, count=1)
    ids = [instance.id for instance in local.describe(holding)]
    until_death(lambda: local.stop(holding, ids))
    until_death(lambda: local.describe(holding))
    local.stop(holding, ids)
    settle.all(holding, InstanceState.STOPPED, count=1)
    until_death(lambda: local.start(holding, ids))
    local.start(holding, ids)
    settle.all(holding, InstanceState.RUNNING, count=1)
    until_death(lambda: local.terminate(holding, ids))
    until_death(lambda: local.describe(holding))
    settle.let_go(holding)
    assert not list((home / "local" / "trash").iterdir())
    assert marked(ids) == {ids[0]: []}


def test_unfinished_launch_is_found_and_cleaned(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """Killed between the folder and the agent, and never repeated."""
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Death):
        patch.setattr(module, "spawn_agent", _die)
        launch(local, holding)
    assert [h.cluster for h in local.find()] == [holding.cluster]
    assert local.describe(holding)[0].state is InstanceState.PENDING
    settle.let_go(holding)
    assert not local.find()


def test_unfinished_launch_is_not_waited_for_long(home: Path, local: LocalProvider, holding: Holding) -> None:
    """After a while it is gone."""
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Death):
        patch.setattr(module, "spawn_agent", _die)
        launch(local, holding)
    later = LocalProvider(home / "local", LocalSettings(), now=lambda: SystemClock().now() + 60)
    seen = later.describe(holding)[0]
    assert (seen.state, seen.reason) == (InstanceState.GONE, "its agent was never started")


@pytest.mark.parametrize("again", [False, True])
def test_unfinished_start_is_finished(
    home: Path, local: LocalProvider, twin: LocalProvider, holding: Holding, settle: Settle, again: bool
) -> None:
    """Killed before the agent was started again: whoever looks next, or starts it, brings the node back."""
    (machine,) = running(local, holding, settle)
    local.stop(holding, [machine.id])
    settle.all(holding, InstanceState.STOPPED, count=1)
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Death):
        patch.setattr(module, "spawn_agent", _die)
        local.start(holding, [machine.id])
    if again:
        twin.start(holding, [machine.id])
    Settle(twin, SystemClock(), 20.0).all(holding, InstanceState.RUNNING, count=1)


def _die(*_: object) -> None:
    raise Death


def test_full_disk_makes_no_half_nodes(local: LocalProvider, holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the provider's capacity that is used up."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "spawn_agent", full)
    with pytest.raises(ProviderError, match="No space left"):
        launch(local, holding)
    assert not local.describe(holding)


def test_driver_in_a_node_does_not_pass_the_mark_on(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """A node made from within another one bears its own mark only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOUDCLUSTERS_INSTANCE", "outer")
        node = running(local, holding, settle)[0]
    assert kill_marked("outer")
    assert local.describe(holding)[0].state is InstanceState.RUNNING
    assert marked([node.id])[node.id]


@pytest.mark.slow
def test_many_nodes_at_once(local: LocalProvider, holding: Holding, settle: Settle) -> None:
    """32 nodes come up, stop, start and go."""
    ids = [instance.id for instance in running(local, holding, settle, 32)]
    local.stop(holding, ids)
    settle.all(holding, InstanceState.STOPPED, count=32)
    local.start(holding, ids)
    settle.all(holding, InstanceState.RUNNING, count=32)
