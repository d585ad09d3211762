"""How quickly a command answers: whole processes, against Python doing nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.budget import Row
from benchmarks.taking_turns import COMMAND, PYTHON, measure, run

ROUNDS = 15
WISH = ("node_memory_size>=512G", "node_vcpus_count>=8", "accelerator_count=8", "accelerator_architecture=Ada")
ABSENT = ("asyncio", "asyncssh", "distributed", "dask", "rich", "boto3")
"""What no quick command may import."""

PROCESSES: dict[str, tuple[tuple[str, ...], float]] = {
    "import cloudclusters": ((PYTHON, "-c", "import cloudclusters"), 6),
    "cloudclusters --help": ((COMMAND, "--help"), 6),
    "cloudclusters status": ((COMMAND, "status"), 11),
    "cloudclusters clusters": ((COMMAND, "clusters"), 11),
    "cloudclusters select": ((COMMAND, "select", *WISH), 11),
    "cloudclusters resolve, all regions": ((COMMAND, "resolve", *WISH, "cluster_locale=any"), 15),
    "cloudclusters resolve, all types in all regions": ((COMMAND, "resolve", "cluster_locale=any"), 15),
}
"""Command line and budget, in times of `python -c pass`."""


def rows() -> list[Row]:
    """Whole processes with warm caches and compiled files, and what they import."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        calls = {what: partial(run, argv, home) for what, (argv, _) in PROCESSES.items()}
        found = measure({"python": partial(run, (PYTHON, "-c", "pass"), home), **calls}, ROUNDS)
        timed = [
            Row(
                what=what, measured=found[what], unit="s", against="python -c pass", baseline=found["python"], most=most
            )
            for what, (_, most) in PROCESSES.items()
        ]
        return timed + [
            Row(what=f"slow modules imported by {name}", measured=len(there), unit="modules", most=0)
            for name, there in (("import", imported("", home)), *((a[0], imported(a, home)) for a in QUICK))
        ]


QUICK = (("--help",), ("status",), ("select", *WISH))


def imported(arguments: Sequence[str], home: Path) -> list[str]:
    """Which of the slow modules a command, or the bare import, brings into its process."""
    program = (
        "import atexit, sys, cloudclusters\n"
        f"atexit.register(lambda: print('\\n' + ' '.join(n for n in {ABSENT} if n in sys.modules)))\n"
    )
    if arguments:
        program += f"sys.argv[1:] = {list(arguments)!r}\nfrom cloudclusters.cli import main\nmain()\n"
    return run((PYTHON, "-c", program), home).rsplit("\n", 2)[-2].split()
