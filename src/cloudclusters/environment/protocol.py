"""The shape of an environment: what the driver found and facts about a node in, layers of steps out; pure."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cloudclusters.environment.wish import Wish


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
    machine: str = ""
    """Its processor as the system calls it, such as `x86_64`."""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command that brings a node closer to ready.

    `{folder}` (of the layer), `{root}` (of all environments), `{self}` (the Python that runs the steps), `{python}` (of
    the wished version), `{uv}` and `{micromamba}` stand for what is on the node, or is brought there when needed.
    """

    title: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    sudo: bool = False
    """Needs root."""


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder on the node that is made once by its steps, and is known by its digest."""

    digest: str
    steps: tuple[Step, ...]
    files: dict[str, str] = {}
    in_place: bool = False
    """Made under its final name, because what is in it knows its own path."""


class Parcel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that the driver sends: its path below the folder of environments, the same here and there, and its size.

    A part of the path is the digest of its content.
    """

    path: str
    size: int

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.rpartition("/")[2]


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where packages come from; without what only the driver may know. An empty `url` is none that nodes may use."""

    url: str = "https://pypi.org/simple"
    extra: tuple[str, ...] = ()


class Captured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the driver found for a wish; nothing in it is secret."""

    wish: Wish
    python: str = ""
    """The wished version of Python, such as `3.11`; empty: the node's."""
    ours: dict[str, str] = {}
    """The driver's own versions: `python`, and of the distributions that matter between processes."""
    platform: str = ""
    """The driver's system and processor, such as `linux x86_64`."""
    lines: tuple[str, ...] = ()
    """Requirements that an index answers."""
    pylock: str = ""
    """Text of a pylock.toml, instead of lines."""
    conda: str = ""
    """Text of an environment.yml."""
    script: str = ""
    """Text of a shell script."""
    projects: tuple[Parcel, ...] = ()
    """Wheels that no index has."""
    wheels: tuple[Parcel, ...] = ()
    """Wheels of all lines, made from what is installed here; only where nodes install from the driver."""
    modules: Parcel | None = None
    """The modules beside the script, as a zip file."""
    index: Index = Index()
    uv_version: str = ""
    uv_path: str = ""
    """The driver's own uv, for nodes on this machine."""
    uv_wheel: Parcel | None = None
    """The driver's uv as a wheel, for nodes without an index."""


class Ready(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an environment comes to on one node: layers to have, parcels they need, and how its Python is started."""

    root: str = ""
    layers: tuple[Layer, ...] = ()
    parcels: tuple[Parcel, ...] = ()
    python: tuple[str, ...] = ("python3",)
    here: bool = False
    """Python is the driver's own: there is nothing to compare."""


class Environment(Protocol):
    """What must be installed; pure."""

    name: str

    def layers(self, captured: Captured, *, by_driver: bool) -> tuple[Layer, ...]:
        """What must be on the node; `by_driver`: packages come from wheels that were sent, else from the index."""
        ...

    def python(self, captured: Captured, root: str) -> tuple[str, ...]:
        """How Python of the environment is started, given the folder of environments; empty: the image's."""
        ...
