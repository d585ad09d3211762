"""A mark says what is not there and why; one that starts passing fails the run."""

from __future__ import annotations

import pytest

from cloudclusters.testing.marks import Marked, never, not_there, not_yet

pytest_plugins = "pytester"

SUITE = """
from cloudclusters.testing.marks import Marked, not_yet

class Suite(Marked):
    works = False

    def test_it(self):
        assert self.works

    def test_other(self):
        pass

class TestWithout(Suite):
    marks = {"test_it": not_yet("the network is missing")}

class TestWithNow(TestWithout):
    works = True

class TestUnmarked(Suite):
    works = True
"""


def test_mark_that_starts_to_pass_fails_the_run(pytester: pytest.Pytester) -> None:
    """And a marked subclass leaves the suite itself unmarked."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("-rx", "-p", "no:randomly")
    result.assert_outcomes(xfailed=1, failed=1, passed=4)
    result.stdout.fnmatch_lines(["*TestWithout::test_it - not yet: the network is missing*"])


def test_mark_for_no_test_is_a_mistake() -> None:
    """A misspelt name would mark nothing."""

    class Suite(Marked):
        def test_it(self) -> None:
            """Nothing."""

    with pytest.raises(TypeError, match="'test_that'"):
        type("TestMine", (Suite,), {"marks": {"test_that": never("it cannot")}})


@pytest.mark.parametrize("mark", [not_yet, not_there, never])
def test_mark_without_a_reason_is_a_mistake(mark) -> None:
    """It must say why."""

    class Suite(Marked):
        def test_it(self) -> None:
            """Nothing."""

    with pytest.raises(TypeError, match="but not why"):
        type("TestMine", (Suite,), {"marks": {"test_it": mark("")}})
