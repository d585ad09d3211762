"""Constraints as sets: what two have in common, whether one is empty, or within another.

The universe of a closed taxonomy is the names it knows. An open one also holds names we have not heard of: one
beside all we know, and one below every name that the constraints mention, which that name itself stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cloudclusters.errors import InternalError
from cloudclusters.vocabulary import parts
from cloudclusters.vocabulary.constraint import Constraint, Number, Range, Terms
from cloudclusters.vocabulary.feature import Feature
from cloudclusters.vocabulary.taxonomy import Entry, Shape, Taxonomy, taxonomy

_UNHEARD = "\0"
_NAMES_ALONE = Taxonomy("", title="name", shape=Shape.OPEN, root=Entry(""), entries=())
"""Stands in when no taxonomy is given: names that are members of nothing."""


def taxonomy_of(feature: Feature) -> Taxonomy | None:
    """The taxonomy of a qualifier; None of a quantifier."""
    return taxonomy(feature.taxonomy) if feature.taxonomy else None


def is_anything(constraint: Constraint) -> bool:
    """Whether every value satisfies it, an unknown one included."""
    if isinstance(constraint, Range):
        return constraint.high is None and not constraint.low
    return constraint == Terms()


def contains(constraint: Constraint, value: Number | str, taxonomy: Taxonomy | None = None) -> bool:
    """Whether one known value satisfies the constraint; a term in canonical spelling, parts as `avx;avx2`."""
    if isinstance(constraint, Range):
        if isinstance(value, str):
            raise InternalError(f"{value!r} is no number")
        return _low(constraint) <= value and (constraint.high is None or value <= constraint.high)
    names = taxonomy or _NAMES_ALONE
    if names.shape is Shape.PARTS:
        return parts.contains(constraint, str(value).split(";"), names)
    return holds(constraint, names.ancestors(str(value)), names)


def is_empty(constraint: Constraint, taxonomy: Taxonomy | None = None) -> bool:
    """Whether no value satisfies the constraint."""
    if isinstance(constraint, Range):
        return constraint.high is not None and constraint.high < _low(constraint)
    names = taxonomy or _NAMES_ALONE
    if names.shape is Shape.PARTS:
        return parts.is_empty(constraint, names)
    return not any(holds(constraint, world, names) for world in _worlds(names, constraint))


def is_subset(inner: Constraint, outer: Constraint, taxonomy: Taxonomy | None = None) -> bool:
    """Whether every value that satisfies `inner` satisfies `outer`."""
    if isinstance(inner, Range) and isinstance(outer, Range):
        return is_empty(inner) or (
            _low(outer) <= _low(inner) and (outer.high is None or (inner.high is not None and inner.high <= outer.high))
        )
    if not isinstance(inner, Terms) or not isinstance(outer, Terms):
        raise InternalError("constraints of two kinds of feature were compared")
    names = taxonomy or _NAMES_ALONE
    if names.shape is Shape.PARTS:
        return parts.is_subset(inner, outer, names)
    return all(holds(outer, world, names) for world in _worlds(names, inner, outer) if holds(inner, world, names))


def intersect(a: Constraint, b: Constraint, taxonomy: Taxonomy | None = None) -> Constraint:
    """What satisfies both; `is_empty` tells when nothing does."""
    if isinstance(a, Range) and isinstance(b, Range):
        lows = [low for low in (a.low, b.low) if low is not None]
        highs = [high for high in (a.high, b.high) if high is not None]
        return Range(max(lows, default=None), min(highs, default=None))
    if not isinstance(a, Terms) or not isinstance(b, Terms):
        raise InternalError("constraints of two kinds of feature were compared")
    names = taxonomy or _NAMES_ALONE
    if names.shape is Shape.PARTS:
        return parts.intersect(a, b, names)
    return _intersect_terms(a, b, names)


def _intersect_terms(a: Terms, b: Terms, names: Taxonomy) -> Terms:
    none_of = tuple(dict.fromkeys(a.none_of + b.none_of))
    none_of = tuple(each for each in none_of if not any(o != each and names.is_a(each, o) for o in none_of))
    newer = _newest(a.newer_than, b.newer_than, names)
    if newer is None:  # two lines of generations: only naming the values can say it
        any_of = tuple(each for each in names.values() if contains(a, each, names) and contains(b, each, names))
        return Terms(any_of, none_of) if any_of else Terms((a.newer_than,), (a.newer_than,))
    if not a.any_of or not b.any_of:
        return Terms(a.any_of or b.any_of, none_of, newer)
    any_of = tuple(dict.fromkeys(each for x in a.any_of for y in b.any_of for each in _common(x, y, names)))
    any_of = tuple(each for each in any_of if not any(o != each and names.is_a(each, o) for o in any_of))
    return Terms(any_of, none_of, newer) if any_of else Terms(a.any_of, (*none_of, *a.any_of), newer)


def _newest(x: str, y: str, names: Taxonomy) -> str | None:
    """The newer of two generations; None when neither is."""
    if not x or not y:
        return x or y
    if names.is_newer(x, y):
        return x
    return y if names.is_newer(y, x) else None


def _common(x: str, y: str, names: Taxonomy) -> Iterable[str]:
    """The largest names that are both an `x` and a `y`."""
    if names.is_a(x, y):
        return (x,)
    if names.is_a(y, x):
        return (y,)
    both = [each for each in names.terms() if names.is_a(each, x) and names.is_a(each, y)]
    return [each for each in both if not any(other != each and names.is_a(each, other) for other in both)]


def holds(terms: Terms, ancestors: frozenset[str], names: Taxonomy) -> bool:
    """Whether a value with these ancestors (itself included) satisfies the terms."""
    return (
        (not terms.any_of or not ancestors.isdisjoint(terms.any_of))
        and ancestors.isdisjoint(terms.none_of)
        and (not terms.newer_than or any(names.is_newer(each, terms.newer_than) for each in ancestors))
    )


def _worlds(names: Taxonomy, *constraints: Terms) -> Iterator[frozenset[str]]:
    """The ancestors of every value that could tell these constraints apart."""
    yield from (names.ancestors(value) for value in names.values())
    if names.is_open:
        yield frozenset((_UNHEARD,))
        for terms in constraints:
            for each in (*terms.any_of, *terms.none_of, *filter(None, (terms.newer_than,))):
                yield names.ancestors(each)


def _low(constraint: Range) -> Number:
    """The lower end; no quantity is below 0."""
    return 0 if constraint.low is None else constraint.low
