"""Programs that are sent to a node and run there by its Python, 3.8 or later, with nothing but the standard library."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path


@functools.cache
def program(name: str) -> str:
    """The text of one of them."""
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")


@functools.cache
def shell_program(name: str) -> str:
    """The text of one of those that are for the shell."""
    return (Path(__file__).parent / f"{name}.sh").read_text(encoding="utf-8")


def command(python: str, name: str, *arguments: str) -> str:
    """A shell command that runs one of them."""
    return shlex.join([python, "-I", "-S", "-c", program(name), *arguments])
