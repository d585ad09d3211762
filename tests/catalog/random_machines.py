"""Strategies for random machine types and constraints, shared by the tests that compare with naive definitions."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from cloudclusters.catalog import Demand, MachineType
from cloudclusters.catalog.schema import NUMBER_COLUMNS
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Range, Terms, Use, taxonomy
from cloudclusters.vocabulary.taxonomy import Shape

INSTANCE = [f for f in FEATURES.values() if f.use is Use.INSTANCE]
NUMBERS = st.one_of(st.none(), st.integers(0, 20), st.sampled_from([0.125, 0.5, 2.5, 2**40, 2**63 - 1]))
ENDS = st.one_of(NUMBERS, st.sampled_from([2**63, 2**70, -(2**63), 1e300, 1e-300]))
TYPE_NAMES = ["t3.xlarge", "t3.micro", "g6.48xlarge", "n2-standard-4", "Standard_D2s_v3", "Standard_E16-4ads_v5"]
PROVIDERS = ["ec2", "gcp", "azure", "local"]


def names_of(each: Feature, most: int) -> list[str]:
    """Some names of a qualifier, one that nobody knows among them."""
    if each.taxonomy == "machine_type":
        return [*TYPE_NAMES, "t3", "g6", "n2", "Dsv3"]
    return [*taxonomy(each.taxonomy).terms()[:most], "something new"]


def _cells(each: Feature, most: int) -> st.SearchStrategy[object]:
    if each.column in NUMBER_COLUMNS:
        return NUMBERS
    joint = ";" if taxonomy(each.taxonomy).shape is Shape.PARTS else "|"
    names = st.sampled_from(names_of(each, most))
    return st.one_of(st.none(), st.lists(names, min_size=1, max_size=3).map(joint.join))


@st.composite
def machines(draw: st.DrawFn, *, of: Sequence[Feature] = INSTANCE, most: int = 40) -> MachineType:
    """A machine type with any cells in the columns of these features, of the first `most` names of each."""
    columns = {f.column: f for f in of if f.column and f.column not in ("provider", "instance_type")}
    cells = {column: draw(_cells(each, most)) for column, each in columns.items()}
    provider, name = draw(st.sampled_from(PROVIDERS)), draw(st.sampled_from(TYPE_NAMES))
    return MachineType(provider, name, **cells)  # type: ignore[arg-type]


@st.composite
def demands(draw: st.DrawFn) -> Demand:
    """A feature with any constraint of its kind, sensible or not."""
    each = draw(st.sampled_from(INSTANCE))
    if each.kind is Kind.QUANTIFIER:
        return each, Range(draw(ENDS), draw(ENDS))
    names = st.sampled_from(names_of(each, 40))
    some = st.lists(names, max_size=2, unique=True).map(tuple)
    return each, Terms(draw(some), draw(some), draw(st.one_of(st.just(""), names)))
