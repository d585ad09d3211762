"""Wheels without a network: of what is installed here, packed again, and of projects that are worked on, built."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import msgspec

from cloudclusters.environment.pins import normal
from cloudclusters.environment.protocol import Parcel
from cloudclusters.errors import NotSupported
from cloudclusters.remote.ssh.ignore import entries

_DATE = (1980, 1, 1, 0, 0, 0)
_LEFT_BY_BUILDS = re.compile(r"(^|/)(__pycache__|[^/]+\.egg-info)(/|$)|^(build|dist)/|\.pyc$")
"""What building a project writes into it, and does not come from it."""
_NOT_OURS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
"""Files of a `.dist-info` that an installer writes."""


def repacked(cache: Path, dist: metadata.Distribution) -> Parcel:
    """The wheel of an installed distribution: the same files give the same bytes. Blocks; kept in `cache`.

    Raises `NotSupported` for one that does not say which files it has.
    """
    record, wheel = dist.read_text("RECORD"), dist.read_text("WHEEL")
    if record is None or wheel is None:
        raise NotSupported(
            f"{dist.name} {dist.version} cannot be sent: it was not installed by pip or uv, so its files are unknown",
            hint=f"write sync_exclude={dist.name}, or wheels=index to have nodes fetch packages themselves",
        )
    name = f"{_escaped(dist.name)}-{_escaped(dist.version)}-{_tag(wheel)}.whl"
    key = hashlib.sha256(f"repacked 1 {name} {dist.locate_file('')}\n{record}".encode()).hexdigest()
    return _kept(cache, key, name, lambda target: _pack(dist, target))


def built(cache: Path, uv: str, folder: Path) -> Parcel:
    """The wheel of a project, built when its files have changed; blocks, and may fetch its build tools.

    Raises `NotSupported` with the end of the log when it cannot be built.
    """
    key = hashlib.sha256(f"built 1 {_tree_digest(folder)}".encode()).hexdigest()
    with _room(cache) as room:
        found = _known(cache, key)
        if found is not None:
            return found
        argv = [uv, "build", "--wheel", "--out-dir", str(room), str(folder)]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        wheels = list(room.glob("*.whl"))
        if done.returncode != 0 or len(wheels) != 1:
            raise NotSupported(
                f"the project {folder} cannot be built into a wheel:\n{(done.stdout + done.stderr).strip()[-2000:]}",
                hint="see that `uv build --wheel` works there, or write its name into sync_exclude",
            )
        return keep(cache, wheels[0], key=key)


def keep(cache: Path, file: Path, *, key: str = "", name: str = "") -> Parcel:
    """Move a file into the cache, below the digest of its content; safe for several processes at once."""
    with file.open("rb") as source:
        content = hashlib.file_digest(source, "sha256").hexdigest()
    parcel = Parcel(path=f"parcels/{content[:24]}/{name or file.name}", size=file.stat().st_size)
    target = cache / parcel.path
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)
    if key:
        note = cache / "made" / key
        note.parent.mkdir(exist_ok=True)
        part = note.with_name(f"{key}.{os.getpid()}")
        part.write_bytes(msgspec.json.encode(parcel))
        part.replace(note)
    return parcel


def _kept(cache: Path, key: str, name: str, make: Callable[[Path], None]) -> Parcel:
    found = _known(cache, key)
    if found is not None:
        return found
    with _room(cache) as room:
        make(room / name)
        return keep(cache, room / name, key=key)


def _known(cache: Path, key: str) -> Parcel | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        parcel = msgspec.json.decode((cache / "made" / key).read_bytes(), type=Parcel)
        if (cache / parcel.path).stat().st_size == parcel.size:
            return parcel
    return None


@contextlib.contextmanager
def _room(cache: Path) -> Iterator[Path]:
    """A folder of our own on the cache's file system."""
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    room = Path(tempfile.mkdtemp(dir=cache, prefix=".room-"))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _tree_digest(folder: Path) -> str:
    made = hashlib.sha256()
    for entry in sorted(entries(folder), key=lambda entry: entry.path):
        if _LEFT_BY_BUILDS.search(entry.path):
            continue
        made.update(f"{entry.path}\0{entry.mode & 0o100}\0{entry.target}\0".encode(errors="surrogateescape"))
        if not entry.is_folder and not entry.is_link:
            made.update(hashlib.sha256((folder / entry.path).read_bytes()).digest())
    return made.hexdigest()


def _escaped(text: str) -> str:
    return re.sub(r"[^\w.+!]+", "_", text)


def _tag(wheel: str) -> str:
    """The tags of a wheel's name, from those in its `WHEEL` file."""
    tags = [line.partition(":")[2].strip().split("-") for line in wheel.splitlines() if line.startswith("Tag:")]
    columns = (dict.fromkeys(tag[i] for tag in tags) for i in range(3))
    return "-".join(".".join(column) for column in columns)


def _pack(dist: metadata.Distribution, target: Path) -> None:
    """Write the wheel. Console scripts are left out: installing makes them anew from `entry_points.txt`."""
    scripts = {entry.name for entry in dist.entry_points if entry.group in ("console_scripts", "gui_scripts")}
    data = f"{_escaped(dist.name)}-{_escaped(dist.version)}.data"
    lines: list[str] = []
    files: dict[str, Path] = {}
    info = ""
    for path in dist.files or ():
        parts = path.parts
        if path.suffix == ".pyc" or "__pycache__" in parts:
            continue
        if parts[0].endswith(".dist-info"):
            info = parts[0]
            if parts[-1] in _NOT_OURS and len(parts) == 2:
                continue
        place = _placed(path.as_posix(), data, scripts)
        if place:
            files[place] = Path(str(dist.locate_file(path)))
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for place, file in sorted(files.items()):
                content = _content(place, file, data)
                digest = _base64(hashlib.sha256(content).digest())
                lines.append(f"{_quoted(place)},sha256={digest},{len(content)}")
                _add(archive, place, content, executable=os.access(file, os.X_OK))
            lines.append(f"{_quoted(info)}/RECORD,,")
            _add(archive, f"{info}/RECORD", "".join(f"{line}\n" for line in lines).encode(), executable=False)
    except OSError as exc:
        raise NotSupported(
            f"{dist.name} {dist.version} cannot be sent: {exc.filename} is not there any more",
            hint=f"install it again: pip install --force-reinstall {normal(dist.name)}=={dist.version}",
        ) from exc


def _placed(path: str, data: str, scripts: set[str]) -> str:
    """Where an installed file stands in a wheel; empty for one that installing makes anew."""
    rest = path
    while rest.startswith("../"):
        rest = rest[3:]
    if rest == path:
        return path
    folder, _, name = rest.rpartition("/")
    if folder in ("bin", "Scripts"):
        return "" if name.removesuffix(".exe") in scripts else f"{data}/scripts/{name}"
    return f"{data}/data/{rest}"


def _content(place: str, file: Path, data: str) -> bytes:
    """A file's bytes; a script's first line names no path of this machine."""
    content = file.read_bytes()
    first, _, rest = content.partition(b"\n")
    if place.startswith(f"{data}/scripts/") and first.startswith(b"#!") and b"python" in first:
        return b"#!python\n" + rest
    return content


def _add(archive: zipfile.ZipFile, place: str, content: bytes, *, executable: bool) -> None:
    entry = zipfile.ZipInfo(place, _DATE)
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content, compresslevel=1)


def _base64(digest: bytes) -> str:
    import base64

    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _quoted(path: str) -> str:
    return f'"{path}"' if "," in path else path
