"""Reading requests: every value is checked before it is used."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import Message

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


class Refused(Exception):
    """A request that is not carried out; `kind` is a word for programs."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def a_text(message: Message, key: str, default: str | None = None) -> str:
    """The text of this key; raises Refused, as all of these."""
    value = message.get(key, default)
    if not isinstance(value, str) or "\0" in value:
        raise Refused("bad-request", f"{key} must be a text, not {value!r:.60}")
    return value


def a_number(message: Message, key: str, default: float) -> float:
    """The number of this key, not negative."""
    value = message.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e18:
        raise Refused("bad-request", f"{key} must be a number from 0 on, not {value!r:.60}")
    return value


def a_list(message: Message, key: str) -> list[object]:
    """The list of this key, of anything."""
    value = message.get(key)
    if not isinstance(value, list):
        raise Refused("bad-request", f"{key} must be a list, not {value!r:.60}")
    return value


def an_object(value: object, what: str) -> Message:
    """This value, when it is a JSON object."""
    if not isinstance(value, dict):
        raise Refused("bad-request", f"{what} must be an object, not {value!r:.60}")
    return value


def an_argv(message: Message) -> list[str]:
    """A program and its arguments."""
    argv = a_list(message, "argv")
    if not argv or not all(isinstance(word, str) and "\0" not in word for word in argv) or not argv[0]:
        raise Refused("bad-request", f"argv must be a list of texts that begins with a program, not {argv!r:.60}")
    return [str(word) for word in argv]


def an_env(message: Message) -> dict[str, str]:
    """Variables of an environment."""
    env = an_object(message.get("env") or {}, "env")
    for name, value in env.items():
        if not name or "=" in name or not isinstance(value, str) or "\0" in name + value:
            raise Refused("bad-request", f"env must map names to texts; {name!r:.60} is {value!r:.60}")
    return {name: str(value) for name, value in env.items()}


def is_name(text: str) -> bool:
    """Whether this may name a process or a life: it becomes part of the names of files."""
    return 0 < len(text) <= 64 and text[0] != "-" and _LETTERS.issuperset(text)


def a_name(message: Message) -> str:
    """The name of a process."""
    name = a_text(message, "name")
    if not is_name(name):
        raise Refused("bad-request", f"a process name is letters, digits, _ and -, at most 64; not {name!r:.80}")
    return name


def a_specification(entry: object) -> tuple[str, Message]:
    """A process that is wished for: its name, and the rest of it with all defaults."""
    given = an_object(entry, "a process")
    unknown = set(given) - {"name", "kind", "argv", "env", "cwd", "memory_bytes", "restarts", "within"}
    if unknown:
        raise Refused("bad-request", f"a process has no {', '.join(sorted(unknown))}")
    return a_name(given), {
        "kind": a_text(given, "kind", "service"),
        "argv": an_argv(given),
        "env": an_env(given),
        "cwd": a_text(given, "cwd", ""),
        "memory_bytes": int(a_number(given, "memory_bytes", 0)),
        "restarts": int(a_number(given, "restarts", 5)),
        "within": a_number(given, "within", 60.0),
    }
