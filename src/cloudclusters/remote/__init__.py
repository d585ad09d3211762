"""How to talk to a node: an endpoint in, a `Node` out. Providers say where nodes answer; they are unknown here."""

from __future__ import annotations

from cloudclusters.remote.node import Node, connect
from cloudclusters.remote.status import ProcessStatus, process_status, process_statuses

__all__ = ["Node", "ProcessStatus", "connect", "process_status", "process_statuses"]
