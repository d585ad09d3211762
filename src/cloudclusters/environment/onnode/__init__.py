"""The program that prepares a node: sent there as text, run by its Python 3.8 or later, standard library only."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

_START = """
import sys, types
for name, text in {modules!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""


def command(python: str, verb: str) -> Sequence[str]:
    """The command that does `look`, `reach` or `build`; what it needs goes to its standard input as JSON."""
    return (python, "-I", "-S", "-c", program(), verb)


@functools.cache
def program() -> str:
    """The text of the whole program."""
    here = Path(__file__).parent
    names = ("tools", "prepare")
    return _START.format(modules={f"{__name__}.{name}": (here / f"{name}.py").read_text("utf-8") for name in names})
