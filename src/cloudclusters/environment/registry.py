"""The environments that there are: one line each."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from cloudclusters.environment.image import ImageEnvironment
from cloudclusters.environment.protocol import Environment
from cloudclusters.errors import UnknownName

ENVIRONMENTS: dict[str, Callable[[], Environment]] = {
    "image": ImageEnvironment,
}


def environment(name: str) -> Environment:
    """The environment of this name; raises `UnknownName` with near names."""
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]()
    near = difflib.get_close_matches(name.lower(), ENVIRONMENTS, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownName(f"unknown environment {name!r}", hint=f"{meant}environments: {', '.join(ENVIRONMENTS)}")
