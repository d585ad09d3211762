"""A feature: one word of the platform vocabulary, with all that parsing, help and documentation need of it."""

from __future__ import annotations

import enum

import msgspec

from cloudclusters.vocabulary.unit import Unit


class Kind(enum.StrEnum):
    """What the values of a feature are."""

    QUANTIFIER = "quantifier"
    """Exact numbers."""
    QUALIFIER = "qualifier"
    """Names of a taxonomy."""


class Use(enum.StrEnum):
    """What a feature describes."""

    INSTANCE = "instance"
    """A machine: takes part in resolution."""
    CLUSTER = "cluster"
    """The cluster as a whole: does not."""


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the vocabulary.

    `column` is the column of the catalog's row that answers it; empty when the row does not (the offer or the
    cluster does). What is `measured` no catalog tells: it chooses nothing. `default` is what an unstated feature
    means, in text form. A `whole` number has no fractions and is at least `least`. A total over all nodes `sums` the
    product of these columns.
    """

    name: str
    kind: Kind
    use: Use = Use.INSTANCE
    meaning: str
    unit: Unit | None = None
    taxonomy: str = ""
    default: str = "any"
    aliases: tuple[str, ...] = ()
    column: str = ""
    measured: bool = False
    sums: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    whole: bool = False
    least: int = 0
