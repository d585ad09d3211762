"""`sshflags`: the options of `ssh` that make sense for a cluster; every other one is refused with a reason."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

import msgspec

from cloudclusters.errors import InvalidSetting


class Flags(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user wants of SSH connections; None or empty is our own choice."""

    port: int | None = None
    user: str = ""
    connect_timeout: float | None = None
    keepalive: float | None = None
    keepalive_count: int | None = None
    ciphers: tuple[str, ...] = ()
    kex: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    compression: bool = False


_SHORT = {"-p": "Port", "-l": "User", "-c": "Ciphers", "-m": "MACs"}
_NAMES = ("Port", "User", "ConnectTimeout", "ServerAliveInterval", "ServerAliveCountMax", "Ciphers", "KexAlgorithms")
NAMES = (*_NAMES, "MACs", "Compression")
"""The options of `-o` that are taken."""
SUBSET = "-p PORT, -l USER, -c CIPHERS, -m MACS, -C, and -o with " + ", ".join(NAMES)

_WHY: Mapping[str, str] = {
    "stricthostkeychecking": "host keys are always checked",
    "userknownhostsfile": "the host keys of a cluster are kept in a file of its own",
    "globalknownhostsfile": "the host keys of a cluster are kept in a file of its own",
    "-i": "every cluster has a key of its own",
    "identityfile": "every cluster has a key of its own",
    "-J": "the way to nodes inside a cluster is found by itself",
    "proxyjump": "the way to nodes inside a cluster is found by itself",
    "-F": "the configuration of `ssh` is written by us, not read",
    "-L": "forward a port of the cluster by its own verb",
    "-A": "the keys of your agent are not lent to machines",
    "forwardagent": "the keys of your agent are not lent to machines",
}


def parse_flags(text: str) -> Flags:
    """The flags that a text like `-l ubuntu -o ConnectTimeout=5` gives; raises `InvalidSetting`.

    >>> parse_flags("-p 2222 -C").port
    2222
    """
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise InvalidSetting(f"sshflags {text!r} cannot be read: {exc}") from exc
    found: dict[str, object] = {}
    while words:
        word = words.pop(0)
        if word == "-C":
            found["compression"] = True
        elif word[:2] in (*_SHORT, "-o"):
            value = word[2:] or (words.pop(0) if words else "")
            name, value = _option(value) if word.startswith("-o") else (_SHORT[word[:2]], value)
            found.update(_taken(name, value))
        else:
            raise _refused(word)
    return msgspec.convert(found, Flags)


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.replace("=", " ", 1).partition(" ")
    return name, value.strip()


def _taken(name: str, value: str) -> dict[str, object]:
    known = {key.lower(): key for key in NAMES}
    if name.lower() not in known:
        raise _refused(name)
    field, read = _READ[known[name.lower()]]
    try:
        return {field: read(value)}
    except ValueError as exc:
        raise InvalidSetting(f"sshflags: {value!r} is no value for {known[name.lower()]}: {exc}") from exc


def _refused(word: str) -> InvalidSetting:
    why = _WHY.get(word[:2] if word.startswith("-") else word.lower(), "")
    return InvalidSetting(f"sshflags cannot have {word!r}{': ' + why if why else ''}", hint=f"it takes {SUBSET}")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ValueError("it is a number above 0")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 < value < 65536:
        raise ValueError("it is a number from 1 to 65535")
    return value


def _count(text: str) -> int:
    return int(_positive(str(int(text))))


def _word(text: str) -> str:
    if not text or any(c.isspace() for c in text) or text.startswith("-"):
        raise ValueError("it is one word")
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(_word(name) for name in text.split(","))
    if names[0][0] in "+^":
        raise ValueError("name all of them; `+`, `-` and `^` are not taken")
    return names


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("it is yes or no")
    return text == "yes"


_READ: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "Port": ("port", _port),
    "User": ("user", _word),
    "ConnectTimeout": ("connect_timeout", _positive),
    "ServerAliveInterval": ("keepalive", _positive),
    "ServerAliveCountMax": ("keepalive_count", _count),
    "Ciphers": ("ciphers", _names),
    "KexAlgorithms": ("kex", _names),
    "MACs": ("macs", _names),
    "Compression": ("compression", _yes),
}
