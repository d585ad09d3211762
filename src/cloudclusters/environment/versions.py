"""Whether driver and node understand each other: their versions of Python and of what talks between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

COMPARED = ("dask", "distributed", "cloudpickle", "msgpack", "msgspec", "lz4", "tornado", "numpy", "pandas")
"""Distributions whose versions are asked for on both sides."""
_EQUAL = ("dask", "distributed")
"""Those whose versions must be the same."""


def disagreement(ours: Mapping[str, str], theirs: Mapping[str, str], requires: Sequence[str]) -> str:
    """What keeps driver and node from working together, in a sentence; empty when nothing does.

    Both map `python` and distributions to versions; an empty version is one that is not installed. An engine that
    requires nothing has nothing to agree upon.
    """
    if not requires:
        return ""
    lacking = [name for name in requires if not theirs.get(name)]
    if lacking:
        return f"its Python {theirs.get('python', '?')} has no {' and no '.join(lacking)}"
    mine, its = minor(ours.get("python", "")), minor(theirs.get("python", ""))
    if mine != its:
        return f"it has Python {theirs.get('python')}, and the driver {ours.get('python')}"
    for name in _EQUAL:
        if ours.get(name) and theirs.get(name) and ours[name] != theirs[name]:
            return f"it has {name} {theirs[name]}, and the driver {ours[name]}"
    return ""


def minor(version: str) -> str:
    """`3.11` of `3.11.7`."""
    return ".".join(version.split(".")[:2])
