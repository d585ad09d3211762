"""Every public name says what it is, and the examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc

PUBLIC = sorted(name for name in cc.__all__ if not name.startswith("__"))
MODULES = sorted({cc.__name__, *(each.__module__ for name in PUBLIC if inspect.isroutine(each := getattr(cc, name)))})


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_are_true(module: str) -> None:
    """What stands after `>>>` gives what stands below it."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    report: list[str] = []

    for test in finder.find(importlib.import_module(module)):
        runner.run(test, out=report.append)

    assert runner.failures == 0, "".join(report)


@pytest.mark.slow
def test_examples_that_need_a_cluster_are_true() -> None:
    """What is left out above for want of a cluster is run on one."""
    runner = Path(__file__).with_name("run_docstrings.py")

    done = subprocess.run([sys.executable, str(runner)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 examples" in done.stdout


def test_examples_are_found() -> None:
    """An empty search would pass unseen."""
    found = doctest.DocTestFinder().find(importlib.import_module("cloudclusters.api.contracts"))

    assert sum(len(test.examples) for test in found) >= 5


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_say_what_they_are(name: str) -> None:
    """The first line of a docstring is a sentence."""
    first = (inspect.getdoc(getattr(cc, name)) or "").partition("\n\n")[0]

    assert first.endswith((".", ":"))
