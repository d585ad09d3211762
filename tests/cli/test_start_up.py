"""Start-up: what quick commands must not import, and that help imports no command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cloudclusters.cli.listing import ALIASES, COMMANDS, help_text

HEAVY = ("asyncio", "asyncssh", "distributed", "dask", "rich", "boto3", "pandas", "numpy", "concurrent.futures")

_PROBE = """
import sys
sys.argv = ["cloudclusters", *{words!r}]
from cloudclusters.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted(sys.modules), file=sys.stderr)
"""


def _loaded(*words: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", _PROBE.format(words=words)], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stderr.split("LOADED ")[1].split())


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("select", "--help"),
        ("select", "accelerator_architecture=Ada"),
        ("clusters",),
        ("status",),
        ("status", "--json"),
        ("features",),
        ("config", "show"),
    ],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(words: tuple[str, ...]) -> None:
    """No event loop, engine, SSH, SDK or terminal library is loaded to look something up."""
    assert not _loaded(*words) & set(HEAVY)


def test_help_imports_neither_click_nor_a_command() -> None:
    """The list of commands comes from a table."""
    loaded = _loaded("--help")

    assert not {name for name in loaded if name == "click" or name.startswith("cloudclusters.cli.command")}


def test_help_names_every_command_and_alias() -> None:
    """Who reads the help sees all there is."""
    text = help_text("cloudclusters")

    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert all(alias in text for alias in ALIASES)


_INTERRUPTED = """
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["cloudclusters", "clusters"]
from cloudclusters.cli import main
main()
"""


@pytest.mark.parametrize(
    "module", ["cloudclusters.cli.edge", "cloudclusters.cli.frame", "click", "cloudclusters.cli.command.looking"]
)
def test_ctrl_c_while_modules_are_loaded_gets_no_traceback(module: str) -> None:
    """Nothing has begun: one line, and the exit code of Ctrl-C."""
    ended = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED.format(module=module)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped by Ctrl-C\n")
