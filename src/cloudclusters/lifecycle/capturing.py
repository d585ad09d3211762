"""What the driver finds for an environment: packages, projects, modules, index. Blocks; called through the door."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
import urllib.parse
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import msgspec

from cloudclusters.environment import pins
from cloudclusters.environment.conda import description
from cloudclusters.environment.index import index_of
from cloudclusters.environment.pins import Installed, Origin
from cloudclusters.environment.protocol import Captured, Index, Parcel
from cloudclusters.environment.versions import COMPARED, minor
from cloudclusters.environment.wish import Wish
from cloudclusters.errors import InvalidSetting, NotSupported
from cloudclusters.lifecycle import modules, wheels

FOLDER = "environments"
"""Below our home: the parcels that were made, by digest."""


def capture(home: Path, wish: Wish) -> Captured:
    """Find what the wish needs from the driver.

    May be repeated: what was built is found by the digest of its content. Costs nothing. Raises `InvalidSetting`,
    `NotSupported`.
    """
    found = Captured(
        wish=wish,
        ours=our_versions(wish.requires),
        platform=our_platform(),
        script=_text(wish.script, "script") if wish.script else "",
    )
    match wish.environment:
        case "uv":
            return _for_uv(found)
        case "sync":
            return _for_sync(home / FOLDER, found)
        case "conda":
            return _for_conda(found)
    return found


def check_files(wish: Wish) -> None:
    """Raise `InvalidSetting` when a file that the wish names cannot be read."""
    for key in ("script", "requirements", "conda_file"):
        if path := getattr(wish, key):
            _text(path, key)
    modules.chosen_folder(wish.sync_folder)


def our_versions(requires: Sequence[str] = ()) -> dict[str, str]:
    """Our Python, and the distributions that matter between processes."""
    found = {"python": platform.python_version()}
    for name in {*COMPARED, *requires}:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def our_platform() -> str:
    """System and processor, as `linux x86_64`."""
    return f"{sys.platform} {platform.machine()}"


def installed() -> dict[str, Installed]:
    """What this Python has, by normal name; the first on the path counts, as for imports."""
    found: dict[str, Installed] = {}
    for dist in metadata.distributions():
        read = _installed(dist)
        if read is not None:
            found.setdefault(pins.normal(read.name), read)
    return found


def with_wheels(home: Path, captured: Captured) -> Captured:
    """The same, with wheels made of what is installed here for everything that a node would fetch from an index.

    Raises `NotSupported` for what is not installed here, or says not which files it has.
    """
    if captured.wheels:
        return captured
    if captured.pylock:
        raise NotSupported(
            "a lock file is installed from an index only", hint="write wheels=index, or list the packages"
        )
    if captured.wish.environment == "uv" and captured.python != minor(captured.ours["python"]):
        raise NotSupported(
            f"the driver's wheels are for Python {minor(captured.ours['python'])}, the nodes shall have "
            f"{captured.python}",
            hint="leave python_version out, or write wheels=index",
        )
    found = installed()
    chosen = pins.closure(captured.lines, found) if captured.wish.environment == "uv" else _of_lines(captured, found)
    cache = home / FOLDER
    sent = {parcel.path for parcel in captured.projects}
    made = [_wheel(cache, dist, captured.uv_path) for dist in chosen]
    uv = wheels.repacked(cache, metadata.distribution("uv")) if "uv" in found else None
    return msgspec.structs.replace(captured, wheels=tuple(p for p in made if p.path not in sent), uv_wheel=uv)


def _of_lines(captured: Captured, found: dict[str, Installed]) -> tuple[Installed, ...]:
    lines = set(captured.lines)
    return tuple(dist for dist in found.values() if pins.pin(dist) in lines)


def _for_uv(captured: Captured) -> Captured:
    wish = captured.wish
    lines = list(wish.packages)
    for line in lines:
        pins.parsed(line)
    more, pylock = _requirements(wish.requirements) if wish.requirements else ((), "")
    lines += [*more, *pins.engine_pins([*lines, *more], wish.requires, captured.ours)]
    return _with_uv(
        msgspec.structs.replace(
            captured,
            python=wish.python_version or minor(captured.ours["python"]),
            lines=tuple(dict.fromkeys(lines)),
            pylock=pylock,
        )
    )


def _for_sync(cache: Path, captured: Captured) -> Captured:
    wish = captured.wish
    top, asked = modules.chosen_folder(wish.sync_folder)
    imports_us = top is not None and modules.imports_us(top)
    chosen = pins.wanted(installed().values(), exclude=wish.sync_exclude, requires=wish.requires, imports_us=imports_us)
    captured = _with_uv(msgspec.structs.replace(captured, python=minor(captured.ours["python"])))
    return msgspec.structs.replace(
        captured,
        lines=tuple(pins.pin(dist) for dist in chosen if dist.origin is Origin.INDEX),
        projects=tuple(_wheel(cache, dist, captured.uv_path) for dist in chosen if dist.origin is not Origin.INDEX),
        modules=modules.packed(cache, top, asked=asked) if top is not None else None,
    )


def _for_conda(captured: Captured) -> Captured:
    wish = captured.wish
    captured = msgspec.structs.replace(captured, python=wish.python_version or minor(captured.ours["python"]))
    text = _text(wish.conda_file, "conda_file") if wish.conda_file else description(captured)
    return msgspec.structs.replace(captured, conda=text)


def _wheel(cache: Path, dist: Installed, uv: str) -> Parcel:
    if dist.origin is Origin.EDITABLE:
        return wheels.built(cache, uv, Path(dist.folder))
    return wheels.repacked(cache, metadata.distribution(dist.name))


def _with_uv(captured: Captured) -> Captured:
    beside = Path(sys.executable).parent / "uv"
    path = str(beside) if beside.is_file() else shutil.which("uv") or ""
    if not path:
        raise NotSupported("the program uv is not found here", hint="pip install uv")
    try:
        version = metadata.version("uv")
    except metadata.PackageNotFoundError:
        version = _version(path)
    return msgspec.structs.replace(captured, uv_path=path, uv_version=version, index=_index())


def _version(uv: str) -> str:
    said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[1]


def _index() -> Index:
    etc, config = Path("/etc"), Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    pip = [Path(sys.prefix) / "pip.conf", config / "pip/pip.conf", Path.home() / ".pip/pip.conf", etc / "pip.conf"]
    if named := os.environ.get("PIP_CONFIG_FILE"):
        pip.insert(0, Path(named))
    uv = [config / "uv/uv.toml", etc / "uv/uv.toml"]
    return index_of(os.environ, pip=_texts(pip), uv=_texts(uv))


def _texts(paths: Sequence[Path]) -> list[str]:
    return [path.read_text("utf-8", errors="replace") for path in paths if path.is_file()]


def _requirements(path: str) -> tuple[tuple[str, ...], str]:
    """Lines of requirements, or the text of a pylock.toml."""
    text, name = _text(path, "requirements"), Path(path).name
    if name == "uv.lock":
        return pins.requirement_lines(_exported(Path(path)), name), ""
    if name.startswith("pylock.") and name.endswith(".toml"):
        return (), text
    if not name.endswith(".toml"):
        return pins.requirement_lines(text, path), ""
    try:
        lines = tomllib.loads(text).get("project", {}).get("dependencies", [])
    except tomllib.TOMLDecodeError as exc:
        raise InvalidSetting(f"requirements: {path} cannot be read: {exc}", hint="mend the file") from exc
    return pins.requirement_lines("\n".join(map(str, lines)), path), ""


def _exported(lock: Path) -> str:
    captured = _with_uv(Captured(wish=Wish(environment="uv")))
    argv = [captured.uv_path, "export", "--quiet", "--frozen", "--no-emit-project", "--no-hashes", "--no-header"]
    done = subprocess.run(argv, cwd=lock.resolve().parent, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InvalidSetting(f"requirements: {lock} cannot be read: {done.stderr.strip()}", hint="run `uv lock`")
    return done.stdout


def _text(path: str, key: str) -> str:
    try:
        return Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InvalidSetting(f"{key} = {path!r} cannot be read: {why}", hint="write the path of a file here") from exc


def _installed(dist: metadata.Distribution) -> Installed | None:
    """One distribution; None for the remains of one. Its headers are read by hand: the parser of mails is slow."""
    text = dist.read_text("METADATA")
    if text is None:  # not of pip or uv
        if not dist.metadata["Name"]:
            return None
        return Installed(name=dist.name, version=dist.version, requires=tuple(dist.requires or ()))
    headers: dict[str, list[str]] = {}
    for line in text.partition("\n\n")[0].splitlines():
        key, colon, value = line.partition(": ")
        if colon:
            headers.setdefault(key, []).append(value.strip())
    if "Name" not in headers:
        return None
    direct = json.loads(dist.read_text("direct_url.json") or "{}")
    origin = pins.origin_of(headers["Version"][0], direct)
    url = urllib.parse.urlsplit(str(direct.get("url", "")))
    return Installed(
        name=headers["Name"][0],
        version=headers["Version"][0],
        origin=origin,
        folder=urllib.parse.unquote(url.path) if origin is Origin.EDITABLE else "",
        requires=tuple(headers.get("Requires-Dist", ())),
    )
