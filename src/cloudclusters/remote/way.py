"""How the channels of a node are opened: the one thing in which a node here differs from one far away."""

from __future__ import annotations

import sys
from typing import Protocol

from cloudclusters.remote.channel import Channel, open_channel
from cloudclusters.remote.machine import Here, Machine


class Way(Protocol):
    """The way to one agent."""

    @property
    def where(self) -> str:
        """What it is called in messages."""
        ...

    @property
    def machine(self) -> Machine:
        """The machine that the agent is on, to which files travel."""
        ...

    @property
    def python(self) -> str:
        """A Python on that machine."""
        ...

    async def open(self) -> Channel:
        """One more connection to the agent; raises `NodeUnreachable`."""
        ...

    async def forward(self, address: str, port: int) -> str:
        """Make a port that the node reaches answer on this machine; returns `host:port`."""
        ...


class SocketWay:
    """To an agent on this machine, by the name of its Unix socket."""

    def __init__(self, path: str) -> None:
        self.where = path
        self.machine = Here()
        self.python = sys.executable

    async def open(self) -> Channel:
        """Connect to the socket."""
        return await open_channel(self.where)

    async def forward(self, address: str, port: int) -> str:
        """Nothing to do: what this node reaches is reached from here."""
        return f"{address}:{port}"
