"""Marks for what a provider does not do: each with its reason, and none that goes unnoticed once it is done.

A marked test still runs. If it passes, the run fails: the mark must go.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from dataclasses import dataclass


class Absence(enum.StrEnum):
    """Why a test of a shared suite cannot pass."""

    NOT_YET = "not yet"
    """We have not built it."""
    NOT_THERE = "not there"
    """The provider, or its stand-in in the tests, does not have it."""
    NEVER = "never"
    """It contradicts what the provider is."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A reason for a test to fail."""

    absence: Absence
    reason: str


def not_yet(reason: str) -> Mark:
    """It is missing, and to be built."""
    return Mark(Absence.NOT_YET, reason)


def not_there(reason: str) -> Mark:
    """The provider, or its stand-in in the tests, does not have it."""
    return Mark(Absence.NOT_THERE, reason)


def never(reason: str) -> Mark:
    """It contradicts what the provider is."""
    return Mark(Absence.NEVER, reason)


class Marked:
    """A shared suite whose subclasses say in `marks`, by the test's name, what cannot pass and why."""

    marks: Mapping[str, Mark] = types.MappingProxyType({})

    def __init_subclass__(cls) -> None:
        import pytest

        super().__init_subclass__()
        for name, mark in vars(cls).get("marks", {}).items():
            test = getattr(cls, name, None)
            if not isinstance(test, types.FunctionType) or not name.startswith("test_"):
                raise TypeError(f"{cls.__name__}.marks names {name!r}, which is no test of the suite")
            if not mark.reason:
                raise TypeError(f"{cls.__name__}.marks says of {name!r} that it cannot pass, but not why")
            copy = types.FunctionType(test.__code__, test.__globals__, name, test.__defaults__, test.__closure__)
            copy.__kwdefaults__, copy.__annotations__ = test.__kwdefaults__, test.__annotations__
            copy.__doc__, copy.__qualname__ = test.__doc__, f"{cls.__qualname__}.{name}"
            copy.__dict__.update(test.__dict__)
            expected = pytest.mark.xfail(strict=True, reason=f"{mark.absence}: {mark.reason}")
            setattr(cls, name, expected(copy))
