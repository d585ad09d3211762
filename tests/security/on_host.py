"""What a test does on a host of the bed behind our backs: run a program there, and ask who listens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cloudclusters.testing.bed import Bed

PROBE = Path(__file__).with_name("probe.py")
"""Sent to hosts as text: they see no checkout."""


def run(bed: Bed, host: str, argv: Sequence[str], *, stdin: str = "") -> str:
    """What a command prints on a host, as root."""
    words, env = [*bed.hosts.enter(host), *argv], {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(words, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{argv[:3]} on {host}: {done.stdout}{done.stderr}"
    return done.stdout


def ask(bed: Bed | None, host: str, do: str, *words: str) -> object:
    """The answer of the probe on a host, or here where there is no bed."""
    program = [sys.executable, "-I", "-c", PROBE.read_text(), do, *words]
    if bed is None:
        return json.loads(subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout)
    return json.loads(run(bed, host, program))
