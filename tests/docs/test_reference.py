"""The reference pages are what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_reference_pages_are_up_to_date() -> None:
    """Who changes a table, a docstring or a command writes the pages again with `make docs`."""
    check = subprocess.run(
        [sys.executable, str(ROOT / "tools/build_reference.py"), "--check"], capture_output=True, text=True, check=False
    )

    assert check.returncode == 0, check.stdout + check.stderr
