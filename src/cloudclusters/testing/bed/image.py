"""The root file system that every host starts from: a minimal Debian or Ubuntu, made once and kept.

It is made with this machine's own package sources, outside the world, and kept in the user's cache under the digest of
what it is made of, so a change of the recipe makes a new one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = (
    "ca-certificates",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "python3-venv",
    "rsync",
    "sudo",
)
_SOURCES = ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources")
_REMOVED = (
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/apt/apt.conf.d",
    "var/cache/apt",
    "var/lib/apt/lists",
)
_RECIPE = "1"
"""Changed by hand when what is done beyond the packages changes."""


def obstacle() -> str:
    """Why no root file system can be made here; empty when one is kept or can be made."""
    if _kept().is_dir():
        return ""
    for program in ("mmdebstrap", "apt-config"):
        if shutil.which(program) is None:
            return f"the test bed needs {program} to make the root file system of its hosts"
    return "" if _sources() else "this machine has no apt sources of Debian or Ubuntu"


def root_image() -> Path:
    """The folder with the root file system; made on first use, which takes about a minute.

    May be called by several processes at once: the first that ends wins.
    """
    kept = _kept()
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=kept.parent, ignore_cleanup_errors=True) as folder:
            making = Path(folder, "root")
            _make(making)
            try:
                making.rename(kept)
            except OSError:
                if not kept.is_dir():
                    raise
    return kept


def _kept() -> Path:
    text = "\n".join([_RECIPE, _codename(), platform.machine(), *PACKAGES])
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "cloudclusters" / "bed" / f"{_codename()}-{digest}"


def _make(root: Path) -> None:
    options = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True).stdout
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(options)
        file.flush()
        choices = [
            f"--include={','.join(PACKAGES)}",
            f"--aptopt={file.name}",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
        ]
        choices += ["--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", *choices, _codename(), str(root)]
        made = subprocess.run([*command, *map(str, _sources())], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"the root file system could not be made:\n{made.stderr}")
    for name in _REMOVED:
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()


def _sources() -> list[Path]:
    files = [Path("/etc/apt", name) for name in _SOURCES]
    return [file for file in files if file.is_file() and re.search(r"(?m)^(deb |URIs:)", file.read_text())]


def _codename() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.is_file() else []
    return dict(line.split("=", 1) for line in lines if "=" in line).get("VERSION_CODENAME", "sid").strip('"')
