"""What an agent says of its processes, with types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from cloudclusters.engine.protocol import Kind
from cloudclusters.errors import NodeError

T = TypeVar("T")


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a life of a process ended: its exit code, or the signal that killed it.

    `reason` is `exited`, `signal`, `memory`, `stopped` or `not-started`; then `text` says why.
    """

    code: int | None = None
    signal: str | int | None = None
    reason: str = ""
    text: str = ""


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A process of a node. `state` is `starting`, `ready`, `retiring`, `exited`, `failed` or `stopped`.

    `exit` is the end of the latest life that ended; `ready` what the present one said; `restarts` counts
    since it was last started by us.
    """

    name: str
    kind: Kind
    state: str
    life: str
    os_pid: int | None = None
    started: float | None = None
    ready: object = None
    exit: Exit | None = None
    restarts: int = 0
    rss_bytes: int = 0


def process_status(event: Mapping[str, object]) -> ProcessStatus:
    """The process of an event of `watch`; raises `NodeError` when it is none."""
    return _converted(event.get("process"), ProcessStatus)


def process_statuses(answer: Mapping[str, object]) -> list[ProcessStatus]:
    """The processes of an answer to `list` or `start`; raises `NodeError` when there are none."""
    return _converted(answer.get("processes"), list[ProcessStatus])


def _converted(value: object, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise NodeError(f"the agent's answer is not understood: {exc}") from exc
