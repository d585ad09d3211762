"""Doing several things at once, with one error however many of them failed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import TypeVar

from cloudclusters.base.door import finish
from cloudclusters.errors import CloudClustersError, SeveralFailed

T = TypeVar("T")


async def gather(works: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Run all at once and return their results in order; for the parts of one whole.

    The first failure cancels the rest. A single failure is raised as itself, several as `SeveralFailed`; an
    `ExceptionGroup` comes only when one of them is no `CloudClustersError`.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        found = list(_flat(failures))
        raise _one_of(found) from found[0].__cause__
    return [task.result() for task in tasks]


async def each_to_its_end(works: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Run all at once, each to its own end whatever becomes of the others; for things that only come together.

    Returns their results in order, or raises as `gather` does. A cancellation cancels all, and waits for their
    clean-up.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    if not tasks:
        return []
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await finish(asyncio.wait(tasks))
        raise
    failures = [task.exception() for task in tasks if not task.cancelled()]
    found = [failure for failure in failures if failure is not None]
    if found:
        raise _one_of([inner for failure in found for inner in _flat(failure)])
    return [task.result() for task in tasks]


def _flat(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions:
            yield from _flat(inner)
    else:
        yield failure


def _one_of(failures: Sequence[BaseException]) -> BaseException:
    if len(failures) == 1:
        return failures[0]
    ours = [failure for failure in failures if isinstance(failure, CloudClustersError)]
    if len(ours) < len(failures):
        return BaseExceptionGroup(f"{len(failures)} failures", failures)
    message = "\n".join(dict.fromkeys(failure.message for failure in ours))
    hint = "; ".join(dict.fromkeys(failure.hint for failure in ours if failure.hint))
    return SeveralFailed(message, hint=hint, errors=ours)
