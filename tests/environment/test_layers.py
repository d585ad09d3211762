"""What an environment comes to on a node: layers, parcels, and how Python is started."""

from __future__ import annotations

import msgspec
import pytest
from builders import MODULES, NODE, WHEEL, captured
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.environment.conda import description
from cloudclusters.environment.protocol import Captured, Index, Ready
from cloudclusters.environment.registry import ENVIRONMENTS, environment, ready
from cloudclusters.environment.wish import Wish
from cloudclusters.errors import UnknownName

NAMES = st.lists(st.from_regex(r"[a-z]{1,8}==[0-9]\.[0-9]", fullmatch=True), unique=True, max_size=6)


def words(made: Ready) -> list[str]:
    """Every word of every command."""
    return [word for layer in made.layers for step in layer.steps for word in step.argv]


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_an_environment_answers_to_its_name(name: str) -> None:
    """The table's word and the environment's own are one."""
    assert environment(name).name == name


def test_pip_is_another_word_for_uv() -> None:
    """People know that one."""
    assert environment("pip").name == "uv"


def test_an_unknown_environment_points_at_a_near_one() -> None:
    """The hint is what to write instead."""
    with pytest.raises(UnknownName, match="did you mean 'image'"):
        environment("images")


def test_image_installs_nothing() -> None:
    """What the image brings is all there is, and another machine runs its own Python."""
    made = ready(captured("image"), NODE)
    assert (made.layers, made.parcels, made.python, made.here) == ((), (), ("python3",), False)


def test_a_node_on_this_machine_runs_the_drivers_python() -> None:
    """So that functions and packages are the same on both sides, and there is nothing to compare."""
    made = ready(captured("image"), NODE, local_python="/opt/py/bin/python")
    assert (made.python, made.here) == (("/opt/py/bin/python",), True)


def test_the_setting_python_wins() -> None:
    """Then versions are compared on this machine too."""
    wish = Wish(environment="image", python="/opt/conda/bin/python")
    made = ready(Captured(wish=wish), NODE, local_python="/opt/py/bin/python")
    assert (made.python, made.here) == (("/opt/conda/bin/python",), False)


def test_environments_outlive_the_cluster_on_a_machine_of_our_own() -> None:
    """They lie beside the clusters' folders; on a shared machine in the node's own, which goes with it."""
    assert ready(captured("uv"), NODE).root == "/home/me/.cloudclusters/environments"
    assert ready(captured("uv"), NODE, local_python="/p").root == f"{NODE.directory}/environments"


@given(NAMES, st.randoms())
def test_the_order_of_requirements_does_not_matter(lines: list[str], random: object) -> None:
    """The digest is of what is installed."""
    other = list(lines)
    random.shuffle(other)  # type: ignore[attr-defined]
    first, second = (captured("uv", lines=tuple(each)) for each in (lines, other))
    assert ready(first, NODE) == ready(second, NODE)


@given(NAMES, NAMES)
def test_other_requirements_are_another_environment(some: list[str], others: list[str]) -> None:
    """Two environments share a folder only when they are the same."""
    first, second = (ready(captured("uv", lines=tuple(each)), NODE) for each in (some, others))
    assert (first.layers[-1].digest == second.layers[-1].digest) == (set(some) == set(others))


def test_the_way_packages_come_changes_no_digest() -> None:
    """What was built from the index serves where the driver would have sent the same."""
    found = captured("sync", lines=("numpy==2.1",), wheels=(WHEEL,), index=Index(url="https://a.example/simple"))
    by_index, by_driver = (ready(found, NODE, by_driver=each) for each in (False, True))
    assert [layer.digest for layer in by_index.layers] == [layer.digest for layer in by_driver.layers]
    assert (by_index.parcels, by_driver.parcels) == ((), (WHEEL,))
    assert by_index.python == by_driver.python


def test_wheels_of_the_driver_are_installed_without_an_index() -> None:
    """A node without internet must not look for one."""
    found = captured("sync", lines=("numpy==2.1",), wheels=(WHEEL,))
    made = ready(found, NODE, by_driver=True)
    assert {"--offline", "--no-index", "--no-deps"} <= set(words(made))
    assert made.layers[0].files["requirements.txt"] == f"{{root}}/{WHEEL.path}\n"
    assert "UV_DEFAULT_INDEX" not in made.layers[0].steps[-1].env


def test_projects_are_always_sent() -> None:
    """No index has them."""
    made = ready(captured("sync", lines=("numpy==2.1",), projects=(WHEEL,)), NODE)
    assert made.parcels == (WHEEL,)
    assert made.layers[0].files["requirements.txt"].splitlines() == ["numpy==2.1", f"{{root}}/{WHEEL.path}"]


def test_changed_modules_leave_the_packages_alone() -> None:
    """An edit of the script's neighbours must not install anything again."""
    other = msgspec.structs.replace(MODULES, path=f"parcels/{'c' * 24}/modules.zip")
    before, after = (ready(captured("sync", modules=each), NODE) for each in (MODULES, other))
    assert before.layers[0] == after.layers[0]
    assert before.layers[1].digest != after.layers[1].digest
    assert before.python[-1] == after.python[-1]


def test_modules_come_first_on_the_path_of_workers() -> None:
    """As they do beside a script."""
    made = ready(captured("sync", modules=MODULES), NODE)
    assert made.python[:2] == ("/usr/bin/env", f"PYTHONPATH={made.root}/{made.layers[1].digest}/modules")


def test_apt_and_script_come_before_every_environment() -> None:
    """A wheel may need a library, and a script may need a package."""
    wish = Wish(environment="uv", apt=("git", "cmake"), script="/here/setup.sh")
    made = ready(Captured(wish=wish, python="3.11", script="echo hello"), NODE)
    assert [layer.digest.partition("-")[0] for layer in made.layers] == ["apt", "script", "uv"]
    apt, script, _ = made.layers
    assert apt.steps[0].sudo
    assert apt.steps[0].argv[-2:] == ("cmake", "git")
    assert apt.steps[0].env == {"DEBIAN_FRONTEND": "noninteractive"}
    assert (script.files, script.steps[0].title) == ({"script": "echo hello"}, "running setup.sh")


def test_apt_waits_for_others_and_fetches_old_lists_again() -> None:
    """Cloud images install their own updates while they boot."""
    made = ready(Captured(wish=Wish(environment="apt", apt=("git",))), NODE)
    text = made.layers[0].steps[0].argv[2]
    assert "DPkg::Lock::Timeout" in text
    assert "-mtime -1" in text
    assert made.python == ("python3",)


def test_conda_is_made_where_it_stays() -> None:
    """Its files know their own path."""
    made = ready(captured("conda", conda="dependencies: [python]"), NODE)
    (layer,) = made.layers
    assert layer.in_place
    assert layer.files == {"environment.yml": "dependencies: [python]"}
    assert made.python == (f"{made.root}/{layer.digest}/env/bin/python",)


def test_conda_packages_come_with_the_drivers_versions_of_what_the_engine_needs() -> None:
    """Else driver and node would not understand each other."""
    wish = Wish(environment="conda", packages=("numpy=2", "Cloudpickle"), requires=("distributed",))
    text = description(msgspec.structs.replace(captured("conda"), wish=wish))
    assert [line.strip(' -"') for line in text.splitlines()[3:]] == [
        "python=3.11",
        "numpy=2",
        "Cloudpickle",
        "distributed=2026.8.0",
    ]
