"""One line in the user's own configuration of `ssh`, by which plain `ssh` and `scp` know our nodes by name."""

from __future__ import annotations

from pathlib import Path

from cloudclusters.errors import InvalidSetting
from cloudclusters.remote.ssh.known_hosts import write_file


def include_line(pattern: Path) -> str:
    """The line that includes these files. Raises `InvalidSetting` for a directory that cannot stand in it."""
    if any(char in str(pattern.parent.parent) for char in '"\\\n%*?[]{}$'):
        raise InvalidSetting(
            f"{pattern.parent.parent} cannot stand in a configuration of ssh", hint="choose a plainer directory"
        )
    return f'Include "{pattern}"'


def include(config: Path, line: str) -> bool:
    """Put the line at the top of the user's file; whether it was not there yet. Replaces the file in one step (0600).

    At the top, as it would otherwise belong to the last `Host` of the file. The rest of the file stays as it is.
    """
    text = _text(config)
    if line in text.splitlines():
        return False
    config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(config.resolve(), f"{line}\n{text}")
    return True


def exclude(config: Path, line: str) -> bool:
    """Take the line away again; whether it was there."""
    lines = _text(config).splitlines(keepends=True)
    kept = [each for each in lines if each.rstrip("\r\n") != line]
    if len(kept) == len(lines):
        return False
    write_file(config.resolve(), "".join(kept))
    return True


def _text(config: Path) -> str:
    try:
        return config.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as exc:
        raise InvalidSetting(f"{config} cannot be read: {exc.strerror}") from exc
