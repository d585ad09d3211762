"""The shape of an environment: facts about a node in, steps out; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agent says of its node when first asked."""

    hostname: str
    python: str
    """Version of the agent's own interpreter, such as `3.11.7`."""
    executable: str
    vcpus: int
    memory_bytes: int
    directory: str
    os_pid: int
    boot: str


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that brings a node closer to ready; may be repeated."""

    title: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}


class Ready(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an environment comes to on one node: steps to run, and how its Python is then started."""

    steps: tuple[Step, ...] = ()
    python: tuple[str, ...] = ("python3",)
    digest: str = ""


class Environment(Protocol):
    """What must be installed; pure."""

    name: str

    def ready(self, facts: Facts, *, local_python: str) -> Ready:
        """The steps for this node; `local_python`: the driver's own Python if the node is this machine, else empty."""
        ...

    def missing(self, requires: Sequence[str]) -> Sequence[str]:
        """Which of these distributions the environment is known not to hold."""
        ...
