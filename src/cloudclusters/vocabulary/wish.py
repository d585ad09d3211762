"""What a user writes about a feature before it is known which feature: `atleast("512G")`."""

from __future__ import annotations

import enum

import msgspec

Value = int | float | str


class Relation(enum.StrEnum):
    """How the wished value relates to what the user wrote."""

    ATLEAST = "atleast"
    """That much or more; that generation or newer."""
    ATMOST = "atmost"
    """That much or less."""
    BETWEEN = "between"
    """From the first to the second, both included."""
    JUST = "just"
    """Exactly that."""
    ONEOF = "oneof"
    """One of these, or a member of one."""
    NONEOF = "noneof"
    """None of these, nor a member of one."""


class Wish(msgspec.Struct, frozen=True):
    """A relation and its values, as written; `constrain` gives it a meaning for a feature."""

    relation: Relation
    values: tuple[Value, ...]

    def __repr__(self) -> str:
        return f"{self.relation.value}({', '.join(map(repr, self.values))})"

    __str__ = __repr__


def atleast(value: Value) -> Wish:
    """That much or more (`atleast("512G")`); of a generation, that one or a newer one (`atleast("Ada")`)."""
    return Wish(Relation.ATLEAST, (value,))


def atmost(value: Value) -> Wish:
    """That much or less: `atmost(16)`."""
    return Wish(Relation.ATMOST, (value,))


def between(low: Value, high: Value) -> Wish:
    """From `low` to `high`, both included: `between("64G", "256G")`."""
    return Wish(Relation.BETWEEN, (low, high))


def just(value: Value) -> Wish:
    """Exactly that much (`just(8)`), or that term (`just("Ada")`)."""
    return Wish(Relation.JUST, (value,))


def oneof(*values: Value) -> Wish:
    """One of these terms, or a member of one: `oneof("Ada", "Hopper")`."""
    return Wish(Relation.ONEOF, values)


def noneof(*values: Value) -> Wish:
    """None of these terms, nor a member of one: `noneof("t2", "t3")`."""
    return Wish(Relation.NONEOF, values)
