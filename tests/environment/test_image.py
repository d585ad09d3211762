"""The environment `image`, and environments by name."""

from __future__ import annotations

import pytest

from cloudclusters.environment.protocol import Facts
from cloudclusters.environment.registry import ENVIRONMENTS, environment
from cloudclusters.errors import UnknownName

NODE = Facts(
    hostname="n",
    python="3.12.1",
    executable="/usr/bin/python3",
    vcpus=2,
    memory_bytes=0,
    directory="/d",
    os_pid=1,
    boot="b",
)


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_an_environment_answers_to_its_name(name: str) -> None:
    """The table's word and the environment's own are one."""
    assert environment(name).name == name


def test_an_unknown_environment_points_at_a_near_one() -> None:
    """The hint is what to write instead."""
    with pytest.raises(UnknownName, match="did you mean 'image'"):
        environment("images")


def test_image_installs_nothing() -> None:
    """What the image brings is all there is."""
    assert environment("image").ready(NODE, local_python="").steps == ()


def test_a_node_on_this_machine_runs_the_drivers_python() -> None:
    """So that functions and packages are the same on both sides."""
    assert environment("image").ready(NODE, local_python="/opt/py/bin/python").python == ("/opt/py/bin/python",)


def test_another_machine_runs_its_own_python() -> None:
    """The driver's path means nothing there."""
    assert environment("image").ready(NODE, local_python="").python == ("python3",)
