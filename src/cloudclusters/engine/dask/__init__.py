"""The engine `dask`: a TLS-only Dask scheduler on node 0 and workers on every node, started without Dask's own CLI."""

from __future__ import annotations

from cloudclusters.engine.dask.connect import security
from cloudclusters.engine.dask.engine import OUTPUT_TOPIC, DaskEngine

__all__ = ["OUTPUT_TOPIC", "DaskEngine", "security"]
