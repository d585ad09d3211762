"""A new user's machine: a bare root file system with Python and make, our tree, and the commands of the README."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
try:
    import bare_machine
finally:
    sys.path.pop(0)

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial.md")


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.timeout(900)
def test_demo_and_tutorial_run_on_a_bare_machine() -> None:
    """With python3 and make alone, `make demo` installs what it needs; then the written examples run, too."""
    reason = bare_machine.missing()
    if reason:
        pytest.skip(reason)
    with bare_machine.bare_machine() as root:
        bare_machine.copy_tree(ROOT, root / "root/cloudclusters")

        demo = bare_machine.run_inside(root, ["make", "demo"], folder="/root/cloudclusters", timeout=420)

        assert demo.returncode == 0, demo.stdout
        assert "installing python3-venv" in demo.stdout
        assert "Left behind: nothing" in demo.stdout
        read = [".venv/bin/python", "tests/docs/run_page.py", *PAGES]
        pages = bare_machine.run_inside(root, read, folder="/root/cloudclusters", timeout=240)
        assert pages.returncode == 0, pages.stdout
