"""Files of a node: written whole or not at all, and only below its directory; and where its programs run."""

from __future__ import annotations

import os

from .checks import Refused
from .system import new_life


def inside(directory: str, path: str) -> str:
    """The whole path of a file that a client may write; raises Refused."""
    whole = os.path.realpath(os.path.join(directory, path))
    relative = os.path.relpath(whole, os.path.realpath(directory))
    if os.path.isabs(path) or relative.split(os.sep)[0] in ("..", ".") or path.endswith("/"):
        raise Refused("bad-request", f"{path!r:.200} is not a file below the node's directory")
    if os.sep not in relative and (relative.startswith("agent.") or relative == "node.json"):
        raise Refused("bad-request", f"{relative} belongs to the agent")
    return whole


def working_directory(directory: str, path: str) -> str:
    """Where programs run: below the node's directory, for `~/x` below the login directory; made when absent."""
    place = os.path.join(directory, os.path.expanduser(path))
    os.makedirs(place, exist_ok=True)
    return place


def write_file(path: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    fresh = f"{path}.{new_life()}"
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.chmod(fresh, mode)
        os.replace(fresh, path)
    except BaseException:
        remove(fresh)
        raise


def write_over(path: str, data: bytes) -> None:
    """Write over the beginning of a small file that is there: needs no room, but who reads may see half of it."""
    with open(path, "r+b", buffering=0) as file:
        file.write(data)


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
