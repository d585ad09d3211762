"""Wheels made here: of what is installed, and of a project that is worked on. Installed by uv, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from cloudclusters.environment.protocol import Parcel
from cloudclusters.errors import NotSupported
from cloudclusters.lifecycle.wheels import built, repacked

UV = str(Path(sys.executable).parent / "uv")

BACKEND = """
import zipfile
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.write("mine.py")
        wheel.writestr("mine-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mine\\nVersion: 1.0\\n")
        wheel.writestr("mine-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("mine-1.0.dist-info/RECORD", "")
    return name
"""
PROJECT = """
[project]
name = "mine"
version = "1.0"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that builds without fetching anything."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "mine.py").write_text("ANSWER = 42\n")
    return folder


def installed(place: Path, wheels: list[Path]) -> Path:
    """The Python of a fresh environment that holds these wheels and nothing else."""
    env = {**os.environ, "UV_CACHE_DIR": str(place / "cache")}
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, str(place / "v")], check=True, env=env)
    python = place / "v" / "bin" / "python"
    argv = [UV, "pip", "install", "-q", "--offline", "--no-index", "--no-deps", "--python", str(python)]
    subprocess.run([*argv, *map(str, wheels)], check=True, env=env)
    return python


@pytest.mark.slow
def test_repacked_wheels_install_and_import(tmp_path: Path) -> None:
    """One with compiled modules, one with a console script, one with data beside its code."""
    cache = tmp_path / "cache"
    names = ["msgspec", "click", "pygments", "pytest", "pluggy", "iniconfig", "packaging"]
    wheels = [cache / repacked(cache, metadata.distribution(name)).path for name in names]
    python = installed(tmp_path, wheels)
    said = "import msgspec, click, pygments; print(msgspec.json.decode(b'[1]'), msgspec._core.__file__)"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[1] " + str(tmp_path))
    script = subprocess.run([python.with_name("pytest"), "--version"], capture_output=True, text=True, check=True)
    assert script.stdout.startswith("pytest ")
    listed = subprocess.run([UV, "pip", "check", "--python", str(python)], capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stderr


def test_a_program_that_is_no_console_script_comes_along(tmp_path: Path) -> None:
    """As uv, which is sent to nodes in this way."""
    wheel = tmp_path / repacked(tmp_path, metadata.distribution("uv")).path
    with zipfile.ZipFile(wheel) as archive:
        program = next(entry for entry in archive.infolist() if entry.filename.endswith(".data/scripts/uv"))
    assert program.external_attr >> 16 & 0o111


def test_the_same_files_are_the_same_wheel(tmp_path: Path) -> None:
    """In another cache too: nodes know parcels by their digest."""
    dist = metadata.distribution("click")
    first, second = repacked(tmp_path / "a", dist), repacked(tmp_path / "b", dist)
    assert first == second
    assert "sync" not in first.path


def test_what_was_made_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without looking at the files; one that was cut off is made anew."""
    dist = metadata.distribution("click")
    made = repacked(tmp_path, dist)
    monkeypatch.setattr("cloudclusters.lifecycle.wheels._pack", lambda *_: pytest.fail("packed again"))
    assert repacked(tmp_path, dist) == made
    monkeypatch.undo()
    (tmp_path / made.path).write_bytes(b"cut off")
    assert repacked(tmp_path, dist) == made
    assert (tmp_path / made.path).stat().st_size == made.size


def test_files_of_unknown_origin_are_refused(tmp_path: Path) -> None:
    """A wheel without its files would fail only on the node."""
    (info := tmp_path / "odd-1.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    with pytest.raises(NotSupported, match=r"odd 1 cannot be sent.*not installed by pip or uv"):
        repacked(tmp_path, metadata.PathDistribution(info))


def test_a_project_is_built_again_only_when_it_changed(tmp_path: Path, project: Path) -> None:
    """The digest is of the content: neither the time nor the place of the files."""

    def make() -> Parcel:
        return built(tmp_path / "cache", UV, project)

    first = make()
    os.utime(project / "mine.py", (1, 1))
    assert make() == first
    (project / "mine.py").write_text("ANSWER = 43\n")
    assert make() != first


def test_a_project_that_does_not_build_shows_why(tmp_path: Path, project: Path) -> None:
    """With the end of the log."""
    (project / "backend.py").write_text("def build_wheel(*a, **k): raise RuntimeError('no compiler here')\n")
    with pytest.raises(NotSupported, match=r"(?s)project .* cannot be built.*no compiler here"):
        built(tmp_path / "cache", UV, project)
