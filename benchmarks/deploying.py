"""From a program's start to all of four nodes computing, and from `terminate` to nothing left.

Against a bare script that starts a Dask scheduler and four workers as processes (`bare_cluster.py`): the honest
minimum, without and with TLS. Both are whole programs, so both pay for their imports.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.budget import Row, medians
from benchmarks.taking_turns import PYTHON, run

ROUNDS = 5
NODES = 4
DEPLOY, TERMINATE_S = 1.3, 1.0
_HERE = Path(__file__).parent
PROGRAMS = {
    "ours": ("our_cluster.py", str(NODES)),
    "plain": ("bare_cluster.py", str(NODES), "plain"),
    "tls": ("bare_cluster.py", str(NODES), "tls"),
}


def rows() -> list[Row]:
    """Ours (always TLS) beside both bare scripts, by turns."""
    with tempfile.TemporaryDirectory() as name:
        rounds = [_round(Path(name)) for _ in range(ROUNDS + 1)][1:]
    found = medians(rounds)
    what = f"deploy {NODES} local nodes, to all computing"
    pairs = (("bare Dask processes, no TLS", "plain", DEPLOY), ("bare Dask processes, TLS", "tls", DEPLOY))
    return [
        *(
            Row(
                what=what,
                measured=found["ours computing"],
                unit="s",
                against=against,
                baseline=found[f"{name} computing"],
                most=most,
            )
            for against, name, most in pairs
        ),
        Row(what="of it until cc.deploy returns", measured=found["ours deployed"], unit="s"),
        Row(what="terminate, to nothing left", measured=found["ours gone"], unit="s", most=TERMINATE_S),
        Row(what="bare Dask processes, to all gone", measured=found["plain gone"], unit="s"),
    ]


def _round(home: Path) -> dict[str, float]:
    """Each program once."""
    found: dict[str, float] = {}
    for name, (script, *arguments) in PROGRAMS.items():
        for what, seconds in _moments((PYTHON, str(_HERE / script), *arguments), home).items():
            found[f"{name} {what}"] = seconds
    return found


def _moments(argv: Sequence[str], home: Path) -> dict[str, float]:
    """Seconds from the start of the program to each moment; `gone` counts from when the end was asked for."""
    begun = time.monotonic()
    told: dict[str, float] = json.loads(run(argv, home).splitlines()[-1])
    asked = told.pop("asked")
    return {what: at - (asked if what == "gone" else begun) for what, at in told.items()}
