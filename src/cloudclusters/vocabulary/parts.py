"""Terms about what a machine has, several at once (`avx;avx2`), not about the one thing it is.

A term may join names: `avx2+fma` is to have both. So `any_of` is a disjunction of conjunctions, and every
operation stays within it. Who has a name has all that it is a member of: `CUDA 8.9` is `CUDA 8.0` as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from cloudclusters.vocabulary.constraint import Terms
from cloudclusters.vocabulary.taxonomy import Taxonomy

JOINT = "+"


def split(term: str) -> frozenset[str]:
    """The names that a term joins."""
    return frozenset(term.split(JOINT))


def join(names: Iterable[str]) -> str:
    """The one spelling of a term that joins these names."""
    return JOINT.join(sorted(names))


def contains(terms: Terms, had: Iterable[str], names: Taxonomy) -> bool:
    """Whether a machine that has these satisfies the terms."""
    return _holds(terms, _closed(had, names))


def is_empty(terms: Terms, names: Taxonomy) -> bool:
    """Whether nothing can satisfy the terms."""
    return not any(_holds(Terms(none_of=terms.none_of), least) for least in _least(terms, names))


def is_subset(inner: Terms, outer: Terms, names: Taxonomy) -> bool:
    """Whether all that satisfies `inner` satisfies `outer`.

    It is enough to look at the least that satisfies `inner`, alone and with what `outer` excludes added.
    """
    for least in _least(inner, names):
        if not _holds(inner, least):
            continue
        if outer.any_of and not any(split(term) <= least for term in outer.any_of):
            return False
        if any(_holds(inner, least | _closed(split(term), names)) for term in outer.none_of):
            return False
    return True


def intersect(a: Terms, b: Terms, names: Taxonomy) -> Terms:
    """What satisfies both."""
    none_of = tuple(dict.fromkeys(a.none_of + b.none_of))
    if not a.any_of or not b.any_of:
        return Terms(a.any_of or b.any_of, none_of)
    pairs = {_closed(split(x) | split(y), names): None for x in a.any_of for y in b.any_of}
    least = [each for each in pairs if not any(other < each for other in pairs)]
    return Terms(tuple(join(_bare(each, names)) for each in least), none_of)


def _holds(terms: Terms, had: frozenset[str]) -> bool:
    wanted = not terms.any_of or any(split(term) <= had for term in terms.any_of)
    return wanted and not any(split(term) <= had for term in terms.none_of)


def _least(terms: Terms, names: Taxonomy) -> list[frozenset[str]]:
    """The smallest sets that have one of `any_of`."""
    return [_closed(split(term), names) for term in terms.any_of] or [frozenset()]


def _closed(had: Iterable[str], names: Taxonomy) -> frozenset[str]:
    """These names with all that they are members of."""
    return frozenset[str]().union(*(names.ancestors(each) for each in had))


def _bare(had: frozenset[str], names: Taxonomy) -> list[str]:
    """Only the names that no other one of them is a member of."""
    return [each for each in had if not any(other != each and each in names.ancestors(other) for other in had)]
