"""Doing several things at once, with one error when one failed and a group when several did."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

T = TypeVar("T")


async def gather(works: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Run all at once and return their results in order.

    The first failure cancels the rest. A single failure is raised as itself, several as an `ExceptionGroup`.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from failures.exceptions[0].__cause__
        raise
    return [task.result() for task in tasks]
