"""What must hold for every constraint: sets behave as sets, and text says all there is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from random_constraints import GROWN, constraints, numbers, terms, terms_of

from cloudclusters.vocabulary import (
    FEATURES,
    Constraint,
    Feature,
    Kind,
    Terms,
    Unit,
    Verdict,
    contains,
    format_constraint,
    intersect,
    is_anything,
    is_empty,
    is_subset,
    judge,
    judge_all,
    parse_constraint,
    taxonomy,
    taxonomy_of,
)

QUANTIFIERS = [each for each in FEATURES.values() if each.kind is Kind.QUANTIFIER]
QUALIFIERS = [each for each in FEATURES.values() if each.kind is Kind.QUALIFIER]


def cells(feature: Feature) -> st.SearchStrategy[int | float | str | None]:
    """A cell that the catalog may hold for the feature."""
    if feature.kind is Kind.QUANTIFIER:
        return st.none() | numbers
    names = taxonomy_of(feature)
    assert names is not None
    value = st.sampled_from([*names.values(), *GROWN.get(feature.name, [])])
    if feature.taxonomy == "simd":
        return st.none() | st.lists(value, min_size=1, max_size=12, unique=True).map(";".join)
    return st.none() | st.lists(value, min_size=1, max_size=3).map("|".join)


features = st.sampled_from(list(FEATURES.values()))
one = features.flatmap(lambda f: st.tuples(st.just(f), constraints(f), cells(f)))
two = features.flatmap(lambda f: st.tuples(st.just(f), constraints(f), constraints(f), cells(f)))


@given(one)
def test_text_says_all(case: tuple[Feature, Constraint, object]) -> None:
    """What `format_constraint` writes, `parse_constraint` reads back as the same constraint."""
    feature, constraint, _ = case
    assert parse_constraint(format_constraint(feature, constraint)) == (feature, constraint)


@given(two)
def test_intersection_is_conjunction(case: tuple[Feature, Constraint, Constraint, int | float | str | None]) -> None:
    """A machine satisfies what two constraints have in common if and only if it satisfies both."""
    feature, a, b, cell = case
    both = intersect(a, b, taxonomy_of(feature))
    expected = judge(feature, a, cell) is Verdict.MET and judge(feature, b, cell) is Verdict.MET
    assert (judge(feature, both, cell) is Verdict.MET) is expected


@given(st.sampled_from(QUALIFIERS).flatmap(lambda f: st.tuples(st.just(f), st.sampled_from(terms_of(f)), cells(f))))
def test_nothing_is_in_an_empty_constraint(case: tuple[Feature, str, int | float | str | None]) -> None:
    """No machine satisfies a constraint and what excludes it."""
    feature, name, cell = case
    nothing = Terms((name,), (name,))
    assert is_empty(nothing, taxonomy_of(feature))
    assert judge(feature, nothing, cell) is not Verdict.MET


@given(two)
def test_empty_means_unsatisfiable(case: tuple[Feature, Constraint, Constraint, int | float | str | None]) -> None:
    """What satisfies two constraints shows that what they have in common is not empty."""
    feature, a, b, cell = case
    names = taxonomy_of(feature)
    both = intersect(a, b, names)
    if is_empty(both, names):
        assert is_anything(both) or judge(feature, both, cell) is not Verdict.MET


@given(st.sampled_from(QUALIFIERS).flatmap(lambda f: st.tuples(st.just(f), terms(f), terms(f))))
def test_not_empty_means_satisfiable(case: tuple[Feature, Constraint, Constraint]) -> None:
    """Where a closed taxonomy says that something satisfies both, one of its values does."""
    feature, a, b = case
    names = taxonomy_of(feature)
    assert names is not None
    assume(names.shape == "closed")
    both = intersect(a, b, names)
    assert is_empty(both, names) is not any(contains(both, value, names) for value in names.values())


@given(two)
def test_subset_carries_over(case: tuple[Feature, Constraint, Constraint, int | float | str | None]) -> None:
    """Whatever satisfies a constraint satisfies one that holds it."""
    feature, a, b, cell = case
    assume(cell is not None)
    if is_subset(a, b, taxonomy_of(feature)) and judge(feature, a, cell) is Verdict.MET:
        assert judge(feature, b, cell) is Verdict.MET


@given(two)
def test_intersection_is_a_subset(case: tuple[Feature, Constraint, Constraint, object]) -> None:
    """What two constraints have in common lies in both, and all of a constraint within another is in common."""
    feature, a, b, _ = case
    names = taxonomy_of(feature)
    both = intersect(a, b, names)
    assert is_subset(both, a, names)
    assert is_subset(both, b, names)
    assert is_subset(a, b, names) is is_subset(a, both, names)


@given(one)
def test_possible_is_weaker(case: tuple[Feature, Constraint, int | float | str | None]) -> None:
    """What holds on all alternatives holds on one."""
    feature, constraint, cell = case
    if judge(feature, constraint, cell) is Verdict.MET:
        assert judge(feature, constraint, cell, possible=True) is Verdict.MET


@pytest.mark.parametrize("possible", [False, True])
@given(case=features.flatmap(lambda f: st.tuples(st.just(f), constraints(f), st.lists(cells(f)))))
def test_judging_many_is_judging_each(
    case: tuple[Feature, Constraint, list[int | float | str | None]], possible: bool
) -> None:
    """The quick way gives the verdicts of the naive one."""
    feature, constraint, many = case
    expected = {cell: judge(feature, constraint, cell, possible=possible) for cell in many}
    assert judge_all(feature, constraint, many, possible=possible) == expected


@pytest.mark.parametrize(
    "name", ["accelerator_architecture", "microarchitecture", "accelerator_type", "storage_type", "rdma", "isa"]
)
def test_every_pair_of_names(name: str) -> None:
    """Of any two simple constraints, what they have in common and which holds the other is exact."""
    names = taxonomy(name)
    simple = [Terms((each,)) for each in names.terms()] + [Terms((), (each,)) for each in names.terms()]
    simple += [Terms(newer_than=each) for each in names.terms() if names.is_ordered(each)]
    meant = {each: {value for value in names.values() if contains(each, value, names)} for each in simple}
    for a, b in itertools.product(simple, repeat=2):
        both = intersect(a, b, names)
        assert {value for value in meant[a] | meant[b] if contains(both, value, names)} == meant[a] & meant[b]
        assert is_subset(a, b, names) is (meant[a] <= meant[b])


@pytest.mark.parametrize(
    ("a", "b", "empty"),
    [
        ("t3", "t3.xlarge", False),
        ("t3.xlarge", "m5", True),
        ("e2-standard", "e2", False),
        ("t3.xlarge", "t3.large", True),
    ],
)
def test_families_that_grow(a: str, b: str, empty: bool) -> None:
    """A type and a family have something in common exactly if the type is of the family."""
    names = taxonomy("machine_type")
    assert is_empty(intersect(Terms((a,)), Terms((b,)), names), names) is empty


def test_a_family_is_more_than_the_types_we_name() -> None:
    """Providers add types: a family without one of its types is neither empty nor within another type."""
    names = taxonomy("machine_type")
    rest = Terms(("t3",), ("t3.xlarge",))
    assert not is_empty(rest, names)
    assert not is_subset(rest, Terms(("t3.large",)), names)
    assert not is_subset(Terms(("t3",)), Terms(("t3", "t3a"), ("t3.xlarge",)), names)


@given(st.sampled_from(list(Unit)), numbers)
def test_quantities_are_exact(unit: Unit, number: int | float) -> None:
    """A number survives its text in every unit, to the last byte."""
    read = unit.parse(unit.text(number))
    assert read == number
    assert isinstance(read, int) or not float(number).is_integer()
