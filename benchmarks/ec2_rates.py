"""How quickly a connected Dask client gets tasks and results of 60 kB, and how often one of these stalls."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

TASKS, RESULTS, SIZE = 400, 40, 60_000
STALL = 0.03
"""Seconds beyond the median that only a delayed acknowledgement explains."""


def rates(client: Client) -> dict[str, float]:
    """Tasks per second, the seconds until a result of 60 kB is here, and the stalls among those.

    The tasks are Python's own functions: no module of ours is on the nodes.
    """
    begun = time.perf_counter()
    client.gather(client.map(abs, range(TASKS), pure=False))
    tasks = TASKS / (time.perf_counter() - begun)
    spent = []
    for _ in range(RESULTS):
        begun = time.perf_counter()
        assert len(client.submit(bytes, SIZE, pure=False).result()) == SIZE
        spent.append(time.perf_counter() - begun)
    middle = statistics.median(spent)
    return {"tasks": tasks, "result": middle, "stalls": sum(each > middle + STALL for each in spent)}
