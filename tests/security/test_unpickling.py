"""Unpickling runs code: only what comes through the cluster's own TLS is unpickled, and nothing that is stored."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

import cloudclusters

PACKAGE = Path(cloudclusters.__file__).parent
PICKLING = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "_pickle"}
"""Modules that make code or objects of any kind out of bytes."""
COMPUTE = {"api/compute/lane.py", "api/compute/onworker.py", "api/compute/travel.py"}
"""What carries functions, arguments and results between driver and workers: over Dask, so after TLS."""
ON_WORKERS = "api/compute/onworker.py"
"""Runs on workers alone, and there also text: what the user wrote for `everywhere`."""


@functools.cache
def sources() -> dict[str, list[ast.AST]]:
    """The syntax of every module of the package, but for the test bed's."""
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "testing"]
    return {str(p.relative_to(PACKAGE)): list(ast.walk(ast.parse(p.read_text("utf-8")))) for p in paths}


def imported(tree: list[ast.AST]) -> set[str]:
    """The top names of all that a module imports, wherever it does."""
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def called(tree: list[ast.AST]) -> set[str]:
    """The names of all that a module calls."""
    calls = [node.func for node in tree if isinstance(node, ast.Call)]
    return {ast.unparse(call) for call in calls}


def test_pickling_is_the_computing_floors_alone() -> None:
    """Store, records, tags, agents' words, manifests and plugins are read as JSON or SQL with types."""
    found = {name for name, tree in sources().items() if imported(tree) & PICKLING}
    assert found == COMPUTE


def test_dask_is_met_with_keys_in_one_place() -> None:
    """A client is made by `connect` alone, which wants TLS with the cluster's own authority."""
    makers = {name for name, tree in sources().items() if called(tree) & {"Client", "distributed.Client"}}
    assert makers == {"engine/dask/connect.py"}
    tree = sources()["engine/dask/connect.py"]
    (client,) = [n for n in tree if isinstance(n, ast.Call) and ast.unparse(n.func) == "Client"]
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in client.keywords}
    assert given["security"] == "security(keys)"
    assert ast.unparse(client.args[0]).startswith("f'tls://")
    (made,) = [n for n in tree if isinstance(n, ast.Call) and ast.unparse(n.func) == "Security"]
    assert {keyword.arg: ast.unparse(keyword.value) for keyword in made.keywords}["require_encryption"] == "True"


@pytest.mark.parametrize("name", ["eval", "exec", "os.system", "yaml.load", "yaml.unsafe_load"])
def test_no_text_is_run(name: str) -> None:
    """Neither a setting nor a tag nor what a node says becomes code or a line of a shell here."""
    found = {module for module, tree in sources().items() if name in called(tree)}
    assert found == ({ON_WORKERS} if name == "exec" else set())


def test_no_shell_reads_our_words_here() -> None:
    """Programs are started by lists of words; where a shell is wanted it is the user's own command."""
    found = {
        name
        for name, tree in sources().items()
        for node in tree
        if isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) == "True"
    }
    assert found <= {"provider/ec2/caller.py"}
