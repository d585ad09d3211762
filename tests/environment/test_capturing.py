"""What the driver finds: versions, modules beside the script, files that the settings name."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from test_wheels import BACKEND, PROJECT

from cloudclusters.environment.wish import Wish
from cloudclusters.errors import InvalidSetting, NotSupported
from cloudclusters.lifecycle import modules
from cloudclusters.lifecycle.capturing import capture, check_files, installed, with_wheels

SYNC = Wish(environment="sync", requires=("distributed",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as users have them."""
    top = tmp_path / "mine"
    files = {
        "helper.py": "import math\n",
        "package/__init__.py": "",
        "package/data/table.csv": "1,2\n",
        "package/__pycache__/x.pyc": "",
        "scripts/plain.py": "",
        "results/big.bin": "",
        ".venv/lib.py": "",
        "env/x.py": "",
        "node_modules/x.py": "",
        "other/pyvenv.cfg": "",
        "other/x.py": "",
        "notes.txt": "",
    }
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


def test_modules_and_packages_travel_and_nothing_else(folder: Path) -> None:
    """Data within a package is part of it; environments, caches and results are not."""
    assert sorted(modules.module_files(folder)) == [
        "helper.py",
        "package/__init__.py",
        "package/data/table.csv",
        "scripts/plain.py",
    ]


def test_modules_are_packed_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    """Whatever the time of their files; an edit makes another parcel."""
    first = modules.packed(tmp_path / "a", folder, asked=False)
    os.utime(folder / "helper.py", (1, 1))
    assert modules.packed(tmp_path / "b", folder, asked=False) == first
    (folder / "helper.py").write_text("import os\n")
    assert modules.packed(tmp_path / "a", folder, asked=False) != first
    assert first is not None
    assert "helper.py" in zipfile.ZipFile(tmp_path / "a" / first.path).namelist()


def test_much_is_sent_only_when_asked_for(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the heaviest and both ways out."""
    monkeypatch.setattr(modules, "MOST", 4)
    with pytest.raises(InvalidSetting, match=r"mostly helper.py") as caught:
        modules.packed(tmp_path, folder, asked=False)
    assert "sync_folder=off" in caught.value.hint
    assert modules.packed(tmp_path, folder, asked=True) is not None


def test_a_module_that_imports_us_is_noticed(folder: Path) -> None:
    """Then workers need cloudclusters."""
    assert not modules.imports_us(folder)
    (folder / "helper.py").write_text("def f():\n    from cloudclusters import pmap\n")
    assert modules.imports_us(folder)


@pytest.mark.parametrize("key", ["script", "requirements", "conda_file"])
def test_a_file_that_is_not_there_is_told_before_anything_is_made(key: str) -> None:
    """By the name of its setting."""
    with pytest.raises(InvalidSetting, match=rf"{key} = 'nowhere' cannot be read: No such file"):
        check_files(Wish(environment="uv", **{key: "nowhere"}))  # type: ignore[arg-type]


def test_a_folder_that_is_none_is_told() -> None:
    """With the word that sends nothing."""
    with pytest.raises(InvalidSetting, match="sync_folder = 'nowhere' is no folder"):
        check_files(Wish(environment="sync", sync_folder="nowhere"))


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("requirements.txt", "numpy>=2\n", ("numpy>=2",)),
        ("pyproject.toml", "[project]\ndependencies = ['numpy>=2', 'pandas']\n", ("numpy>=2", "pandas")),
    ],
)
def test_requirements_are_read_from_files(name: str, text: str, lines: tuple[str, ...], tmp_path: Path) -> None:
    """Their place does not matter, only what is in them."""
    (tmp_path / name).write_text(text)
    found = capture(tmp_path, Wish(environment="uv", requirements=str(tmp_path / name)))
    assert found.lines == lines
    assert found.python == f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_a_lock_file_of_uv_is_read(tmp_path: Path) -> None:
    """Exported by uv itself, without a network."""
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\nversion='1'\ndependencies=[]\n")
    (tmp_path / "uv.lock").write_text(
        'version = 1\nrequires-python = ">=3.11"\n[[package]]\nname = "x"\nversion = "1"\nsource = { virtual = "." }\n'
    )
    assert capture(tmp_path, Wish(environment="uv", requirements=str(tmp_path / "uv.lock"))).lines == ()


def test_sync_takes_exact_versions_and_what_the_engine_needs(tmp_path: Path) -> None:
    """Not the installers, and not cloudclusters."""
    wish = Wish(environment="sync", requires=("distributed",), sync_folder="off")
    found = capture(tmp_path, wish)
    assert f"distributed=={found.ours['distributed']}" in found.lines
    assert not [line for line in found.lines if line.startswith(("pip==", "uv==", "cloudclusters"))]
    assert (found.projects, found.modules) == ((), None)


def test_the_drivers_wheels_are_those_of_the_requirements(tmp_path: Path) -> None:
    """With what they need themselves, and uv."""
    wish = Wish(environment="uv", packages=("partd",))
    found = with_wheels(tmp_path, capture(tmp_path, wish))
    assert sorted(parcel.name.partition("-")[0] for parcel in found.wheels) == ["locket", "partd", "toolz"]
    assert found.uv_wheel is not None


def test_the_drivers_wheels_are_for_its_own_python(tmp_path: Path) -> None:
    """Said here, not by an installer that finds no wheel."""
    found = capture(tmp_path, Wish(environment="uv", packages=("partd",), python_version="3.9"))
    with pytest.raises(NotSupported, match=r"wheels are for Python 3.\d+, the nodes shall have 3.9"):
        with_wheels(tmp_path, found)


@pytest.mark.slow
def test_a_real_editable_project_is_captured(tmp_path: Path) -> None:
    """In an environment of its own, with a module beside the script; only what is there is captured."""
    project = tmp_path / "project"
    project.mkdir()
    editable = "\n\ndef build_editable(d, c=None, m=None):\n    return build_wheel(d, c, m)\n"
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "backend.py").write_text(BACKEND + editable)
    (project / "mine.py").write_text("ANSWER = 42\n")
    uv, python = str(Path(sys.executable).parent / "uv"), str(tmp_path / "v" / "bin" / "python")
    path = f"{Path(uv).parent}:{os.environ['PATH']}"
    env = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache"), "PATH": path}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(tmp_path / "v")], check=True, env=env)
    argv = [uv, "pip", "install", "-q", "--offline", "--no-index", "--python", python, "-e", str(project)]
    subprocess.run(argv, check=True, env=env)
    (tmp_path / "beside.py").write_text("")
    ours = [path for path in sys.path if path]  # what this test imports, but not as that Python's own distributions
    (tmp_path / "script.py").write_text(
        f"import sys, importlib.metadata as m\nall_of = m.distributions\nown = list(sys.path)\nsys.path += {ours!r}\n"
        "m.distributions = lambda: all_of(path=own)\n"
        "from pathlib import Path\nfrom cloudclusters.lifecycle.capturing import capture\n"
        "from cloudclusters.environment.wish import Wish\n"
        f"c = capture(Path({str(tmp_path / 'home')!r}), Wish(environment='sync'))\n"
        "print(c.lines, [p.name for p in c.projects], c.modules is not None)\n"
    )
    done = subprocess.run([python, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "() ['mine-1.0-py3-none-any.whl'] True", done.stderr


def test_this_python_has_what_it_has() -> None:
    """By the one spelling of names."""
    found = installed()
    assert found["pyyaml"].name == "PyYAML"
    assert found["distributed"].requires
