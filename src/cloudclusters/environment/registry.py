"""The environments that there are, one line each; and what one comes to on a node."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Callable

from cloudclusters.environment.conda import CondaEnvironment
from cloudclusters.environment.machine import ImageEnvironment, apt_layer, script_layer
from cloudclusters.environment.protocol import Captured, Environment, Facts, Ready
from cloudclusters.environment.uv import UvEnvironment
from cloudclusters.environment.wish import ALIASES
from cloudclusters.errors import UnknownName

ENVIRONMENTS: dict[str, Callable[[], Environment]] = {
    "image": lambda: ImageEnvironment("image"),
    "script": lambda: ImageEnvironment("script"),
    "apt": lambda: ImageEnvironment("apt"),
    "uv": lambda: UvEnvironment("uv"),
    "conda": CondaEnvironment,
    "sync": lambda: UvEnvironment("sync"),
}


def environment(name: str) -> Environment:
    """The environment of this name; raises `UnknownName` with near names."""
    true = ALIASES.get(name, name)
    if true in ENVIRONMENTS:
        return ENVIRONMENTS[true]()
    near = difflib.get_close_matches(name.lower(), [*ENVIRONMENTS, *ALIASES], n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownName(f"unknown environment {name!r}", hint=f"{meant}environments: {', '.join(ENVIRONMENTS)}")


def ready(captured: Captured, facts: Facts, *, local_python: str = "", by_driver: bool = False) -> Ready:
    """What an environment comes to on a node.

    `local_python` is the driver's own Python if the node is this machine, else empty; `by_driver`: packages come from
    the driver's wheels. Neither changes the digests of the layers.
    """
    found = environment(captured.wish.environment)
    root = _root(facts, bool(local_python))
    python = found.python(captured, root)
    sent = (captured.modules, captured.uv_wheel if by_driver else None)
    return Ready(
        root=root,
        layers=(*apt_layer(captured), *script_layer(captured), *found.layers(captured, by_driver=by_driver)),
        parcels=(
            *captured.projects,
            *(captured.wheels if by_driver else ()),
            *(parcel for parcel in sent if parcel is not None),
        ),
        python=python or (local_python or "python3",),
        here=bool(local_python) and not python,
    )


def _root(facts: Facts, here: bool) -> str:
    """Where environments are kept: beside the clusters' folders on a machine of our own, else in the node's."""
    above = facts.directory if here else posixpath.dirname(posixpath.dirname(facts.directory))
    return posixpath.join(above, "environments")
