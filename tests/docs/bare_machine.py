"""A bare Debian or Ubuntu machine in a folder: made, entered and removed by root, with the package sources of this one.

Where packages come from is read from this machine when the test runs: its apt sources and options, pip's files and
variables, the certificates that they name. Nothing of it stands in the repository.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PACKAGES = "python3,make"
"""All that a new user's machine has; venv and ensurepip are not among it."""
_SOURCES = ("sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources")
_PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PATH = re.compile(r"(?:^|[\s,=]|file://)(/[^\s,]+)")

_ENTER = """
set -eu
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --bind -o ro "$1" "$root$1"; shift; done
shift
exec chroot "$root" "$@"
"""


def missing() -> str:
    """Why no such machine can be made here; empty when it can."""
    if os.geteuid() != 0:
        return "making a root file system needs root"
    for program in ("mmdebstrap", "unshare", "chroot", "apt-config"):
        if shutil.which(program) is None:
            return f"{program} is not installed (.ci/run installs mmdebstrap)"
    if not _sources():
        return "this machine has no apt sources of Debian or Ubuntu"
    trial = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return "" if trial.returncode == 0 else "this machine allows no new mount and process namespaces"


@contextlib.contextmanager
def bare_machine() -> Iterator[Path]:
    """The root of the machine, as long as the block lasts."""
    root = Path(tempfile.mkdtemp(prefix="cloudclusters-bare-"))
    try:
        _bootstrap(root)
        yield root
    finally:
        shutil.rmtree(root)


def run_inside(root: Path, command: Sequence[str], *, folder: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command there as root would after logging in; its processes end with it."""
    environment = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    environment |= _registry_variables()
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    inside = ["sh", "-c", f'cd "{folder}" && exec "$@"', "-", *command]
    return subprocess.run(
        [*unshare, "sh", "-c", _ENTER, "-", str(root), *_registry_folders(root), "--", *inside],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def copy_tree(source: Path, target: Path) -> None:
    """Copy what git would have in a clean clone of the working tree."""
    listing = ["git", "-c", "safe.directory=*", "-C", str(source), "ls-files", "-z", "-co", "--exclude-standard"]
    for name in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def _bootstrap(root: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = Path(folder, "apt.conf")
        options.write_text(_output("apt-config", "dump", "Acquire"))
        wanted = [f"--include={PACKAGES}", f"--aptopt={options}"]
        made = subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", *wanted, _codename(), str(root), *map(str, _sources())],
            capture_output=True,
            text=True,
            check=False,
        )
    if made.returncode != 0:
        raise RuntimeError(f"mmdebstrap failed:\n{made.stderr}")
    files = {path: path for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), *_registry_files())}
    # The package ca-certificates, which venv brings, writes the bundle anew, and takes what is here into it.
    files[Path("/usr/local/share/ca-certificates/of-the-host.crt")] = _BUNDLE
    for name, path in files.items():
        inside = root / str(name).lstrip("/")
        if path.is_file():
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.unlink(missing_ok=True)
            shutil.copyfile(path, inside)


def _sources() -> list[Path]:
    files = [Path("/etc/apt", name) for name in _SOURCES]
    return [file for file in files if file.is_file() and re.search(r"(?m)^(deb |URIs:)", file.read_text())]


def _codename() -> str:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return release.get("VERSION_CODENAME", "sid").strip('"')


def _registry_variables() -> Mapping[str, str]:
    """What tells pip and TLS on this machine where to go."""
    return {
        name: value
        for name, value in os.environ.items()
        if (name.startswith("PIP_") and name != "PIP_CACHE_DIR")
        or name.lower().endswith("_proxy")
        or name in _CERTIFICATES
    }


def _registry_paths() -> list[Path]:
    """Every path that pip's files and variables name."""
    texts = [file.read_text() for file in _pip_files()]
    texts += _registry_variables().values()
    return sorted({Path(found) for text in texts for found in _PATH.findall(text) if Path(found).exists()})


def _pip_files() -> list[Path]:
    files = [Path(name).expanduser() for name in _PIP_FILES]
    return [file for file in files if file.is_file()]


def _registry_files() -> list[Path]:
    return [*_pip_files(), *(path for path in _registry_paths() if path.is_file())]


def _registry_folders(root: Path) -> list[str]:
    """Folders of packages; an index in a folder `simple` has its files beside it."""
    folders = {path.parent if path.name == "simple" else path for path in _registry_paths() if path.is_dir()}
    return [str(folder) for folder in sorted(folders) if not (root / str(folder).lstrip("/")).exists()]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
