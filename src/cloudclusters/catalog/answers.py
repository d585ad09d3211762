"""Answers that are kept, as the rows of a catalog never change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 16


class Answers(Generic[T]):
    """The last answers to questions of one sort. May be shared by threads: at worst two of them ask the same."""

    def __init__(self) -> None:
        self._known: dict[object, T] = {}

    def of(self, question: object, ask: Callable[[], T]) -> T:
        """The answer to a question, from before where it is kept; the oldest gives way."""
        found = self._known.get(question)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.pop(next(iter([*self._known])), None)  # of a copy, as other threads may be adding to it
            found = self._known[question] = ask()
        return found
