"""The text forms of constraints, the same on the command line, in files and in messages.

    node_memory_size>=512G    node_vcpus_count=8..16    accelerator_count=8    node_ecu_count=any
    accelerator_architecture=Ada|Hopper    node_machinetype!=t2|t3    accelerator=NVIDIA,!=A100

Clauses after a comma all hold. What `format_constraint` writes, `parse_constraint` reads back as the same.
"""

from __future__ import annotations

import re

from cloudclusters.base.near import near
from cloudclusters.errors import InvalidContract, UnknownName
from cloudclusters.vocabulary.constraint import Constraint, Number, Range, Terms
from cloudclusters.vocabulary.feature import Feature, Kind
from cloudclusters.vocabulary.meaning import canonical_term, example, meant, together
from cloudclusters.vocabulary.table import feature as find_feature
from cloudclusters.vocabulary.taxonomy import ANY, taxonomy
from cloudclusters.vocabulary.unit import Unit
from cloudclusters.vocabulary.wish import Relation, Wish

ROLES = ("manager", "worker")

_FORM = re.compile(r"\s*([A-Za-z_]\w*)\s*(>=|<=|!=|==|=|<|>)\s*(.*?)\s*\Z", re.DOTALL)
_ROLE = re.compile(r"\s*([A-Za-z_]\w*)\.([A-Za-z_].*)\Z", re.DOTALL)
_CLAUSE = re.compile(r"(>=|<=|!=|==|=|<|>)?\s*(.*?)\s*\Z", re.DOTALL)
_RELATIONS = {
    ">=": Relation.ATLEAST,
    "<=": Relation.ATMOST,
    "!=": Relation.NONEOF,
    "==": Relation.JUST,
    "=": Relation.JUST,
}


def split_role(text: str) -> tuple[str, str]:
    """The role that a text form begins with, and the rest: `manager.node_count=1` gives `("manager", "node_count=1")`.

    The role is empty when there is none. Raises `UnknownName` for a role that no cluster has.
    """
    match = _ROLE.match(text)
    if match is None:
        return "", text.strip()
    if match[1] not in ROLES:
        raise UnknownName(
            f"unknown role {match[1]!r} in {text.strip()!r}{near(match[1], ROLES)}",
            hint=f"the roles are {' and '.join(ROLES)}",
        )
    return match[1], match[2].strip()


def parse_constraint(text: str) -> tuple[Feature, Constraint]:
    """The feature and the constraint that a text form like `node_memory_size>=512G` says.

    Raises `UnknownName` for the feature and `InvalidContract` for the rest, saying what to write instead.
    """
    match = _FORM.match(text)
    if match is None:
        raise InvalidContract(
            f"{text!r} is not a constraint",
            hint="write FEATURE=VALUE, or with >=, <= or != instead of =",
        )
    feature = find_feature(match[1])
    return feature, read(feature, match[3] if match[2] in ("=", "==") else match[2] + match[3])


def read(feature: Feature, text: str) -> Constraint:
    """The constraint that the text form of a value says: `8..16`, `Ada|Hopper`, `>=512G`, `!=t2`, `any`.

    Raises `InvalidContract` that says what to write instead, by habits from elsewhere, too (`4+`, `64-128`, `≥`).
    """
    try:
        return _read(feature, text)
    except InvalidContract as exc:
        from cloudclusters.vocabulary.habit import instead  # only when something was wrong already

        meant_value = instead(text, lambda each: _read(feature, each))
        if not meant_value:
            raise
        raise InvalidContract(exc.message, hint=f"write {_joined(feature, meant_value)}") from exc


def _read(feature: Feature, text: str) -> Constraint:
    text = text.strip()
    if not text:
        raise InvalidContract(f"{feature.name} has no value", hint=example(feature))
    if feature.kind is Kind.QUANTIFIER:
        return _read_range(feature, text)
    return _read_terms(feature, text)


def _read_range(feature: Feature, text: str) -> Constraint:
    sign, value = _clause(feature, text)
    low, dots, high = value.partition("..")
    if ".." in high or high.startswith("."):
        raise InvalidContract(f"{feature.name}: {text!r} is not a range", hint="write LOW..HIGH")
    if not dots:
        if "|" in value:
            raise InvalidContract(
                f"{feature.name}: {text!r} names several numbers",
                hint="write LOW..HIGH for all from one to the other, or a contract for each",
            )
        return meant(feature, Wish(_RELATIONS[sign or "="], (value,)))
    if sign not in (None, "=", "=="):
        raise InvalidContract(f"{feature.name}: {text!r} is both a range and a bound", hint="write LOW..HIGH alone")
    return meant(feature, Wish(Relation.BETWEEN, (low.strip() or "0", high.strip() or "inf")))


def _read_terms(feature: Feature, text: str) -> Constraint:
    names = taxonomy(feature.taxonomy)
    if text[0] not in "<>=!" and names.has(text):
        return together(feature, any_of=(names.canonical(text),))
    said: dict[str, tuple[str, ...]] = {}
    for clause in text.split(","):
        sign, value = _clause(feature, clause)
        sign = "=" if sign in (None, "==") else sign
        if sign in said:
            raise InvalidContract(f"{feature.name}: {text!r} says it twice", hint="write A|B for one or the other")
        if sign == "<=":
            raise InvalidContract(f"{feature.name}: {text!r} needs numbers", hint="name the ones you want: A|B")
        words = value.split("|")
        if not all(map(str.strip, words)):
            raise InvalidContract(f"{feature.name}: a name is missing in {text!r}", hint=example(feature))
        said[sign] = tuple(canonical_term(feature, names, each) for each in words)
    newer = said.get(">=", ("",))
    if len(newer) > 1:
        raise InvalidContract(f"{feature.name}: {text!r} names two generations", hint="write >= with the oldest one")
    return together(feature, any_of=said.get("=", ()), none_of=said.get("!=", ()), newer_than=newer[0])


def _clause(feature: Feature, text: str) -> tuple[str | None, str]:
    """The sign that a clause begins with, if any, and its value."""
    match = _CLAUSE.match(text.strip())
    assert match is not None  # both parts may be empty
    if match[1] in ("<", ">"):
        raise InvalidContract(
            f"{feature.name}: {text.strip()!r} leaves open whether the end is included", hint=example(feature)
        )
    if not match[2]:
        raise InvalidContract(f"{feature.name}: a value is missing in {text!r}", hint=example(feature))
    return match[1], match[2]


def format_constraint(feature: Feature, constraint: Constraint) -> str:
    """The text form of a constraint: `node_memory_size>=512G`; reads back as the same constraint."""
    return _joined(feature, write(feature, constraint))


def _joined(feature: Feature, value: str) -> str:
    return f"{feature.name}{'' if value.startswith(('>=', '<=', '!=')) else '='}{value}"


def write(feature: Feature, constraint: Constraint) -> str:
    """The text form of a constraint's value, which `constrain` reads: `8..16`, `>=512G`, `Ada|Hopper`."""
    if isinstance(constraint, Terms):
        return _write_terms(constraint)
    return _write_range(feature, constraint)


def _write_range(feature: Feature, made: Range) -> str:
    text = (feature.unit or Unit.COUNT).text
    if made.low is None:
        return ANY if made.high is None else f"<={text(made.high)}"
    if made.high is None:
        return f">={text(made.low)}"
    return text(made.low) if made.low == made.high else f"{text(made.low)}..{text(made.high)}"


def _write_terms(terms: Terms) -> str:
    clauses = []
    if terms.any_of:
        clauses.append("|".join(terms.any_of))
    if terms.none_of:
        clauses.append(f"!={'|'.join(terms.none_of)}")
    if terms.newer_than:
        clauses.append(f">={terms.newer_than}")
    return ",".join(clauses) or ANY


def format_value(feature: Feature, value: Number | str | None) -> str:
    """A cell of the catalog for people: `768 GiB`, `100 Gbit/s`, `Zen2 or Zen3`, `unknown`; may be rounded."""
    if value is None or value == "":
        return "unknown"
    if isinstance(value, str):
        return value.replace("|", " or ").replace(";", " ")
    return (feature.unit or Unit.COUNT).show(value)
