"""All layers together: the value of each key for each provider, and where it came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cloudclusters.base.json import digest
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings import layer
from cloudclusters.settings.home import expanded, project_file, user_file
from cloudclusters.settings.keys import DEFAULTS, KEYS, true_name
from cloudclusters.settings.layer import Layer, Setting, Value, Vocabulary

OLD_FILE = "CCconfig.toml"
OLD_VARIABLE = "CLOUD_CLUSTERS_CONFIG"
RESERVED = (
    "HOME",
    "DEBUG",
    "CLUSTER",
    "INSTANCE",
    "LIFE",
    "NODE",
    "READY_FD",
    "TEST_BED",
    "BED_OUTSIDE",
    "BED_REPORTS",
)
"""Variables of ours that are no setting: our home, tracebacks on request, and what an agent tells its processes."""

Row = tuple[str, str, Value, str, str]
"""Section, key, value, origin, note."""


class Settings:
    """The configuration of this process: frozen, asked by section and key.

    A later layer wins over an earlier one; inside a layer, a provider's section wins over `[defaults]`.
    """

    __slots__ = ("_layers", "_merged", "_vocabulary")

    def __init__(self, layers: tuple[Layer, ...] = (), vocabulary: Vocabulary | None = None) -> None:
        self._layers = layers or (layer.defaults(),)
        self._vocabulary = vocabulary or Vocabulary()
        self._merged: dict[str, dict[str, Setting]] = {}

    @classmethod
    def load(
        cls,
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
        plugins: Mapping[str, Mapping[str, str]] | None = None,
        variables: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Settings:
        """Read every layer that there is; raises `InvalidSetting` with file, line and key.

        `home` is the user's home directory; `plugins` gives providers' own keys, with meanings, by section,
        and `variables` those of their own tools, by section and with the key that each sets; they weigh least.
        """
        environ = os.environ if environ is None else environ
        cwd = Path.cwd() if cwd is None else cwd.absolute()
        home = Path.home() if home is None else home
        vocabulary = Vocabulary(plugins or {})
        layers = [layer.defaults(), layer.from_foreign_variables(environ, vocabulary, variables or {})]
        for title, path in _files(cwd, environ, home):
            layers.append(layer.from_file(path, title, vocabulary))
        layers.append(layer.from_variables(environ, vocabulary, reserved=RESERVED))
        return cls(tuple(layers), vocabulary)

    def over(self, values: Mapping[str, Value], origin: str) -> Settings:
        """These settings with one more layer above all: the parameters of a contract or a call."""
        rows: dict[str, Setting] = {}
        for name, raw in values.items():
            key = KEYS.get(true_name(name))
            if key is None:
                raise InvalidSetting(f"{origin}: unknown configuration parameter {name!r}")
            rows[key.name] = Setting(layer.checked(key, raw, origin), origin, key.idle)
        if not rows:
            return self
        return Settings((*self._layers, Layer(values={DEFAULTS: rows})), self._vocabulary)

    def get(self, section: str, key: str) -> Setting | None:
        """The value of a key for a provider (or `defaults`), with its origin; None where nobody said anything."""
        return self._section(section).get(true_name(key))

    def text(self, section: str, key: str) -> str:
        """The value as text; empty where nobody said anything."""
        return self.section(section).get(true_name(key), "")

    def section(self, section: str) -> dict[str, str]:
        """All values that hold for a provider, as text by key: what a provider is opened with."""
        return {name: _text(setting.value) for name, setting in self._section(section).items()}

    def flat(self) -> dict[str, str]:
        """Every value that somebody set, as `section.key`: what the digest covers, and what a resolution remembers."""
        return {
            f"{section}.{key}": _text(setting.value)
            for section in self.sections
            for key, setting in sorted(self._section(section).items())
            if setting.origin != "default"
        }

    @property
    def sections(self) -> tuple[str, ...]:
        """`defaults`, and one section per provider."""
        return self._vocabulary.sections()

    @property
    def digest(self) -> str:
        """A digest of all values, without their origins."""
        return digest(self.flat())

    def explain(self) -> list[Row]:
        """One row per value for `config show`: section, key, value, origin, note.

        A provider's section shows only what differs from `defaults`.
        """
        rows: list[Row] = []
        shared = self._section(DEFAULTS)
        for section in self.sections:
            for key, setting in sorted(self._section(section).items()):
                if section == DEFAULTS or shared.get(key) != setting:
                    rows.append((section, key, setting.value, setting.origin, setting.note))
        return rows

    def _section(self, section: str) -> Mapping[str, Setting]:
        if section not in self._merged:
            allowed = self._vocabulary.keys(section)
            merged: dict[str, Setting] = {}
            for source in self._layers:
                for part in (DEFAULTS, section):
                    rows = source.values.get(part, {})
                    merged |= {k: v for k, v in rows.items() if k in allowed or part == section}
            self._merged[section] = merged
        return self._merged[section]

    def __repr__(self) -> str:
        return f"Settings({len(self.flat())} values set, digest {self.digest[:12]})"


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What changed between two `Settings.flat()`, a sentence per key."""
    lines = []
    for key in sorted(set(old) | set(new)):
        before, after = old.get(key), new.get(key)
        if before != after:
            lines.append(f"{key} was {before or 'not set'}, is {after or 'not set'}")
    return lines


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _files(cwd: Path, environ: Mapping[str, str], home: Path) -> list[tuple[str, Path]]:
    """The files to read, the weakest first. CloudClusters' own file counts just below ours of the same rank."""
    files: list[tuple[str, Path]] = []
    named = environ.get(OLD_VARIABLE, "")
    old = _old_file(cwd, expanded(named) if named else None, home)
    project, user = project_file(cwd), user_file(environ)
    if old is not None and not named and old.parent != cwd:
        files.append(("CloudClusters file", old))
        old = None
    if user.is_file():
        files.append(("user file", user))
    if old is not None:
        files.append(("CloudClusters file", old))
    if project is not None and project != user:
        files.append(("project file", project))
    return files


def _old_file(cwd: Path, named: Path | None, home: Path) -> Path | None:
    """CloudClusters' file: in the directory that `CLOUD_CLUSTERS_CONFIG` names, else here, else at home."""
    if named is not None:
        path = named / OLD_FILE
        if not path.is_file():
            raise InvalidSetting(f"{OLD_VARIABLE} names {named}, but there is no {OLD_FILE} in it")
        return path
    return next((folder / OLD_FILE for folder in (cwd, home) if (folder / OLD_FILE).is_file()), None)
