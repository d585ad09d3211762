"""Strategies for random constraints on every feature, shared by the tests of the vocabulary and of contracts."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from cloudclusters.errors import InvalidContract
from cloudclusters.vocabulary import Constraint, Feature, Kind, Range, Terms, constrain, taxonomy_of

GROWN = {
    "node_machinetype": ["t3.xlarge", "t3.large", "e2-standard-4", "e2-highmem-8", "Standard_D2s_v3", "n1-ultramem-40"],
    "cluster_locale": ["us-east-1a", "us-east-1b", "europe-west3-a"],
}

counts = st.integers(1, 2**20)
numbers = st.one_of(
    st.integers(0, 2**63),
    st.builds(lambda n, k: n << 10 * k, counts, st.integers(0, 4)),
    st.builds(lambda n, k: n * 10**k, counts, st.integers(0, 12)),
    st.floats(0, 1e15),
)


def terms_of(feature: Feature) -> list[str]:
    """Every name that a constraint on the feature may use."""
    names = taxonomy_of(feature)
    assert names is not None
    return [*names.terms(), *GROWN.get(feature.name, [])]


@st.composite
def ranges(draw: st.DrawFn, feature: Feature) -> Constraint:
    """A range that the feature accepts."""
    number = counts if feature.whole else numbers
    ends = [draw(st.none() | number), draw(st.none() | number)]
    if None not in ends:
        ends.sort()
    return constrain(feature, Range(*ends))


@st.composite
def terms(draw: st.DrawFn, feature: Feature) -> Constraint:
    """Terms that the feature accepts."""
    names = taxonomy_of(feature)
    assert names is not None
    name = st.sampled_from(terms_of(feature))
    if feature.taxonomy == "simd":
        name = st.lists(name, min_size=1, max_size=3, unique=True).map(lambda each: "+".join(sorted(each)))
    ordered = [each for each in names.terms() if names.is_ordered(each)]
    made = Terms(
        tuple(draw(st.lists(name, max_size=3, unique=True))),
        tuple(draw(st.lists(name, max_size=2, unique=True))),
        draw(st.sampled_from(["", *ordered])),
    )
    try:
        return constrain(feature, made)
    except InvalidContract:
        assume(False)
        raise


def constraints(feature: Feature) -> st.SearchStrategy[Constraint]:
    """A constraint that the feature accepts."""
    return ranges(feature) if feature.kind is Kind.QUANTIFIER else terms(feature)
