"""The engines that there are: one line each."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from cloudclusters.engine.dask import DaskEngine
from cloudclusters.engine.none import NoEngine
from cloudclusters.engine.protocol import Engine
from cloudclusters.errors import UnknownName

ENGINES: dict[str, Callable[[], Engine]] = {
    "dask": DaskEngine,
    "none": NoEngine,
}


def engine(name: str) -> Engine:
    """The engine of this name; raises `UnknownName` with near names."""
    if name in ENGINES:
        return ENGINES[name]()
    near = difflib.get_close_matches(name.lower(), ENGINES, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownName(f"unknown engine {name!r}", hint=f"{meant}engines: {', '.join(ENGINES)}")
