"""Terms about what a machine has, several at once (`avx;avx2`), not about the one thing it is.

A term may join names: `avx2+fma` is to have both. So `any_of` is a disjunction of conjunctions, and every
operation stays within it.
"""

from __future__ import annotations

from cloudclusters.vocabulary.constraint import Terms

JOINT = "+"


def split(term: str) -> frozenset[str]:
    """The names that a term joins."""
    return frozenset(term.split(JOINT))


def join(names: frozenset[str]) -> str:
    """The one spelling of a term that joins these names."""
    return JOINT.join(sorted(names))


def holds(terms: Terms, had: frozenset[str]) -> bool:
    """Whether a machine that has these satisfies the terms."""
    wanted = not terms.any_of or any(split(term) <= had for term in terms.any_of)
    return wanted and not any(split(term) <= had for term in terms.none_of)


def is_empty(terms: Terms) -> bool:
    """Whether nothing can satisfy the terms."""
    return not any(holds(Terms(none_of=terms.none_of), least) for least in _least(terms))


def is_subset(inner: Terms, outer: Terms) -> bool:
    """Whether all that satisfies `inner` satisfies `outer`.

    It is enough to look at the least that satisfies `inner`, alone and with what `outer` excludes added.
    """
    for least in _least(inner):
        if not holds(inner, least):
            continue
        if outer.any_of and not any(split(term) <= least for term in outer.any_of):
            return False
        if any(holds(inner, least | split(term)) for term in outer.none_of):
            return False
    return True


def intersect(a: Terms, b: Terms) -> Terms:
    """What satisfies both."""
    none_of = tuple(dict.fromkeys(a.none_of + b.none_of))
    if not a.any_of or not b.any_of:
        return Terms(a.any_of or b.any_of, none_of)
    pairs = dict.fromkeys(split(x) | split(y) for x in a.any_of for y in b.any_of)
    least = [each for each in pairs if not any(other < each for other in pairs)]
    return Terms(tuple(join(each) for each in least), none_of)


def _least(terms: Terms) -> list[frozenset[str]]:
    """The smallest sets that have one of `any_of`."""
    return [split(term) for term in terms.any_of] or [frozenset()]
