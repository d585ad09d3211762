"""Where our things are: the home that holds store, keys, logs and local nodes, and the user's file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cloudclusters.errors import InvalidSetting

VARIABLE = "CLOUDCLUSTERS_HOME"
FILE = "cloudclusters.toml"


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The directory of all that we keep: `CLOUDCLUSTERS_HOME`, else the platform's place for user data.

    Makes nothing; the path is absolute.
    """
    named = (os.environ if environ is None else environ).get(VARIABLE, "")
    if named:
        try:
            named.encode()
        except UnicodeEncodeError:
            raise InvalidSetting(
                f"{VARIABLE}={named!r} has letters that Python does not understand in this locale",
                hint="set LC_ALL=C.UTF-8, or name a folder in plain letters",
            ) from None
        return expanded(named).absolute()
    import platformdirs

    return platformdirs.user_data_path("cloudclusters", appauthor=False)


def expanded(path: str) -> Path:
    """The path with `~` as the folder that it stands for. Raises `InvalidSetting` where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as exc:
        raise InvalidSetting(
            f"{path} lies in the home of a user that is not there", hint="write the whole path, or ~ for your own home"
        ) from exc


def user_file(environ: Mapping[str, str]) -> Path:
    """The user's own configuration file: beside our things where `CLOUDCLUSTERS_HOME` moved them."""
    if environ.get(VARIABLE, ""):
        return home(environ) / FILE
    import platformdirs

    return platformdirs.user_config_path("cloudclusters", appauthor=False) / FILE


def project_file(cwd: Path) -> Path | None:
    """The nearest `cloudclusters.toml` in this directory or one above it."""
    for folder in (cwd, *cwd.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    return None
