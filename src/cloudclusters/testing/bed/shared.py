"""Folders of this machine that hosts see: those that the running interpreter needs, and what hosts could not read."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cloudclusters.testing.bed.host import BedError

_OTHERS = 0o005
"""To read a folder and to enter it."""


def python_folders() -> Sequence[Path]:
    """What hosts must see of this machine, so that the running interpreter and its packages run on them.

    Its virtual environment and the interpreter behind that. One in `/usr` is not among them: it came with the packages
    from which hosts are made. Of one in `/usr/local` only its own files are, because hosts have theirs there.
    """
    prefix, base = Path(sys.prefix), Path(sys.base_prefix)
    found = [] if prefix == base else [prefix]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if base == Path("/usr/local"):
        found += [base / "bin" / version, base / "lib" / version, *sorted((base / "lib").glob(f"lib{version}*.so*"))]
    elif base not in (Path("/usr"), Path("/")):
        # Links name the version's folder through another name at times.
        found += sorted({base, base.resolve()})
    return tuple(found)


def check_shared(paths: Sequence[Path]) -> None:
    """Raise for what hosts could not see, or their login user could not read."""
    for path in paths:
        if not path.is_absolute() or not path.exists():
            raise BedError(f"hosts cannot see {path}: write the absolute path of a file or folder that exists")
        mode = path.stat().st_mode
        wanted = _OTHERS if path.is_dir() else 0o004
        if mode & wanted != wanted:
            raise BedError(f"the login users of hosts cannot read {path} (mode {mode & 0o777:o}): chmod o+rX {path}")
        if os.sep == str(path) or any(path == Path(taken) for taken in ("/usr", "/usr/local", "/etc", "/var", "/home")):
            raise BedError(f"hosts have a {path} of their own: share a folder inside it")
