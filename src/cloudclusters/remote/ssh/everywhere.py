"""The same thing on many nodes: all results and all failures, and not more at a time than is good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from cloudclusters.errors import CloudClustersError

T = TypeVar("T")
R = TypeVar("R")

MANY = 64
"""Nodes that are busy at a time: more take longer in all, because handshakes compete for one processor."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What came of it, by node, in the order of the nodes."""

    results: dict[str, R]
    failures: dict[str, CloudClustersError]

    def check(self) -> dict[str, R]:
        """The results when nothing failed; else raises the failure, or a group of them."""
        failures = list(self.failures.values())
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise ExceptionGroup(f"{len(failures)} of {len(failures) + len(self.results)} nodes failed", failures)
        return self.results


async def everywhere(nodes: Mapping[str, T], act: Callable[[T], Awaitable[R]], *, at_once: int = MANY) -> Outcome[R]:
    """Do something with every node, at most `at_once` at a time.

    A node that fails with one of our errors stops no other; any other exception does, and is raised.
    """
    results: dict[str, R] = {}
    failures: dict[str, CloudClustersError] = {}
    waiting = iter(nodes.items())

    async def work() -> None:
        for name, node in waiting:
            try:
                results[name] = await act(node)
            except CloudClustersError as exc:
                failures[name] = exc

    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, len(nodes))):
            group.create_task(work())
    return Outcome(
        {name: results[name] for name in nodes if name in results},
        {name: failures[name] for name in nodes if name in failures},
    )
