"""Which distributions a node must have, and how each gets there."""

from __future__ import annotations

import pytest

from cloudclusters.environment.pins import (
    Installed,
    Origin,
    closure,
    engine_pins,
    origin_of,
    requirement_lines,
    wanted,
)
from cloudclusters.errors import InvalidSetting, NotSupported


def dist(name: str, version: str = "1.0", *requires: str) -> Installed:
    """An installed distribution."""
    return Installed(name=name, version=version, requires=requires)


HERE = [dist("distributed"), dist("numpy", "2.1"), dist("pip"), dist("uv"), dist("cloudclusters", "0.1", "uv>=0.8")]


def names(found: tuple[Installed, ...]) -> list[str]:
    """Their names."""
    return [each.name for each in found]


def test_installers_and_cloudclusters_stay() -> None:
    """Workers import neither."""
    found = wanted(HERE, exclude=(), requires=("distributed",), imports_us=False)
    assert names(found) == ["distributed", "numpy"]


def test_cloudclusters_travels_when_a_module_imports_it() -> None:
    """Else the module could not be imported on a worker."""
    assert "cloudclusters" in names(wanted(HERE, exclude=(), requires=(), imports_us=True))


def test_cloudclusters_travels_when_something_requires_it() -> None:
    """A library of the user's may be made upon it."""
    found = wanted([*HERE, dist("mylib", "1", "cloudclusters>=0.1")], exclude=(), requires=(), imports_us=False)
    assert names(found) == ["cloudclusters", "distributed", "mylib", "numpy"]


def test_what_the_setting_names_stays() -> None:
    """By any spelling, and with stars."""
    found = wanted([*HERE, dist("My_Tool")], exclude=("my.tool", "num*"), requires=(), imports_us=False)
    assert names(found) == ["distributed"]


@pytest.mark.parametrize(
    ("exclude", "requires", "why"), [(("dist*",), "distributed", "leaves it out"), ((), "ray", "not")]
)
def test_what_the_engine_needs_must_be_there(exclude: tuple[str, ...], requires: str, why: str) -> None:
    """Said here, not by a worker that does not start."""
    with pytest.raises(InvalidSetting, match=f"needs {requires} on the nodes.*{why}"):
        wanted(HERE, exclude=exclude, requires=(requires,), imports_us=False)


def test_a_closure_follows_requirements_extras_and_markers() -> None:
    """As an installer would."""
    here = {
        each.name: each
        for each in (
            dist("a", "1", "b[fast]>=1", "never; python_version<'3'"),
            dist("b", "1", "c; extra=='fast'", "d; extra=='slow'"),
            dist("c"),
            dist("d"),
        )
    }
    assert names(closure(["a"], here)) == ["a", "b", "c"]


@pytest.mark.parametrize(("line", "said"), [("zlib-ng", "has none"), ("numpy>=3", "has version 2.1")])
def test_what_the_driver_lacks_cannot_be_sent(line: str, said: str) -> None:
    """Named with what is there."""
    with pytest.raises(NotSupported, match=said):
        closure([line], {each.name: each for each in HERE})


def test_the_engine_gets_the_drivers_version_unless_the_user_names_one() -> None:
    """Two versions of a requirement would be a conflict."""
    ours = {"distributed": "2026.8.0", "cloudpickle": "3.1"}
    assert engine_pins(["numpy"], ("distributed",), ours) == ("distributed==2026.8.0", "cloudpickle==3.1")
    assert engine_pins(["Distributed>2025"], ("distributed",), ours) == ("cloudpickle==3.1",)
    assert engine_pins(["numpy"], (), ours) == ()


def test_a_file_of_requirements_is_read_as_pip_reads_it() -> None:
    """Comments, blanks, continued lines and hashes."""
    text = "# mine\nnumpy>=2 # why\n\npandas==2.2 \\\n    --hash=sha256:00\nx; python_version>'3'\n"
    assert requirement_lines(text, "r.txt") == ("numpy>=2", "pandas==2.2", "x; python_version>'3'")


@pytest.mark.parametrize("line", ["-e .", "-r other.txt", "./wheels/x.whl", "x @ file:///home/me/x"])
def test_what_means_something_here_only_is_refused(line: str) -> None:
    """With file and line."""
    with pytest.raises(InvalidSetting, match=r"r.txt, line 2"):
        requirement_lines(f"numpy\n{line}\n", "r.txt")


@pytest.mark.parametrize(
    ("version", "direct", "origin"),
    [
        ("2.1", {}, Origin.INDEX),
        ("2.1+cpu", {}, Origin.DIRECT),
        ("1", {"url": "file:///x.whl", "archive_info": {}}, Origin.DIRECT),
        ("1", {"url": "https://x/y.git", "vcs_info": {"vcs": "git"}}, Origin.DIRECT),
        ("1", {"url": "file:///x", "dir_info": {}}, Origin.DIRECT),
        ("1", {"url": "file:///x", "dir_info": {"editable": True}}, Origin.EDITABLE),
    ],
)
def test_what_no_index_has_is_known(version: str, direct: dict[str, object], origin: Origin) -> None:
    """It is sent, whatever the nodes reach."""
    assert origin_of(version, direct) is origin
