"""The threat model names only tests that there are, and leads only to what there is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"


def written() -> set[str]:
    """The names of all tests."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py")]
    found = (node for tree in trees for node in ast.walk(tree))
    return {n.name for n in found if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name[:5] == "test_"}


def test_every_named_test_is_there() -> None:
    """A test that was renamed or went takes its claim along."""
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    assert len(named) > 20
    assert not named - written()


def test_every_claim_names_a_test() -> None:
    """Each attacker's section says what shows it, or is told as what is not protected."""
    sections = re.split(r"^### ", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert [section.splitlines()[0] for section in sections if "Shown by `test_" not in section] == [
        "Who steals a disk"
    ]


def test_tests_of_security_are_named() -> None:
    """Every test of this folder stands in the threat model, but those of the page itself."""
    text = PAGE.read_text("utf-8")
    here = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    names = {name for path in here for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)}
    assert sorted(name for name in names if f"`{name}`" not in text) == []
