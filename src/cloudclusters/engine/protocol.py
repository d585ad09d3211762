"""The shape of what an engine asks for: processes, files and forwards, as plain data.

Secrets are named, never held: a `File` with `secret` set is filled in by lifecycle from the
cluster's own key folder while it is sent.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node as an engine sees it."""

    name: str
    role: str
    index: int
    address: str
    """The inner address, which the other nodes reach."""
    processes: int = 1
    """Workers on this node (`node_process_count`)."""
    vcpus: int = 1
    memory_bytes: int = 0
    """The node's memory; 0 is unknown."""
    python: tuple[str, ...] = ("python3",)
    """How Python of the environment is started on this node."""


class Kind(enum.StrEnum):
    """What a process is for."""

    SCHEDULER = "scheduler"
    """The entry: hands out work."""
    WORKER = "worker"
    """Computes; each life of it has a pid."""
    SERVICE = "service"
    """Anything else that must run."""


class Process(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A process that an agent keeps alive on a node.

    In `argv` and `env`, `{directory}` stands for the node's directory and `{life}` for the process's
    present life. A process that is `ready` writes one line to the file descriptor named by the
    variable `CLOUDCLUSTERS_READY_FD`.
    """

    node: str
    name: str
    kind: Kind
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    memory_bytes: int = 0
    """The agent kills and restarts it beyond this; 0 is no limit."""
    restarts: int = 5
    """Most restarts within `within` seconds before the agent gives up on it."""
    within: float = 60.0


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that must be on a node before its processes start; `path` is relative to its directory.

    An empty `node` is every node.
    """

    node: str
    path: str
    text: str = ""
    secret: str = ""
    """The name of a file in the cluster's key folder, whose content is sent instead of `text`."""
    mode: int = 0o600


class Forward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A port on a node that the driver must reach, by a name such as `scheduler`.

    What is `guarded` proves who it is and asks who comes, by TLS: with `tunneled=false` it is reached without SSH.
    """

    name: str
    node: str
    address: str
    port: int
    guarded: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that an engine wants on the nodes of one cluster."""

    processes: tuple[Process, ...] = ()
    files: tuple[File, ...] = ()
    forwards: tuple[Forward, ...] = ()


class Engine(Protocol):
    """What must run on the nodes; pure."""

    name: str
    requires: Sequence[str]
    """Distributions that the environment must hold."""
    secrets: Sequence[str]
    """Names of files that lifecycle must put into the cluster's key folder before the layout is sent."""

    def make_secrets(self) -> Mapping[str, bytes]:
        """Make these files anew for one cluster; not pure, called once per cluster."""
        ...

    def layout(self, members: Sequence[Member]) -> Layout:
        """Processes, files and forwards for these nodes; member 0 holds the entry."""
        ...

    def command(self, argv: Sequence[str], members: Sequence[Member]) -> Sequence[str]:
        """How a program is started on this engine."""
        ...

    def import_client(self) -> None:
        """Import what `client` needs, which may take a while; `client` does so too when nobody did before."""
        ...

    def client(self, forwards: Mapping[str, str], keys: Mapping[str, str]) -> object:
        """Connect to the entry: `forwards` maps a forward's name to `host:port` on this machine, `keys`
        a secret's name to its path. Blocks; for `dask` a `distributed.Client`.
        """
        ...
