"""Measuring by turns, A B A B: what disturbs the machine meanwhile disturbs all of them alike."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.budget import medians

PYTHON = sys.executable
COMMAND = str(Path(sys.executable).with_name("cloudclusters"))


def measure(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each call, by name; one round before the first warms caches and is thrown away."""
    found = [{name: spent(call) for name, call in calls.items()} for _ in range(rounds + 1)]
    return medians(found[1:])


def spent(call: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def run(argv: Sequence[str], home: Path) -> str:
    """Run a program to its end, with a home of its own, and return what it prints; raises when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, env=environment(home), check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    """As a user's: compiled files are kept from run to run, and no variable of ours changes what is done."""
    ours = ("CLOUDCLUSTERS_", "CLOUD_CLUSTERS_", "PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "CLOUDCLUSTERS_HOME": str(home)}
