"""Progress and logs are one stream of events; terminal, notebook and log file are readers of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a cluster, or to one of its nodes when `node` is set.

    `phase` is a short word that replaces the node's previous one (`launching`, `connecting`, `starting`,
    `ready` …); `text` is a sentence for people.
    """

    cluster: str
    phase: str
    text: str = ""
    node: str = ""


Listen = Callable[[Event], None]


def silence(event: Event) -> None:
    """Listen to nothing."""
