"""What a host of the bed is, and what a driver can do with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class BedError(Exception):
    """The bed itself does not work, or is used where it must not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may reach a host on which ports: one rule of a security group, with members in place of groups."""

    protocol: str
    """`tcp`, `udp`, `icmp` or `all`."""
    low: int | None
    high: int | None
    source: str
    """A network in CIDR form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """What a host is made of; the same over stop and start."""

    name: str
    hostname: str
    address: str
    """Its private address, the only one that it knows of."""
    user: str
    """The login user of its image; may become root by sudo."""
    authorized_keys: Sequence[str]
    user_data: bytes
    shared: Sequence[Path] = ()
    """Folders of this machine that it sees, read-only, under the same paths."""


class HostDriver(Protocol):
    """Makes hosts and does to them what clouds, users and accidents do. Every verb waits until it is done."""

    def create(self, spec: HostSpec) -> None:
        """Give the host an empty disk; nothing runs yet."""

    def start(self, name: str, *, public: str | None, delay: float, ended: Callable[[], None]) -> None:
        """Boot it; SSH answers after the delay at the earliest. `ended` is called once if it ends by itself."""

    def stop(self, name: str) -> None:
        """Shut it down in order; its disk stays, its public address goes."""

    def kill(self, name: str) -> None:
        """End it at once, as when power fails; `ended` is not called."""

    def remove(self, name: str) -> None:
        """End it and delete its disk; silent about what is gone."""

    def admit(self, name: str, admissions: Sequence[Admission]) -> None:
        """Open exactly these ports, from now on and at every later start; silent about what is gone."""

    def let_in(self, name: str, *, user: str, key: str, seconds: float) -> None:
        """Let this public key log in as this user for so long."""

    def freeze(self, name: str) -> None:
        """Let none of its processes run; its kernel still acknowledges what is sent to it."""

    def thaw(self, name: str) -> None:
        """Let them run again."""

    def partition(self, name: str) -> None:
        """Lose every packet to and from it, silently."""

    def heal(self, name: str) -> None:
        """Let packets pass again."""

    def console(self, name: str) -> bytes:
        """What it has written to its console since it was created."""

    def enter(self, name: str) -> Sequence[str]:
        """The words before a command that let it run on the host, as root and in sight of nobody's sshd."""

    def names(self) -> Sequence[str]:
        """Hosts that exist."""

    def process_ids(self) -> Sequence[int]:
        """Processes of all hosts."""
