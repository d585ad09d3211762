"""Which files of a folder travel: what git would list, less what `.ccignore` names, in the manner of `.gitignore`."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudclusters.errors import UnknownName

OURS, GITS = ".ccignore", ".gitignore"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a link (then `target` is set) or an empty-handed folder, by its path below the top."""

    path: str
    mode: int
    size: int
    modified: int
    target: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def entries(top: Path) -> list[Entry]:
    """Everything below a folder that travels, folders before what is in them.

    In a git repository these are the tracked files and those that are neither tracked nor ignored; elsewhere
    all. Where git is not installed we read `.gitignore` ourselves. Sockets, pipes and devices stay. Raises
    `UnknownName` when it is no folder.
    """
    if not top.is_dir():
        raise UnknownName(f"{top} is no folder")
    listed = _listed_by_git(top)
    if listed is None:
        return list(_walk(top, "", Rules(top, (OURS,) if shutil.which("git") else (GITS, OURS))))
    rules = Rules(top, (OURS,))
    found: list[Entry] = []
    for path in listed:
        entry = entry_of(top, path)
        if entry is None or rules.is_ignored(path, is_folder=entry.is_folder):
            continue
        if entry.is_folder:  # another repository inside this one
            found += _walk(top, path + "/", rules)
        else:
            found.append(entry)
    return found


def entry_of(top: Path, path: str) -> Entry | None:
    """The entry of a path below the top; None when there is none, or nothing that travels."""
    full = os.path.join(top, path)  # noqa: PTH118  thousands of paths
    try:
        status = os.lstat(full)
        target = os.readlink(full) if stat.S_ISLNK(status.st_mode) else ""  # noqa: PTH115
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or target):
        return None
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return Entry(path, status.st_mode, size, int(status.st_mtime), target)


def _listed_by_git(top: Path) -> list[str] | None:
    """What git lists, or None where there is no git or no repository."""
    if shutil.which("git") is None:
        return None
    argv = ["git", "-C", str(top), "ls-files", "-z", "-c", "-o", "--exclude-standard"]
    done = subprocess.run(argv, capture_output=True, check=False)
    if done.returncode != 0:
        return None
    ignored = ["git", "-C", str(top), "check-ignore", "-q", "."]
    if not done.stdout and subprocess.run(ignored, check=False).returncode == 0:
        return None  # git ignores the folder itself: whoever names it wants what is in it
    return sorted({os.fsdecode(path).rstrip("/") for path in done.stdout.split(b"\0") if path})


def _walk(top: Path, below: str, rules: Rules) -> Iterator[Entry]:
    for name in sorted(os.listdir(top / below)):  # noqa: PTH208
        entry = entry_of(top, below + name)
        if entry is None or name == ".git" or rules.is_ignored(entry.path, is_folder=entry.is_folder):
            continue
        yield entry
        if entry.is_folder:
            yield from _walk(top, entry.path + "/", rules)


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    negated: bool
    folders_only: bool


class Rules:
    """The ignore files of a tree, each read when it is first needed. The last rule that matches decides."""

    def __init__(self, top: Path, names: tuple[str, ...]) -> None:
        self._top, self._names = top, names
        self._rules: dict[str, list[_Rule]] = {}
        self._folders: dict[str, bool] = {"": False}

    def is_ignored(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path below the top stays, by itself or because a folder above it does."""
        above = path.rpartition("/")[0]
        if above not in self._folders:
            self._folders[above] = self.is_ignored(above, is_folder=True)
        return self._folders[above] or self._matches(path, is_folder=is_folder)

    def _matches(self, path: str, *, is_folder: bool) -> bool:
        folder, rest = path, ""
        while folder:
            folder, _, name = folder.rpartition("/")
            rest = f"{name}/{rest}" if rest else name
            for rule in reversed(self._of(folder)):
                if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(rest):
                    return not rule.negated
        return False

    def _of(self, folder: str) -> list[_Rule]:
        if folder not in self._rules:
            found: list[_Rule] = []
            for name in self._names:
                file = self._top / folder / name
                if file.is_file():
                    lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
                    found += [rule for rule in map(_rule, lines) if rule is not None]
            self._rules[folder] = found
        return self._rules[folder]


def _rule(line: str) -> _Rule | None:
    """One line of an ignore file."""
    text = re.sub(r"(?<!\\) +$", "", line)
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text.removeprefix("!")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    pattern = ("" if anchored else "(?:.*/)?") + _regex(text.removeprefix("/"))
    return _Rule(re.compile(pattern, re.DOTALL), negated, folders_only)


_PARTS = re.compile(
    r"(?P<deep>(?:(?<=/)|^)\*\*/)|(?P<rest>/\*\*$)|(?P<stars>\*+)|(?P<one>\?)"
    r"|(?P<set>\[[!^]?\]?[^\]]*\])|\\(?P<char>.)|(?P<plain>.)"
)


def _regex(text: str) -> str:
    made = ""
    for part in _PARTS.finditer(text):
        match part.lastgroup:
            case "deep":
                made += "(?:.*/)?"
            case "rest":
                made += "/.*"
            case "stars":
                made += "[^/]*"
            case "one":
                made += "[^/]"
            case "set":
                inner = part["set"][1:-1]
                negation = "^" if inner[0] in "!^" else ""
                made += f"[{negation}{inner[len(negation) :].replace('[', chr(92) + '[')}]"
            case _:
                made += re.escape(part["char"] or part["plain"])
    return made
