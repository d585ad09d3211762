"""Which of the driver's distributions a node must have, and how each gets there."""

from __future__ import annotations

import enum
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.errors import InvalidSetting, NotSupported

if TYPE_CHECKING:
    from packaging.requirements import Requirement

TOOLS = ("pip", "uv")
"""Installers: nodes have their own way."""
OURS = "cloudclusters"


class Origin(enum.StrEnum):
    """Where the driver has a distribution from."""

    INDEX = "index"
    """An index: the same version can be had there again."""
    DIRECT = "direct"
    """A file, a folder, a repository, or a version of somebody's own: what is installed is all that we know."""
    EDITABLE = "editable"
    """A folder that is worked on; a wheel is built of it."""


class Installed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A distribution that the driver has."""

    name: str
    version: str
    origin: Origin = Origin.INDEX
    folder: str = ""
    """Of an editable one."""
    requires: tuple[str, ...] = ()


def normal(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(
    installed: Iterable[Installed], *, exclude: Sequence[str], requires: Sequence[str], imports_us: bool
) -> tuple[Installed, ...]:
    """What `sync` takes along, by name: everything but installers, what the setting leaves out, and cloudclusters.

    Workers never import cloudclusters: it is taken only when a distribution that stays requires it, or a module that
    is sent imports it. Raises `InvalidSetting` when what the engine requires is not among it.
    """
    found = {normal(dist.name): dist for dist in installed}
    kept = {n: d for n, d in found.items() if not _matches(n, exclude)}
    lines = [line for name, dist in kept.items() if name != OURS for line in dist.requires]
    needed = {name for line in lines if (name := normal(_name(line))) in (*TOOLS, OURS) and _applies(parsed(line), ())}
    kept = {n: d for n, d in kept.items() if n not in TOOLS or n in needed}
    if OURS not in needed and not imports_us:
        kept.pop(OURS, None)
    lacking = [name for name in requires if normal(name) not in kept]
    if lacking:
        left_out = [name for name in lacking if normal(name) in found]
        why = "sync_exclude leaves it out" if left_out else "it is not installed here"
        raise InvalidSetting(
            f"the engine needs {', '.join(lacking)} on the nodes, and {why}",
            hint="take it out of sync_exclude" if left_out else f"pip install {' '.join(lacking)}",
        )
    return tuple(kept[name] for name in sorted(kept))


def origin_of(version: str, direct: Mapping[str, object]) -> Origin:
    """Where a distribution is from, by its `direct_url.json`; public indexes refuse versions such as `2.1+cpu`."""
    folder = direct.get("dir_info")
    if isinstance(folder, Mapping) and folder.get("editable"):
        return Origin.EDITABLE
    return Origin.DIRECT if direct or "+" in version else Origin.INDEX


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, normal(pattern)) for pattern in patterns)


def _name(line: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", line)
    return match[0] if match else ""


def pin(dist: Installed) -> str:
    """The requirement that only this version fulfils."""
    return f"{dist.name}=={dist.version}"


def closure(lines: Sequence[str], installed: Mapping[str, Installed]) -> tuple[Installed, ...]:
    """Everything that these requirements come to among what is installed (by normal name).

    Raises `NotSupported` naming the first one that is not installed, or not in a version that fulfils it.
    """
    found: dict[str, Installed] = {}
    waiting = [(line, "", frozenset[str]()) for line in lines]
    seen: set[tuple[str, str]] = set()
    while waiting:
        line, by, extras = waiting.pop()
        requirement = parsed(line)
        if not _applies(requirement, extras):
            continue
        name = normal(requirement.name)
        dist = installed.get(name)
        if dist is None or not requirement.specifier.contains(dist.version, prereleases=True):
            have = f"version {dist.version}" if dist else "none"
            raise NotSupported(
                f"{requirement}{f' (for {by})' if by else ''} cannot be sent by the driver, which has {have} of it",
                hint="install it here, or write wheels=index to have nodes fetch it",
            )
        found[name] = dist
        if (name, ",".join(sorted(requirement.extras))) not in seen:
            seen.add((name, ",".join(sorted(requirement.extras))))
            waiting += [(more, dist.name, frozenset(requirement.extras)) for more in dist.requires]
    return tuple(found[name] for name in sorted(found))


def parsed(line: str) -> Requirement:
    """A requirement; raises `InvalidSetting` for a line that is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line)
    except InvalidRequirement as exc:
        raise InvalidSetting(
            f"{line!r} is not a requirement: {exc}", hint="write a name and versions, such as numpy>=2; no blanks"
        ) from exc


def _applies(requirement: Requirement, extras: Collection[str]) -> bool:
    if requirement.marker is None:
        return True
    from packaging.markers import UndefinedEnvironmentName

    try:
        return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    except UndefinedEnvironmentName:
        return False


def engine_pins(lines: Sequence[str], requires: Sequence[str], ours: Mapping[str, str]) -> tuple[str, ...]:
    """What must stand beside the user's requirements, so that the engine works between driver and node."""
    named = {normal(_name(line)) for line in lines}
    names = [name for name in (*requires, "cloudpickle") if requires and normal(name) not in named]
    return tuple(f"{name}=={ours[name]}" for name in names if ours.get(name))


def requirement_lines(text: str, where: str) -> tuple[str, ...]:
    """The requirements in the text of a requirements.txt; raises `InvalidSetting` for what a node could not read."""
    lines: list[str] = []
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        bare = re.sub(r"\s--hash=\S+", "", bare).strip()
        if not bare:
            continue
        if bare.startswith(("-", ".", "/")) or "@ file:" in bare:
            raise InvalidSetting(
                f"{where}, line {number}: {bare!r} means something on this machine only",
                hint="write names and versions, or use environment=sync, which sends local projects",
            )
        parsed(bare)
        lines.append(bare)
    return tuple(lines)
