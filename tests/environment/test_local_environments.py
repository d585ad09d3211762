"""Environments on real local nodes: built once, found again, and told clearly when they cannot be."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.errors import DeployFailed, InvalidSetting
from cloudclusters.lifecycle import preparing

pytestmark = pytest.mark.slow

HEAVY = "mypy* ruff* moto boto* cfn* hypothesis* pytest* torch sympy networkx docker openapi* pydantic* cryptography"


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The verbs of the program on nodes, as they are run."""
    ran: list[str] = []
    run = preparing._Work._run

    async def noted(self: preparing._Work, verb: str, *rest: object) -> preparing.Looked:
        ran.append(verb)
        return await run(self, verb, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(preparing._Work, "_run", noted)
    return ran


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """No cluster outlives its test."""
    yield
    for cluster in cc.clusters():
        cc.terminate(cluster)


def deployed(count: int = 1, **settings: str) -> cc.Cluster:
    """A cluster on this machine."""
    return cc.deploy(cc.cluster(node_count=count, node_provider="local", **settings), resolve=True)


def where() -> tuple[str, list[str]]:
    """The Python that computes, and its distributions."""
    from importlib import metadata

    return sys.executable, sorted(dist.name.lower() for dist in metadata.distributions())


def test_uv_gives_workers_what_was_asked_for(verbs: list[str]) -> None:
    """With what the engine needs, and nothing else of ours; a restart only looks."""
    with deployed(environment="uv", packages="iniconfig", wheels="driver") as cluster:
        ((python, names),) = cc.everywhere(where, cluster).values()
        assert "/environments/uv-" in python
        assert {"iniconfig", "distributed", "cloudpickle"} <= set(names)
        assert "asyncssh" not in names
        assert verbs == ["look", "look", "build"]

        verbs.clear()
        cc.restart(cluster)
        assert verbs == ["look"]
        assert next(iter(cc.everywhere(where, cluster).values()))[0] == python


def test_sync_gives_workers_the_modules_beside_the_script(tmp_path: Path) -> None:
    """A function of such a module travels by name, and its data is there; the packages are the driver's."""
    package = tmp_path / "beside_the_script"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from pathlib import Path\ndef read():\n    return Path(__file__).with_name('data.txt').read_text(), __file__\n"
    )
    (package / "data.txt").write_text("hello")
    sys.path.insert(0, str(tmp_path))
    try:
        import beside_the_script  # type: ignore[import-not-found]

        settings = {"sync_folder": str(tmp_path), "sync_exclude": HEAVY, "wheels": "driver"}
        with deployed(environment="sync", **settings) as cluster:
            text, file = cluster.get_client().submit(beside_the_script.read).result()
            assert text == "hello"
            assert "/environments/modules-" in file
            ((python, names),) = cc.everywhere(where, cluster).values()
            assert "/environments/sync-" in python
            assert "pytest" not in names
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("beside_the_script", None)


def test_a_script_runs_once_per_content(tmp_path: Path) -> None:
    """Before the workers start; again when it changed."""
    script, trace = tmp_path / "setup.sh", tmp_path / "trace"
    script.write_text(f"echo one >> {trace}\n")
    with deployed(environment="script", script=str(script)) as cluster:
        cc.restart(cluster)
        assert trace.read_text() == "one\n"
        script.write_text(f"echo two >> {trace}\n")
        cc.restart(cluster)
        assert trace.read_text() == "one\ntwo\n"


def test_a_script_that_fails_shows_its_log_and_leaves_no_mark(tmp_path: Path) -> None:
    """Title, code and the last lines; nothing is left of the cluster."""
    script = tmp_path / "setup.sh"
    script.write_text("echo getting ready\nls /nowhere-at-all\necho never\n")
    with pytest.raises(
        DeployFailed, match=r"(?s)running setup.sh ended with code 2:\ngetting ready\n.*nowhere"
    ) as caught:
        deployed(script=str(script))
    assert "never" not in str(caught.value)
    assert cc.clusters() == []


def test_a_python_that_does_not_go_with_ours_is_told_before_the_first_task(tmp_path: Path) -> None:
    """By node, and with a way out."""
    with pytest.raises(DeployFailed, match=r"node0 does not fit: its Python \d\S+ has no distributed") as caught:
        deployed(python=_bare_python(tmp_path))
    assert "environment=sync" in str(caught.value.hint)


def test_a_python_that_is_not_there_is_told() -> None:
    """Not as a worker that does not start."""
    with pytest.raises(DeployFailed, match=r"node0 does not fit: /nowhere/python cannot be started: No such file"):
        deployed(python="/nowhere/python")


def test_apt_does_not_touch_this_machine() -> None:
    """Local nodes are processes of the user's own computer."""
    with pytest.raises(InvalidSetting, match="would install Debian packages on this machine"):
        deployed(apt="git")


def test_what_an_environment_lacks_is_told_before_a_machine_is_made() -> None:
    """A wrong setting costs nothing."""
    with pytest.raises(InvalidSetting, match="environment=uv needs packages or requirements"):
        deployed(environment="uv")
    with pytest.raises(InvalidSetting, match=r"requirements = 'nowhere.txt' cannot be read"):
        deployed(environment="uv", requirements="nowhere.txt")


def _bare_python(tmp_path: Path) -> str:
    """A Python without any distribution."""
    uv = Path(sys.executable).parent / "uv"
    os.spawnv(os.P_WAIT, uv, [str(uv), "venv", "-q", "--python", sys.executable, str(tmp_path / "bare")])
    return str(tmp_path / "bare" / "bin" / "python")
