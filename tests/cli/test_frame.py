"""The frame: every listed command is there, help is help, names are found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudclusters import __version__
from cloudclusters.cli.listing import ALIASES, COMMANDS

Call = Callable[..., object]


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_every_listed_command_has_help_that_says_what_it_does(ccl: Call, name: str) -> None:
    """The table names real commands, each with a sentence, -h, -v and -q."""
    answer = ccl(name, "-h")

    assert answer.code == 0
    assert answer.out.startswith(f"Usage: cloudclusters {name}")
    assert answer.err == ""


def test_version_is_the_package_version(ccl: Call) -> None:
    """`--version` prints one line on stdout."""
    assert ccl("--version").out == f"cloudclusters {__version__}\n"


def test_without_a_command_the_help_is_shown_as_a_usage_error(ccl: Call) -> None:
    """stdout stays clean, the code says that nothing was done."""
    answer = ccl()

    assert (answer.code, answer.out) == (2, "")
    assert "Contracts:" in answer.err


def test_verbose_may_stand_before_or_after_the_command(ccl: Call) -> None:
    """Both places work, and log to stderr only."""
    assert ccl("-v", "clusters", "--json").out == ccl("clusters", "-v", "--json").out == "[]\n"


def test_quiet_says_nothing_but_results(ccl: Call) -> None:
    """Sentences go with `-q`."""
    answer = ccl("clusters", "-q")

    assert (answer.code, answer.out, answer.err) == (0, "", "")
