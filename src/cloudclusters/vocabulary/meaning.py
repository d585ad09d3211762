"""From what a user writes to a constraint, and what to write instead when it cannot be meant."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence

from cloudclusters.errors import InvalidContract, UnknownName
from cloudclusters.vocabulary import parts
from cloudclusters.vocabulary.algebra import is_anything, is_empty
from cloudclusters.vocabulary.constraint import Constraint, Number, Range, Terms
from cloudclusters.vocabulary.feature import Feature, Kind
from cloudclusters.vocabulary.table import FEATURES
from cloudclusters.vocabulary.taxonomy import ANY, Shape, Taxonomy, taxonomy
from cloudclusters.vocabulary.unit import Unit
from cloudclusters.vocabulary.wish import Relation, Wish

_BITS, _MOST = 1000, 10**30
"""How long an integer may be to be looked at, and how large a quantity to be asked for."""
_SEVERAL = "write between(low, high), atleast(low) or atmost(high); in text LOW..HIGH, >=LOW or <=HIGH"
_WITHOUT = {"storage_type": "remote-only"}
"""What stands for none where that is no name."""


def constrain(feature: Feature, value: object) -> Constraint:
    """The constraint that `value` puts on `feature`.

    `value` is a wish (`atleast("512G")`), a bare value (exactly that much, or a member of that), a list (one of
    these), a text form (`"8..16"`, `"Ada|Hopper"`, `">=512G"`, `"!=t2"`) or a constraint.
    Raises `InvalidContract` saying what was wrong and what to write instead.
    """
    if isinstance(value, str):
        from cloudclusters.vocabulary.text import read  # text reads values by way of this module

        return read(feature, value)
    if isinstance(value, Range | Terms):
        return _checked(feature, value)
    if isinstance(value, Wish):
        return meant(feature, value)
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return meant(feature, Wish(Relation.ONEOF, tuple(items)), listed=True)
    return meant(feature, Wish(Relation.JUST, (value,)))  # type: ignore[arg-type]  # checked there


def check_length(name: str, value: object, *, hint: str = "") -> None:
    """Raise `InvalidContract` for an integer so long that Python would refuse to print it, in a list or a wish too."""
    inner = (
        value.values if isinstance(value, Wish) else value if isinstance(value, list | tuple | set | frozenset) else ()
    )
    for each in inner:
        check_length(name, each, hint=hint)
    if isinstance(value, int) and value.bit_length() > _BITS:
        digits = int(value.bit_length() * 0.30103)
        raise InvalidContract(f"{name}: a number of some {digits} digits is more than anything has", hint=hint)


def meant(feature: Feature, wish: Wish, *, listed: bool = False) -> Constraint:
    """The constraint that a wish means for this feature; its values stand for themselves, not for text forms.

    One that was `listed` is no number, even if there is one number in the list.
    """
    check_length(feature.name, wish, hint=example(feature))
    if not wish.values:
        raise _wrong(feature, f"{wish} names no value", hint=example(feature))
    if feature.kind is Kind.QUANTIFIER:
        if listed:
            raise _wrong(feature, f"{wish} is not a range of numbers", hint=_SEVERAL)
        return _range(feature, wish)
    return _terms(feature, wish)


def _range(feature: Feature, wish: Wish) -> Range:
    if wish.relation is Relation.NONEOF or (wish.relation is Relation.ONEOF and len(wish.values) > 1):
        raise _wrong(feature, f"{wish} is not a range of numbers", hint=_SEVERAL)
    if wish.values == (ANY,):
        return Range()
    numbers = [_quantity(feature, value) for value in wish.values]
    match wish.relation:
        case Relation.ATLEAST:
            made = Range(numbers[0], None)
        case Relation.ATMOST:
            made = Range(None, None if numbers[0] == math.inf else numbers[0])
        case Relation.BETWEEN:
            made = Range(numbers[0], None if numbers[1] == math.inf else numbers[1])
        case _:
            made = Range(numbers[0], numbers[0])
    if made.low == math.inf:
        raise _wrong(feature, f"{wish} has no end", hint=example(feature))
    return _checked_range(feature, made)


def _quantity(feature: Feature, value: object) -> Number:
    """The number that a value of a wish says, exact; raises where a unit was forgotten, too."""
    number = _number(feature, value)
    unit = feature.unit or Unit.COUNT
    if unit.needs_suffix(number) and (not isinstance(value, str) or value.strip()[-1:] in "0123456789."):
        plain = str(value).strip()
        raise _wrong(
            feature, f"{plain} without a unit is {number} {unit.value}", hint=f"write {plain}G, or {unit.text(number)}"
        )
    return number


def _number(feature: Feature, value: object) -> Number:
    unit = feature.unit or Unit.COUNT
    if isinstance(value, str):
        if value.strip().lower() in ("inf", "infinity"):
            return math.inf
        try:
            return unit.parse(value)
        except ValueError as exc:
            what = f"{value.strip()} is less than {feature.least}" if _is_negative(unit, value) else str(exc)
            raise _wrong(feature, what, hint=example(feature)) from exc
    if isinstance(value, bool) or value is None:
        raise _wrong(feature, f"{value!r} is not a number", hint=example(feature))
    if isinstance(value, float):
        return _whole(value)
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError as exc:
        raise _wrong(feature, f"{value!r} is not a number", hint=example(feature)) from exc


def _is_negative(unit: Unit, text: str) -> bool:
    """Whether a text that is no quantity is one below zero."""
    try:
        return text.strip().startswith("-") and unit.parse(text.strip()[1:]) > 0
    except ValueError:
        return False


def _whole(number: float) -> Number:
    """The `int` that a float is, where it is one."""
    return int(number) if number.is_integer() else float(number)


def _checked_range(feature: Feature, made: Range) -> Range:
    for end in (made.low, made.high):
        if end is None:
            continue
        check_length(feature.name, end, hint=example(feature))
        if isinstance(end, float) and not math.isfinite(end):
            raise _wrong(feature, f"{end} is not a number", hint=example(feature))
        if end > _MOST:
            raise _wrong(feature, f"{float(end):.3g} is more than anything has", hint=example(feature))
        if end < feature.least:
            raise _wrong(feature, f"{end} is less than {feature.least}", hint=example(feature))
        if feature.whole and not isinstance(end, int):
            raise _wrong(feature, f"{end} is not a whole number", hint=example(feature))
    if is_empty(made):
        show = (feature.unit or Unit.COUNT).show
        what = f"no number is from {show(made.low or 0)} to {show(made.high or 0)}"
        raise _wrong(feature, what, hint="write the smaller number first")
    return made


def _terms(feature: Feature, wish: Wish) -> Terms:
    names = taxonomy(feature.taxonomy)
    match wish.relation:
        case Relation.JUST | Relation.ONEOF:
            return together(feature, any_of=_canonical(feature, names, wish.values))
        case Relation.NONEOF:
            return together(feature, none_of=_canonical(feature, names, wish.values))
        case Relation.ATLEAST:
            (newer_than,) = _canonical(feature, names, wish.values)
            return together(feature, newer_than=newer_than)
        case Relation.ATMOST | Relation.BETWEEN:
            raise _wrong(feature, f"{wish} needs numbers", hint="name the ones you want: oneof('…', '…')")


def together(
    feature: Feature, *, any_of: Sequence[str] = (), none_of: Sequence[str] = (), newer_than: str = ""
) -> Terms:
    """Terms of canonical names, checked; `any` is no restriction."""
    names = taxonomy(feature.taxonomy)
    made = Terms(
        () if names.root in any_of else tuple(dict.fromkeys(any_of)),
        tuple(dict.fromkeys(none_of)),
        "" if newer_than == names.root else newer_than,
    )
    if names.root in none_of:
        raise _wrong(feature, "that excludes everything", hint="leave the constraint out, or name what is not wanted")
    if made.newer_than and not names.is_ordered(made.newer_than):
        kin = names.parents(made.newer_than)[:1] or (made.newer_than,)
        members = names.members(kin[0])[-3:] or (made.newer_than,)
        raise _wrong(
            feature,
            f"no order of generations is known for {made.newer_than!r}",
            hint=f"name the ones you want: oneof({', '.join(map(repr, members))})",
        )
    if not is_anything(made) and is_empty(made, names):
        raise _wrong(feature, "nothing satisfies all of that at once", hint="leave a part of it out")
    return made


def _canonical(feature: Feature, names: Taxonomy, values: Iterable[object]) -> tuple[str, ...]:
    return tuple(canonical_term(feature, names, value) for value in values)


def canonical_term(feature: Feature, names: Taxonomy, value: object) -> str:
    """The canonical spelling of a value of a qualifier; of several joined names, where the taxonomy has parts."""
    if not isinstance(value, str) and not (isinstance(value, bool) and names.has(str(value))):
        raise _wrong(feature, f"{value!r} is not a name", hint=example(feature))
    try:
        if names.shape is Shape.PARTS and parts.JOINT in str(value):
            return parts.join({names.canonical(each) for each in str(value).split(parts.JOINT)})
        return names.canonical(str(value))
    except UnknownName as exc:
        raise _wrong(feature, exc.message, hint=exc.hint or _instead(feature, str(value))) from exc


def _checked(feature: Feature, made: Constraint) -> Constraint:
    """A constraint that was made elsewhere, for this feature."""
    if isinstance(made, Range) is not (feature.kind is Kind.QUANTIFIER):
        raise _wrong(feature, f"{made} is a constraint of another kind of feature", hint=example(feature))
    if isinstance(made, Range):
        return _checked_range(feature, made)
    names = taxonomy(feature.taxonomy)
    newer = canonical_term(feature, names, made.newer_than) if made.newer_than else ""
    any_of, none_of = _canonical(feature, names, made.any_of), _canonical(feature, names, made.none_of)
    return together(feature, any_of=any_of, none_of=none_of, newer_than=newer)


def _wrong(feature: Feature, what: str, *, hint: str = "") -> InvalidContract:
    return InvalidContract(f"{feature.name}: {what}", hint=hint)


def _instead(feature: Feature, term: str) -> str:
    """What to write instead of a name that a feature does not have."""
    if term.strip().casefold() != "none":
        return elsewhere(term) or example(feature)
    without = _WITHOUT.get(feature.taxonomy)  # many features have a `none`: they say nothing of what was meant
    return f"write {feature.name}={without}" if without else example(feature)


def elsewhere(term: str) -> str:
    """What to write for a name that another feature knows, or that has a number joined to it."""
    name, colon, count = term.partition(":")
    if colon and count.strip().isdigit():
        known = [each.name for each in FEATURES.values() if each.taxonomy and taxonomy(each.taxonomy).has(name)]
        return f"write {known[0]}={name.strip()} and accelerator_count={count.strip()}" if known else ""
    known = [each.name for each in FEATURES.values() if each.taxonomy and taxonomy(each.taxonomy).has(term)]
    return f"write {' or '.join(f'{name}={term}' for name in known)}" if known else ""


def example(feature: Feature) -> str:
    """A hint that shows how the feature is written."""
    return f"write for instance {' or '.join(feature.examples)}" if feature.examples else ""
