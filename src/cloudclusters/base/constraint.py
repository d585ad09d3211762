"""A constraint is a set of allowed values of one feature: a range of exact numbers, or a choice of terms."""

from __future__ import annotations

import msgspec

Number = int | float


class Range(msgspec.Struct, frozen=True, tag="range", forbid_unknown_fields=True):
    """All numbers from `low` to `high`, both included; None is open. In the feature's base unit."""

    low: Number | None = None
    high: Number | None = None


class Terms(msgspec.Struct, frozen=True, tag="terms", forbid_unknown_fields=True):
    """Names of a taxonomy: values that *are* one of `any_of` (empty: anything) and none of `none_of`.

    With `newer_than` the value is that generation or a newer one, in its vendor's order.
    """

    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    newer_than: str = ""


Constraint = Range | Terms
