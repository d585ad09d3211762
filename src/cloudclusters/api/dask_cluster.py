"""A cluster in the shape that `distributed.Client(...)` takes."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from cloudclusters.api.cluster import Cluster


class DaskCluster:
    """The few names that a Dask client looks for in a cluster; closing it lets go of nothing."""

    def __init__(self, cluster: Cluster) -> None:
        from distributed.core import Status

        self._cluster = cluster
        self.status = Status.running
        self.scheduler_address = cluster.scheduler_address
        self.security = cluster.security
        self.name = cluster.name or cluster.handle

    @property
    def dashboard_link(self) -> str:
        """Opened when somebody asks for it, and no earlier."""
        return self._cluster.dashboard_link

    def __await__(self) -> Generator[object, None, Self]:
        """Ready at once: the cluster runs already."""
        yield from ()
        return self
