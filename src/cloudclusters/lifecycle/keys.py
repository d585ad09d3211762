"""A cluster's own key folder: what its engine needs as secrets, readable by this user alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def folder(home: Path, cluster: str) -> Path:
    """Where the secrets of a cluster are kept."""
    return home / "keys" / cluster


def write(home: Path, cluster: str, secrets: Mapping[str, bytes]) -> None:
    """Keep these secrets (0600 in a folder of 0700), replacing what was there."""
    place = folder(home, cluster)
    for each in (place.parent, place):  # `parents` would make the first one by the umask alone
        each.mkdir(exist_ok=True, mode=0o700)
    for name, content in secrets.items():
        part = place / f"{name}.part"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        part.replace(place / name)


def paths(home: Path, cluster: str, names: tuple[str, ...]) -> dict[str, str]:
    """The path of each secret."""
    return {name: str(folder(home, cluster) / name) for name in names}


def read(home: Path, cluster: str, name: str) -> bytes:
    """One secret's content."""
    return (folder(home, cluster) / name).read_bytes()


def remove(home: Path, cluster: str) -> None:
    """Forget the secrets of a cluster; silent when there are none."""
    shutil.rmtree(folder(home, cluster), ignore_errors=True)
