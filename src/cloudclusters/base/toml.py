"""TOML files with line numbers: every error in a file can name file, line and key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloudclusters.errors import CloudClustersError

KeyPath = tuple[str, ...]
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_HEADER = re.compile(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=(.*)$", re.DOTALL)
_TOKEN = re.compile(r"""\"\"\"|'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#|[\[\]{}]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed TOML file: its data, and the line of each key."""

    path: str
    data: Mapping[str, object]
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def where(self, *key: str) -> str:
        """`file:line` of a key; else of what first stands below it (`a.b = 1` for a), else of the table above it."""
        for length in range(len(key), 0, -1):
            line = self.lines.get(key[:length]) or min(
                (line for path, line in self.lines.items() if path[:length] == key[:length]), default=None
            )
            if line is not None:
                return f"{self.path}:{line}"
        return self.path


def parse(text: str, path: str, error: type[CloudClustersError]) -> Document:
    """Parse TOML text; `path` is what messages call it. Raises `error` with file, line and key."""
    import tomllib

    try:
        data: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise error(_malformed(text, path, str(exc)), hint=_instead(text, str(exc))) from exc
    except ValueError as exc:  # Python's own: an integer of thousands of digits
        line = text.count("\n", 0, found.start()) + 1 if (found := re.search(r"\d{4000}", text)) else 1
        raise error(f"{path}:{line}: a number has too many digits") from exc
    return Document(path=path, data=data, lines=_lines(text))


def read(path: Path, error: type[CloudClustersError]) -> Document:
    """Read and parse a TOML file; raises `error` where it is not there, cannot be read or is malformed."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise error(f"cannot read {path}: {reason}") from exc
    return parse(text, str(path), error)


def write(table: Mapping[str, object]) -> str:
    """Write plain values, lists of them, and tables one level deep, as TOML."""
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    chunks = ["".join(f"{_key(k)} = {_value(v)}\n" for k, v in plain.items())] if plain else []
    for name, rows in table.items():
        if isinstance(rows, Mapping):
            body = "".join(f"{_key(str(k))} = {_value(v)}\n" for k, v in rows.items())
            chunks.append(f"[{_key(name)}]\n{body}")
    return "\n".join(chunks)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _quoted(value)
        case list() | tuple():
            return "[" + ", ".join(_value(item) for item in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _instead(text: str, said: str) -> str:
    """What to write in the line that is malformed, where a quote or a sign outside of quotes is the reason."""
    if "Cannot overwrite" in said:
        return "say it once"
    found = re.search(r"line (\d+)", said)
    rows = text.splitlines()
    row = rows[int(found.group(1)) - 1] if found and int(found.group(1)) <= len(rows) else rows[-1] if rows else ""
    wrong = re.match(r"""\s*([\w.-]+)\s*([<>!=]=|[=<>])\s*["']?([^"'\[\]{}#]+?)["']?\s*(?:#.*)?$""", row)
    if wrong is None:
        return ""
    sign = "" if wrong[2] in ("=", "==") else wrong[2][0] + "="
    return f"write {wrong[1]} = {_quoted(sign + wrong[3])}"


def _malformed(text: str, path: str, said: str) -> str:
    found = re.search(r"line (\d+)", said)
    rows = text.splitlines()
    number = int(found.group(1)) if found else len(rows)
    key = _KEY.match(rows[number - 1]) if 0 < number <= len(rows) else None
    name = f", key {key.group(1)!r}" if key else ""
    reason = re.sub(r"\s*\((?:at .*)\)$", "", said)
    return f"{path}:{number}{name}: malformed TOML: {reason}"


def _lines(text: str) -> dict[KeyPath, int]:
    """The line of every table header and key; keys inside inline tables have none.

    The n-th table of a list has the path `(name, "n")`, counted from 0.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    depth, quote = 0, ""
    for number, row in enumerate(text.splitlines(), 1):
        rest = row
        if depth == 0 and not quote:
            header, key = _HEADER.match(row), _KEY.match(row)
            if header:
                table = _split(header.group(1))
                lines.setdefault(table, number)
                if row.lstrip().startswith("[["):
                    at = counts[table] = counts.get(table, -1) + 1
                    table = (*table, str(at))
                    lines[table] = number
                continue
            if key:
                lines.setdefault(table + _split(key.group(1)), number)
                rest = key.group(2)
        depth, quote = _scan(rest, depth, quote)
    return lines


def _scan(row: str, depth: int, quote: str) -> tuple[int, str]:
    """Follow brackets and multi-line strings over one row."""
    at = 0
    while at < len(row):
        if quote:
            end = row.find(quote, at)
            if end < 0:
                return depth, quote
            at, quote = end + 3, ""
            continue
        found = _TOKEN.search(row, at)
        if found is None or found.group() == "#":
            break
        token, at = found.group(), found.end()
        if token in ('"""', "'''"):
            quote = token
        elif token in "[{":
            depth += 1
        elif token in "]}":
            depth -= 1
    return depth, quote


def _split(dotted: str) -> KeyPath:
    parts: Sequence[str] = re.findall(_PART, dotted)
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in parts)
