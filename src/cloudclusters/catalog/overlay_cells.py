"""Cells of the user's own rows, checked and in the catalog's words and base units.

A key is a column of the catalog, as `catalog show` prints it, or the word of the vocabulary that the column answers. A
number may have a unit, as in constraints.
"""

from __future__ import annotations

import datetime
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cloudclusters.base.near import near
from cloudclusters.base.size import MiB, shortened
from cloudclusters.catalog import schema
from cloudclusters.catalog.overlay_files import Entry, Written
from cloudclusters.catalog.rows import MachineType, Offering, Price, Region
from cloudclusters.errors import CloudClustersError, InvalidOverlay
from cloudclusters.vocabulary import FEATURES, Feature, Taxonomy, Unit, taxonomy
from cloudclusters.vocabulary.taxonomy import ANY, Shape

Parse = Callable[[object], object]
"""The cell that a written value means; raises `ValueError` saying what is wrong."""

STRUCTS: Mapping[str, type[msgspec.Struct]] = {
    "type": MachineType,
    "price": Price,
    "offering": Offering,
    "region": Region,
}
_OF_A_TYPE = ("provider", "instance_type")
"""The columns that name a type: one of each, and no alternatives."""
_SIGNS = "|,<>=!"
"""What stands between and before the names of a constraint."""
FOLLOWS = "virtual"
"""The column that follows from another one, and cannot be said."""
_WORDS = {"price": {"hourly_usd": "usd"}}
_KEYS = {
    "type": ("provider", "instance_type"),
    "price": ("provider", "instance_type", "region"),
    "offering": ("provider", "instance_type", "region"),
    "region": ("provider", "region"),
}
_MOST = 2**63 - 1
"""The largest number that a catalog can hold."""
_MOST_USD, _LEAST_USD = 1_000_000, 0.000001
_LEAST_BYTES = MiB
"""Less memory or disk is a number whose unit was forgotten."""
_TRUE, _FALSE = ("true", "yes"), ("false", "no")


def told(entry: Entry) -> dict[str, object]:
    """The cells of a row by column, in base units. Raises `InvalidOverlay` with file, line and key."""
    names, found = _names(entry.kind), dict[str, object]()
    for key, written in entry.cells.items():
        column = names.get(key)
        if column is None:
            raise _unknown(entry, key, written, names)
        if column in found:
            raise InvalidOverlay(f"{written.where} says {column} again")
        found[column] = _cell(entry.kind, column, written)
    missing = [key for key in _KEYS[entry.kind] if key not in found]
    if missing:
        raise InvalidOverlay(f"{entry.where}: a {entry.kind} needs {' and '.join(missing)}")
    return found


def _names(kind: str) -> dict[str, str]:
    """Columns by every key that means them."""
    columns = {column: column for column in STRUCTS[kind].__struct_fields__ if column != FOLLOWS}
    words = {
        name: column
        for column, each in _answered().items()
        if column in columns and (kind == "type" or column in _KEYS[kind])
        for name in (each.name, *each.aliases)
    }
    return words | _WORDS.get(kind, {}) | columns


def _unknown(entry: Entry, key: str, written: Written, names: Mapping[str, str]) -> InvalidOverlay:
    where = written.where.rpartition(":")[0]
    if key in (FOLLOWS, "node_virtual"):
        return InvalidOverlay(f"{where}: {key!r} follows from bare_metal", hint="write bare_metal = true or false")
    return InvalidOverlay(
        f"{where}: a {entry.kind} has no column {key!r}{near(key, names)}",
        hint=f"columns: {', '.join(dict.fromkeys(names.values()))}",
    )


def _cell(kind: str, column: str, written: Written) -> object:
    parse = _of_type(column) if kind == "type" else _OTHERS[column]
    try:
        return parse(written.value)
    except ValueError as exc:
        raise InvalidOverlay(f"{written.where}: {exc}") from exc
    except CloudClustersError as exc:
        raise InvalidOverlay(f"{written.where}: {exc.message}", hint=exc.hint) from exc


@functools.cache
def _answered() -> dict[str, Feature]:
    """The feature that each column answers."""
    return {each.column: each for each in FEATURES.values() if each.column}


def _of_type(column: str) -> Parse:
    each = _answered().get(column)
    if column in schema.TRUTH_COLUMNS:
        return _truth
    if column in _OF_A_TYPE:
        return _OTHERS[column]
    if column in schema.TEXT_COLUMNS:
        return functools.partial(_name, taxonomy(each.taxonomy)) if each is not None else _text
    unit = _unit(column) if each is None or each.unit is None else each.unit
    shares = "float" in str(MachineType.__annotations__[column])
    return functools.partial(_quantity, column, unit, whole=not shares)


def _unit(column: str) -> Unit:
    """The unit of a column that no feature names, by its ending."""
    ends = {"_bytes": Unit.BYTES, "_bps": Unit.BITS_PER_SECOND, "_hz": Unit.HERTZ}
    return next((unit for end, unit in ends.items() if column.endswith(end)), Unit.COUNT)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is no text")
    return value.strip()


def _region(value: object) -> str:
    """The name of a region, which a contract can state."""
    text = _text(value)
    if set(text) & set(_SIGNS) or text.casefold() == ANY:
        raise ValueError(f"{text!r} means something else in a contract, so no region is named so")
    return text


def _truth(value: object) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE + _FALSE:
        return word in _TRUE
    raise ValueError(f"{value!r} is neither true nor false")


def _quantity(column: str, unit: Unit, value: object, *, whole: bool) -> int | float:
    """A cell of a type; raises `InvalidOverlay` for one whose unit was forgotten: as plain numbers, so few are none."""
    number = _number(unit, value)
    if unit.needs_suffix(number) or (unit is Unit.BYTES and 0 < number < _LEAST_BYTES):
        figure = re.match(r"[\d_.]*", str(value).strip())
        hint = f'write {column} = "{figure and figure[0]}G"'
        raise InvalidOverlay(f"{number} {unit.value} are too few to be meant", hint=hint)
    return _whole(number, value) if whole else number


def _percent(value: object) -> int:
    number = _number(Unit.COUNT, value)
    if number > 100:
        raise ValueError(f"{value!r} is no number from 0 to 100")
    return _whole(number, value)


def _whole(number: int | float, value: object) -> int:
    if number != int(number):
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def _price(value: object) -> int | float:
    """US dollars per hour, which a catalog keeps to the millionth."""
    number = _number(Unit.USD_PER_HOUR, value, most=_MOST_USD)
    if 0 < number < _LEAST_USD:
        raise ValueError(f"{value!r} is less than a millionth of a dollar; what costs nothing is 0")
    return number


def _number(unit: Unit, value: object, *, most: int = _MOST) -> int | float:
    """A number of 0 or more, in the base unit."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no number")
    said = shortened(repr(value))
    if isinstance(value, str) and value.lstrip().startswith("-"):
        raise ValueError(f"{said} is below 0")
    number = unit.parse(value) if isinstance(value, str) else value
    if 0 <= number <= most:
        return number
    raise ValueError(f"{said} is too large" if number > most else f"{said} is no number 0 or more")


def _signed(value: object) -> float:
    """A latitude or a longitude."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not abs(number) <= 180:
        raise ValueError(f"{value!r} is no number of degrees")
    return number


def _continent(value: object) -> str:
    """A continent as the names of places have it."""
    words, text = taxonomy("locale"), _text(value)
    known = sorted(name for name in words.terms() if not words.parents(name))
    if words.has(text) and words.canonical(text) in known:
        return words.canonical(text)
    raise InvalidOverlay(f"{text!r} is no continent{near(text, known)}", hint=f"continents are {', '.join(known)}")


def _day(value: object) -> str:
    try:
        if isinstance(value, datetime.datetime):
            raise ValueError
        return str(value if isinstance(value, datetime.date) else datetime.date.fromisoformat(str(value)))
    except ValueError:
        raise ValueError(f"{value!s} is no day: write it as 2026-11-28") from None


def _list(value: object) -> tuple[str, ...]:
    """A list in TOML, or `a;b`."""
    parts: Sequence[object] = value if isinstance(value, list) else _text(value).split(";")
    return tuple(_text(each) for each in parts)


def _name(names: Taxonomy, value: object) -> str:
    """Names of the taxonomy in its own spelling: one, alternatives `a|b`, or what is there together `a;b`."""
    text = _text(value)
    if names.shape is Shape.PARTS:
        return ";".join(_one(names, part) for part in text.split(";"))
    return "|".join(_one(names, part) for part in text.split("|"))


def _one(names: Taxonomy, text: str) -> str:
    found = names.canonical(text)
    if found == names.root or (found in names.terms() and found not in names.values()):
        members = ", ".join(names.members(found)[:5])
        raise ValueError(
            f"{text.strip()!r} is a group of {names.title}s, and not one" + (f": {members}" if members else "")
        )
    return found


_OTHERS: Mapping[str, Parse] = {
    "provider": lambda value: _one(taxonomy("provider"), _text(value)),
    "instance_type": lambda value: _one(taxonomy("machine_type"), _text(value)),
    "region": _region,
    "usd": _price,
    "spot_usd": _price,
    "spot_savings_percent": _percent,
    "spot_interruption_percent": _percent,
    "date": _day,
    "spot_date": _day,
    "source": _text,
    "zones": _list,
    "continent": _continent,
    "place": _text,
    "display_name": _text,
    "partition": _text,
    "latitude": _signed,
    "longitude": _signed,
}
