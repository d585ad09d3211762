"""Environments in the lifecycle: captured once, kept for nodes that join, and told when they do not fit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from lifecycle_world import World, plan_of

from cloudclusters.contract.document import Plan
from cloudclusters.environment.protocol import Captured, Parcel
from cloudclusters.environment.wish import Wish
from cloudclusters.errors import DeployFailed, InvalidSetting, NodeError
from cloudclusters.lifecycle import capturing, keys, modules
from cloudclusters.lifecycle.deploy import deploy
from cloudclusters.lifecycle.preparing import KEPT, _check_platform
from cloudclusters.lifecycle.restart import restart
from cloudclusters.lifecycle.scale import scale
from cloudclusters.lifecycle.terminate import terminate
from cloudclusters.testing.node import FakeNode


def planned(environment: str, **settings: str) -> Plan:
    """A plan for one fake machine."""
    return msgspec.structs.replace(plan_of(1), environment=environment, settings=dict(settings))


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The environments that were captured."""
    seen: list[str] = []
    real = capturing.capture

    def noted(home: Path, wish: object) -> object:
        seen.append(str(getattr(wish, "environment", "")))
        return real(home, wish)  # type: ignore[arg-type]

    monkeypatch.setattr(capturing, "capture", noted)
    return seen


def asked(world: World, handle: str, node: str) -> list[list[str]]:
    """The layers of which a node was asked, per run of the program there."""
    runs = [arguments for do, arguments in world.fleet.node(handle, node).requests if do == "run"]
    return [[layer["digest"] for layer in json.loads(str(each["stdin"]))["layers"]] for each in runs]


def test_nodes_that_join_later_are_like_the_others(world: World, captures: list[str]) -> None:
    """Whatever the driver has by then; what was kept goes with the cluster."""
    record = asyncio.run(deploy(world.ctx, planned("sync", sync_folder="off")))
    asyncio.run(scale(world.ctx, record.handle, 2))
    assert captures == ["sync"]
    assert asked(world, record.handle, "node0") == asked(world, record.handle, "node1")
    asyncio.run(terminate(world.ctx, record.handle))
    assert not (keys.folder(world.ctx.home, record.handle) / KEPT).exists()


@pytest.mark.parametrize("from_script", [True, False])
def test_a_restart_by_the_command_line_keeps_the_environment(
    world: World, captures: list[str], monkeypatch: pytest.MonkeyPatch, from_script: bool
) -> None:
    """Its packages are not the user's; a script of his brings its own anew."""
    record = asyncio.run(deploy(world.ctx, planned("sync", sync_folder="off")))
    monkeypatch.setattr(modules, "folder_of_script", lambda: world.ctx.home if from_script else None)
    asyncio.run(restart(world.ctx, record.handle))
    assert captures == (["sync", "sync"] if from_script else ["sync"])


def test_a_changed_file_of_requirements_counts_at_the_next_restart(world: World, tmp_path: Path) -> None:
    """And when the file is gone, what was kept."""
    file = tmp_path / "requirements.txt"
    file.write_text("attrs\n")
    record = asyncio.run(deploy(world.ctx, planned("uv", requirements=str(file))))
    file.write_text("attrs>=25\n")
    asyncio.run(restart(world.ctx, record.handle))
    file.unlink()
    asyncio.run(restart(world.ctx, record.handle))
    first, second, third = asked(world, record.handle, "node0")
    assert first != second == third


def test_a_wrong_setting_makes_no_machine(world: World) -> None:
    """And no record."""
    with pytest.raises(InvalidSetting, match="needs packages or conda_file"):
        asyncio.run(deploy(world.ctx, planned("conda")))
    assert world.cloud.machines() == []


def test_other_versions_of_an_image_are_told_by_its_processes(world: World) -> None:
    """They know them anyway: no Python more is started to ask."""
    world.fleet.ready = {"versions": {"python": "3.8.1", "distributed": "2024.1.0"}}
    with pytest.raises(DeployFailed, match=r"node0 does not fit: it has Python 3.8.1, and the driver 3") as caught:
        asyncio.run(deploy(world.ctx, planned("image")))
    assert "environment=sync" in caught.value.hint
    assert world.machines() == []


def test_processes_of_an_image_that_fits_are_not_asked_twice(world: World) -> None:
    """What the processes told is enough."""
    world.fleet.ready = {"versions": capturing.our_versions(["distributed"])}
    record = asyncio.run(deploy(world.ctx, planned("image")))
    assert asked(world, record.handle, "node0") == []


def test_other_versions_end_the_deploy_where_processes_do_not_tell(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both versions are named, and no machine is left."""
    monkeypatch.setattr(
        FakeNode,
        "_prepared",
        lambda self, said: {"ready": [], "python": "3.8.1", "versions": {"distributed": "2024.1.0"}},
    )
    with pytest.raises(DeployFailed, match=r"node0 does not fit: it has Python 3.8.1, and the driver 3") as caught:
        asyncio.run(deploy(world.ctx, planned("image")))
    assert isinstance(caught.value.__cause__, NodeError)
    assert "environment=sync" in caught.value.hint
    assert world.machines() == []


@pytest.mark.parametrize(
    ("wheels", "name", "said"),
    [
        ("driver", "x-1-py3-none-any.whl", "the driver's wheels are for linux x86_64, and node0 is linux aarch64"),
        ("auto", "x-1-cp311-cp311-linux_x86_64.whl", r"x-1-cp311-cp311-linux_x86_64.whl cannot be had from an index"),
    ],
)
def test_what_runs_only_here_is_not_sent_to_other_machines(wheels: str, name: str, said: str) -> None:
    """Said by us, not by an installer."""
    parcel = Parcel(path=f"parcels/abc/{name}", size=1)
    found = Captured(wish=Wish(environment="sync", wheels=wheels), platform="linux x86_64", projects=(parcel,))
    with pytest.raises(NodeError, match=said):
        _check_platform("node0", "linux aarch64", found)
