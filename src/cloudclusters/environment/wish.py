"""What the settings ask to be installed, read and checked before anything is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from cloudclusters.errors import InvalidSetting

Setting = str | bool | float | int
"""A value of a plan's settings."""
OFF = "off"
ALIASES = {"pip": "uv"}
_NEEDS = {
    "uv": (("packages", "requirements"), "packages='numpy pandas' or requirements=pyproject.toml"),
    "conda": (("packages", "conda_file"), "conda_file=environment.yml or packages='numpy pandas'"),
    "apt": (("apt",), "apt='libgomp1 git'"),
    "script": (("script",), "script=setup.sh"),
}
_ONLY = {
    "packages": ("uv", "conda"),
    "requirements": ("uv",),
    "python_version": ("uv", "conda"),
    "conda_file": ("conda",),
    "micromamba_sha256": ("conda",),
    "sync_exclude": ("sync",),
    "sync_folder": ("sync",),
    "python": ("image", "apt", "script"),
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"3\.\d{1,2}")
_DEBIAN = re.compile(r"[a-z0-9][a-z0-9+.-]*(=\S+)?")


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An environment and its options. Files are paths on the driver."""

    environment: str
    requires: tuple[str, ...] = ()
    """Distributions that the engine needs."""
    python: str = ""
    python_version: str = ""
    packages: tuple[str, ...] = ()
    requirements: str = ""
    conda_file: str = ""
    micromamba_sha256: str = ""
    apt: tuple[str, ...] = ()
    script: str = ""
    sync_exclude: tuple[str, ...] = ()
    sync_folder: str = ""
    wheels: str = "auto"


def wish_of(environment: str, settings: Mapping[str, Setting], requires: Sequence[str] = ()) -> Wish:
    """Read the options of an environment; raises `InvalidSetting` for one that is missing, wrong or without effect."""
    name = ALIASES.get(environment, environment)
    text = {key: str(value).strip() for key, value in settings.items()}
    for key, where in _ONLY.items():
        if text.get(key) and name not in where:
            raise InvalidSetting(
                f"{key} = {text[key]!r} has no effect with environment={environment}",
                hint=f"write environment={where[0]}, or leave {key} out",
            )
    wish = Wish(
        environment=name,
        requires=tuple(requires),
        python=text.get("python", ""),
        python_version=text.get("python_version", ""),
        packages=_words(text, "packages"),
        requirements=text.get("requirements", ""),
        conda_file=text.get("conda_file", ""),
        micromamba_sha256=text.get("micromamba_sha256", ""),
        apt=_words(text, "apt"),
        script=text.get("script", ""),
        sync_exclude=_words(text, "sync_exclude"),
        sync_folder=text.get("sync_folder", ""),
        wheels=text.get("wheels") or "auto",
    )
    _check(wish, text)
    return wish


def _words(text: Mapping[str, str], key: str) -> tuple[str, ...]:
    return tuple(text.get(key, "").split())


def _check(wish: Wish, text: Mapping[str, str]) -> None:
    keys, example = _NEEDS.get(wish.environment, ((), ""))
    if keys and not any(text.get(key) for key in keys):
        raise InvalidSetting(
            f"environment={wish.environment} needs {' or '.join(keys)}, and there is none", hint=f"write {example}"
        )
    if wish.environment == "conda" and wish.conda_file and wish.packages:
        raise InvalidSetting("conda_file and packages are both given", hint="write the packages into the file")
    if wish.python_version and not _VERSION.fullmatch(wish.python_version):
        raise InvalidSetting(f"python_version = {wish.python_version!r} is no version of Python", hint="write 3.12")
    if wish.micromamba_sha256 and not _SHA256.fullmatch(wish.micromamba_sha256):
        raise InvalidSetting("micromamba_sha256 is no sha256", hint="write its 64 hexadecimal digits")
    for package in wish.apt:
        if not _DEBIAN.fullmatch(package):
            raise InvalidSetting(f"apt: {package!r} is no name of a Debian package", hint="write apt='libgomp1 git'")
    for package in wish.packages:
        if package.startswith("-"):
            raise InvalidSetting(
                f"packages: {package!r} is an option", hint="write requirements only, such as numpy==2.1"
            )
