"""One layer of configuration: a file, the variables, a contract or a call, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cloudclusters.base.limits import parse_duration, parse_money
from cloudclusters.base.near import is_unicode, near
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings.home import expanded
from cloudclusters.settings.keys import DEFAULTS, KEYS, SECTIONS, Key, Kind, true_name

if TYPE_CHECKING:
    from cloudclusters.base import toml

Value = str | int | float | bool
PREFIX = "CLOUDCLUSTERS_"
OTHER_TABLES = ("contract",)
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
"""What a flag may be written as, in any case."""


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value, where it came from, and what is to be said about it."""

    value: Value
    origin: str
    note: str = ""


class Vocabulary(msgspec.Struct, frozen=True):
    """Which sections and keys there are: our own table, and what plugins add to it (key -> meaning, by section)."""

    plugins: Mapping[str, Mapping[str, str]] = {}

    def sections(self) -> tuple[str, ...]:
        """Every section, `defaults` first."""
        return (*SECTIONS, *sorted(set(self.plugins) - set(SECTIONS)))

    def keys(self, section: str) -> dict[str, Key]:
        """The keys that a section may hold."""
        ours = {name: k for name, k in KEYS.items() if section in k.sections}
        if section not in SECTIONS:
            ours = {name: k for name, k in KEYS.items() if "local" in k.sections}
        theirs = {
            name: Key(name=name, meaning=meaning, sections=(section,))
            for name, meaning in self.plugins.get(section, {}).items()
        }
        return theirs | ours

    def key(self, section: str, name: str, where: str) -> Key:
        """The key of this name in this section; `where` begins the message when there is none."""
        found = self.keys(section).get(true_name(name))
        if found is not None:
            return found
        elsewhere = [s for s in self.sections() if true_name(name) in self.keys(s)]
        if elsewhere:
            places = ", ".join(f"[{s}]" for s in elsewhere)
            raise InvalidSetting(
                f"{where}: the key {name!r} does not belong into [{section}]", hint=f"put it into {places}"
            )
        names = self.keys(section)
        raise InvalidSetting(
            f"{where}: unknown key {name!r} in [{section}]{near(name, names)}", hint=f"keys: {', '.join(sorted(names))}"
        )


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one source, by section and key."""

    values: Mapping[str, Mapping[str, Setting]]


def defaults() -> Layer:
    """What holds when nobody says anything; nothing in it costs money."""
    rows = {name: Setting(key.default, "default") for name, key in KEYS.items() if key.default is not None}
    return Layer(values={DEFAULTS: rows})


def from_file(path: Path, title: str, vocabulary: Vocabulary) -> Layer:
    """Read a TOML file with sections; every unknown section or key is an error with file and line."""
    from cloudclusters.base import toml

    document = toml.read(path, InvalidSetting)
    values: dict[str, dict[str, Setting]] = {}
    for section, body in document.data.items():
        if section in OTHER_TABLES:
            continue
        values[section] = _section(document, section, body, title, vocabulary)
    return Layer(values=values)


def _section(
    document: toml.Document, section: str, body: object, title: str, vocabulary: Vocabulary
) -> dict[str, Setting]:
    where = document.where(section)
    sections = vocabulary.sections()
    if section not in sections:
        kind = "section" if isinstance(body, dict) else "key"
        raise InvalidSetting(
            f"{where}: unknown {kind} {section!r}{near(section, sections)}",
            hint=f"keys stand in {', '.join(f'[{s}]' for s in sections)}; a contract in this file stands in [contract]",
        )
    if not isinstance(body, dict):
        raise InvalidSetting(f"{where}: {section!r} must be a section: write [{section}]")
    rows: dict[str, Setting] = {}
    for name, raw in body.items():
        where = document.where(section, name)
        key = vocabulary.key(section, name, where)
        if key.name in rows:
            raise InvalidSetting(f"{where}: {name!r} is the same key as one above it")
        value = checked(key, raw, where)
        if key.kind is Kind.PATH and value:
            value = str(Path(document.path).parent / expanded(str(value)))
        rows[key.name] = Setting(value, f"{title} {where}", key.idle)
    return rows


def from_variables(environ: Mapping[str, str], vocabulary: Vocabulary, *, reserved: tuple[str, ...]) -> Layer:
    """Read `CLOUDCLUSTERS_<KEY>` (for every provider) and `CLOUDCLUSTERS_<SECTION>_<KEY>`."""
    values: dict[str, dict[str, Setting]] = {}
    for variable in sorted(environ):
        name = variable.removeprefix(PREFIX)
        if name == variable or name in reserved:
            continue
        section, key = _variable(variable, name.lower(), vocabulary)
        setting = Setting(checked(key, environ[variable], variable), f"variable {variable}", key.idle)
        values.setdefault(section, {})[key.name] = setting
    return Layer(values=values)


def from_foreign_variables(
    environ: Mapping[str, str], vocabulary: Vocabulary, variables: Mapping[str, Mapping[str, str]]
) -> Layer:
    """Read the variables of other tools, by section; the later of two that set the same key counts."""
    values: dict[str, dict[str, Setting]] = {}
    for section, names in variables.items():
        for variable, name in names.items():
            if environ.get(variable):
                key = vocabulary.key(section, name, variable)
                setting = Setting(checked(key, environ[variable], variable), f"variable {variable}", key.idle)
                values.setdefault(section, {})[key.name] = setting
    return Layer(values=values)


def _variable(variable: str, name: str, vocabulary: Vocabulary) -> tuple[str, Key]:
    for section in vocabulary.sections():
        rest = name.removeprefix(f"{section}_")
        if rest != name and section != DEFAULTS:
            return section, vocabulary.key(section, rest, variable)
    keys = vocabulary.keys(DEFAULTS)
    if true_name(name) in keys:
        return DEFAULTS, keys[true_name(name)]
    known = tuple(f"{PREFIX}{k.upper()}" for k in keys) + tuple(
        f"{PREFIX}{s.upper()}_{k.upper()}" for s in vocabulary.sections()[1:] for k in vocabulary.keys(s)
    )
    raise InvalidSetting(
        f"unknown variable {variable}{near(variable, known)}",
        hint="a variable is CLOUDCLUSTERS_<KEY> or CLOUDCLUSTERS_<PROVIDER>_<KEY>; see `cloudclusters config show`",
    )


def checked(key: Key, raw: object, where: str) -> Value:
    """The value in the kind of its key; `where` begins the message when it cannot be."""
    match key.kind:
        case Kind.FLAG:
            word = str(raw).strip().lower()
            if isinstance(raw, bool) or word in TRUE + FALSE:
                return word in TRUE
            raise InvalidSetting(f"{where}: {key.name} must be true or false, not {raw!r}")
        case Kind.CHOICE:
            if isinstance(raw, str) and raw.strip() in key.choices:
                return raw.strip()
            words = " or ".join(repr(c) for c in key.choices)
            raise InvalidSetting(f"{where}: {key.name} must be {words}, not {raw!r}{near(str(raw), key.choices)}")
        case Kind.NUMBER:
            number = _number(raw)
            if number is not None:
                return number
            raise InvalidSetting(f"{where}: {key.name} must be a number above 0, not {raw!r}")
        case Kind.COUNT:
            number = _at_least_0(raw)
            if number is not None and number == int(number):
                return int(number)
            raise InvalidSetting(f"{where}: {key.name} must be a whole number, 0 or more, not {raw!r}")
        case Kind.PERCENT:
            number = _at_least_0(raw)
            if number is not None and number <= 100:
                return number
            raise InvalidSetting(f"{where}: {key.name} must be a number from 0 to 100, not {raw!r}")
        case Kind.DURATION:
            return _written(key, raw, where, parse_duration)
        case Kind.MONEY:
            return _written(key, raw, where, parse_money)
        case Kind.TEXT | Kind.PATH:
            if isinstance(raw, str) and is_unicode(raw):
                return raw
            raise InvalidSetting(f"{where}: {key.name} must be text, not {raw!r}")


def _written(key: Key, raw: object, where: str, parse: Callable[[str], float | None]) -> str:
    """A limit as it was written, once it can be read; a file may say `max_cost = 5`."""
    try:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            example = "20" if key.kind is Kind.MONEY else "1h30m"
            raise ValueError(f'{raw!r} is not text; write for instance {key.name} = "{example}", or "off"')
        parse(str(raw))
    except ValueError as exc:
        raise InvalidSetting(f"{where}: {key.name}: {exc}") from exc
    return str(raw).strip()


def _number(raw: object) -> float | None:
    """The number above 0 that this means."""
    return _at_least_0(raw) or None


def _at_least_0(raw: object) -> float | None:
    """The number of 0 or more that this means."""
    try:
        number = float(raw) if isinstance(raw, str | int | float) and not isinstance(raw, bool) else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
