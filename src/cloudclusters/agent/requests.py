"""What each request does; the table of them is in note 0001."""

from __future__ import annotations

import time

from .checks import Refused, a_list, a_number, a_specification, a_text, an_object
from .files import inside, write_file
from .identity import facts
from .notices import KINDS
from .process import Process
from .run import Run
from .tail import Tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .node import Node
    from .wire import Connection, Message

    Act = Callable[[Node, Connection, object, Message], None]


def act_of(message: Message) -> Act:
    """What a request asks to be done; raises Refused when there is no such thing."""
    act = _ACTS.get(a_text(message, "do"))
    if act is None:
        raise Refused("bad-request", f"no request is called {message['do']!r:.60}")
    return act


def _hello(node: Node, to: Connection, number: object, _message: Message) -> None:
    to.send(number, "ok", facts(node))


def _write(node: Node, to: Connection, number: object, message: Message) -> None:
    for entry in a_list(message, "files"):
        file = an_object(entry, "a file")
        path = inside(node.directory, a_text(file, "path"))
        mode = int(a_number(file, "mode", 0o600)) & 0o777
        write_file(path, _content(file, path), mode)
    to.send(number, "ok", {})


def _content(file: Message, path: str) -> bytes:
    if "base64" not in file:
        return a_text(file, "text").encode("utf-8", "surrogateescape")
    import base64

    try:
        return base64.b64decode(a_text(file, "base64"), validate=True)
    except ValueError as exc:
        raise Refused("bad-request", f"{path}: not base64: {exc}") from exc


def _start(node: Node, to: Connection, number: object, message: Message) -> None:
    if node.ending:
        raise Refused("ending", "the node is being left")
    specs = [a_specification(entry) for entry in a_list(message, "processes")]
    chosen = []
    for name, spec in specs:
        process = node.processes.setdefault(name, Process(node, name))
        chosen.append((process, spec))
    for process, spec in chosen:
        process.want(spec)

    def answer() -> None:
        to.send(number, "ok", {"processes": [process.as_message() for process, _ in chosen]})

    node.when(lambda: all(process.settled for process, _ in chosen), answer)


def _stop(node: Node, to: Connection, number: object, message: Message) -> None:
    names = None if message.get("names") is None else a_list(message, "names")
    grace = a_number(message, "grace", 5.0)
    chosen = [process for name, process in node.processes.items() if names is None or name in names]
    for process in chosen:
        process.stop(grace)
    lives = [(process, process.life) for process in chosen if process.alive]
    node.when(
        lambda: not any(process.alive and process.life == life for process, life in lives),
        lambda: to.send(number, "ok", {}),
    )


def _list(node: Node, to: Connection, number: object, _message: Message) -> None:
    node.measure()
    to.send(number, "ok", {"processes": [process.as_message() for process in node.processes.values()]})


def _watch(node: Node, to: Connection, number: object, _message: Message) -> None:
    node.watched_by(to, number)


def _run(node: Node, to: Connection, number: object, message: Message) -> None:
    if node.ending:
        raise Refused("ending", "the node is being left")
    Run(node, to, number, message)


def _log(node: Node, to: Connection, number: object, message: Message) -> None:
    Tail(node, to, number, message).begin()


def _logs(node: Node, to: Connection, number: object, _message: Message) -> None:
    to.send(number, "ok", {"files": node.logs.files()})


def _lease(node: Node, to: Connection, number: object, message: Message) -> None:
    seconds = a_number(message, "seconds", 60.0)
    if message.get("number") is None:
        given = node.lease.take(
            a_text(message, "holder"), a_text(message, "who", ""), a_text(message, "verb", ""), seconds
        )
    else:
        given = node.lease.renew(int(a_number(message, "number", 0)), seconds)
    to.send(number, "ok", {"number": given})


def _unlease(node: Node, to: Connection, number: object, message: Message) -> None:
    node.lease.release(int(a_number(message, "number", 0)))
    to.send(number, "ok", {})


def _limits(node: Node, to: Connection, number: object, message: Message) -> None:
    if message.get("limits") is not None:
        node.limits.told(an_object(message["limits"], "limits"))
    to.send(number, "ok", node.limits.answer())


def _notice(node: Node, to: Connection, number: object, message: Message) -> None:
    kind = a_text(message, "kind")
    if kind not in KINDS:
        raise Refused("bad-request", f"a notice is of the kind {' or '.join(KINDS)}, not {kind!r:.60}")
    at = time.time() + a_number(message, "seconds", 120.0)
    to.send(number, "ok", {})
    node.notices.came(kind, a_text(message, "action", "terminate"), at)


def _retire(node: Node, to: Connection, number: object, message: Message) -> None:
    names = None if message.get("names") is None else a_list(message, "names")
    grace = a_number(message, "grace", 60.0)
    chosen = [process for process in node.workers() if names is None or process.name in names]
    lives = [(process, process.life) for process in chosen if process.alive]
    for process in chosen:
        process.retire(grace)
    node.when(
        lambda: not any(process.alive and process.life == life for process, life in lives),
        lambda: to.send(number, "ok", {}),
    )


def _leave(node: Node, to: Connection, number: object, message: Message) -> None:
    grace = a_number(message, "grace", 5.0)
    to.send(number, "ok", {})
    node.end(grace)


_ACTS = {
    "hello": _hello,
    "write": _write,
    "start": _start,
    "stop": _stop,
    "list": _list,
    "watch": _watch,
    "run": _run,
    "log": _log,
    "logs": _logs,
    "limits": _limits,
    "lease": _lease,
    "unlease": _unlease,
    "leave": _leave,
    "notice": _notice,
    "retire": _retire,
}
