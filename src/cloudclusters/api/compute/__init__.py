"""Computing on workers: `pmap`, `everywhere`, `fetchfrom`, executors, and what workers print.

Every function takes the clusters to compute on as a `HasWorkers`: a handle, a Dask client, and its live
workers by pid. Nothing here knows how a cluster came to be.
"""

from __future__ import annotations

from cloudclusters.api.compute.executing import get_executor
from cloudclusters.api.compute.mapping import pmap
from cloudclusters.api.compute.namespaces import everywhere, fetchfrom
from cloudclusters.api.compute.output import Output, hear_output
from cloudclusters.api.compute.progress import Progress
from cloudclusters.api.compute.team import HasWorkers

__all__ = [
    "HasWorkers",
    "Output",
    "Progress",
    "everywhere",
    "fetchfrom",
    "get_executor",
    "hear_output",
    "pmap",
]
