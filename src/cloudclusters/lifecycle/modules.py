"""The modules beside the user's script: which they are, and the one file in which they travel."""

from __future__ import annotations

import ast
import os
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cloudclusters.environment.protocol import Parcel
from cloudclusters.environment.wish import OFF
from cloudclusters.errors import InvalidSetting
from cloudclusters.lifecycle.wheels import keep
from cloudclusters.remote.ssh.ignore import entries

MOST = 50 << 20
"""Bytes that travel without having been asked for."""
_DATE = (1980, 1, 1, 0, 0, 0)
_LEFT = frozenset(("__pycache__", "node_modules", "build", "dist", "venv", "env", "site-packages"))


def folder_of_script() -> Path | None:
    """The folder from which the running program imports its own modules; None for an installed program.

    For a notebook, or Python without a script, it is the working directory.
    """
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not isinstance(file, str):
        return Path.cwd()
    path = Path(file).resolve()
    known = sysconfig.get_paths()
    places = [Path(known[key]).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    if not path.is_file() or path.suffix != ".py" or any(path.is_relative_to(place) for place in places):
        return None
    if Path(__file__).resolve().parents[1] in path.parents:
        return None  # our own command line
    spec = getattr(main, "__spec__", None)
    name = getattr(spec, "name", "") or ""
    depth = name.count(".")
    return path.parents[depth]


def chosen_folder(setting: str) -> tuple[Path | None, bool]:
    """The folder whose modules travel, and whether it was asked for; raises `InvalidSetting` when it is none."""
    if not setting:
        return folder_of_script(), False
    if setting == OFF:
        return None, True
    folder = Path(setting).expanduser().resolve()
    if not folder.is_dir():
        raise InvalidSetting(f"sync_folder = {setting!r} is no folder", hint=f"write a folder, or {OFF} to send none")
    return folder, True


def module_files(top: Path) -> dict[str, Path]:
    """Modules and packages in a folder, by their path below it: `*.py`, and folders that hold any, with all in them.

    What git ignores, hidden folders, environments and caches stay.
    """
    found = {path.name: path for path in sorted(top.glob("*.py")) if path.is_file()}
    for folder in sorted(path for path in top.iterdir() if path.is_dir()):
        if folder.name.startswith(".") or folder.name in _LEFT or not folder.name.isidentifier():
            continue
        if (folder / "pyvenv.cfg").exists() or not any(folder.glob("*.py")):
            continue
        for entry in entries(folder):
            path = folder / entry.path
            if "__pycache__" not in path.parts and not entry.is_folder and path.is_file():
                found[f"{folder.name}/{entry.path}"] = path
    return found


def packed(cache: Path, top: Path, *, asked: bool) -> Parcel | None:
    """The modules of a folder as a zip file whose bytes depend on nothing but their content; None when there are none.

    Raises `InvalidSetting` for more than 50 MB that nobody asked for by name.
    """
    files = module_files(top)
    size = sum(path.stat().st_size for path in files.values())
    if size > MOST and not asked:
        raise InvalidSetting(
            f"the modules in {top} are {size >> 20} MB, mostly {_largest(files)}; no more than {MOST >> 20} MB "
            "are sent unasked",
            hint=f"write sync_folder={top} to send them all the same, sync_folder={OFF} to send none, "
            "or name data in .ccignore",
        )
    if not files:
        return None
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, made = tempfile.mkstemp(dir=cache, prefix=".modules-")
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes(), zipfile.ZIP_DEFLATED, 1)
    return keep(cache, Path(made), name="modules.zip")


def _largest(files: dict[str, Path]) -> str:
    sizes: dict[str, int] = {}
    for name, path in files.items():
        top = name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + path.stat().st_size
    return max(sizes, key=lambda top: sizes[top])


def imports_us(top: Path) -> bool:
    """Whether a module beside the script imports cloudclusters; the script itself does not count.

    What the script defines travels by value, and workers do not import it.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    own = Path(script).resolve() if isinstance(script, str) else None
    return any(
        "cloudclusters" in _imports(path)
        for path in module_files(top).values()
        if path.suffix == ".py" and path.resolve() != own
    )


def _imports(path: Path) -> set[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # nobody imports that
        return set()
    return set(_names(tree))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
