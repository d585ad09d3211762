"""The JSON Schema of a contract's file, made from the vocabulary and the settings: what editors complete and check.

It tells names and kinds of values. What a text says in full, such as `8..16` or `Ada|Hopper`, only `from_toml` checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudclusters.base.limits import OFF
from cloudclusters.contract.build import FLAGS, ROLE_SETTINGS, ROLES
from cloudclusters.contract.document import ClusterType
from cloudclusters.contract.text import TABLE
from cloudclusters.settings.keys import KEYS, SECTIONS, Key
from cloudclusters.settings.keys import Kind as KeyKind
from cloudclusters.settings.layer import FALSE, TRUE
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Use, parse_constraint, taxonomy
from cloudclusters.vocabulary.taxonomy import TAXONOMIES, Shape
from cloudclusters.vocabulary.text import write

Schema = dict[str, object]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string"}
_FILLED: Schema = {"type": "string", "pattern": r"\S"}
"""A text that says something."""
_LISTED: Schema = {"type": "string", "pattern": r"^\s*[^\s<>=!|,][^<>=!|,]*$"}
"""A name in a list: no bound, and not several names."""
_FIGURE = r"(\d[\d_]*(\.\d*)?|\.\d+)([eE][+-]?\d+)?"


def _text(*forms: str, words: Iterable[str] = ()) -> Schema:
    """A text of one of these forms, or one of these words in any case."""
    spelt = ("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words)
    return {"type": "string", "pattern": rf"^\s*({'|'.join((*forms, *spelt))})\s*$"}


_QUANTITY = _text("any", rf"(==?|[<>]=)?\s*\$?{_FIGURE}.*", r"\.\..*")
"""A number with its unit, a bound, a range: what the unit may be, and more, is checked when the file is read."""
_BARE = r"^\s*(==?|[<>]=)?\s*(1\.\d*[1-9]\d*|([2-9]|[1-9]\d{1,2})(\.\d*)?)\s*$"
"""From above 1 to below 1000, without a unit: so few bytes or hertz nobody means."""
_FEW = 64
_FLAG_MEANING: Mapping[str, str] = {
    "possible": "Take a type that may land on one of several processors if any of them satisfies.",
    "strict": "Fail when several instance types satisfy.",
}


def contract_schema() -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of a contract's file, as plain data for `json.dumps`.

    It knows every feature, setting, flag and role of this release, with their meanings, examples and names. An editor
    that reads it completes and checks a contract while it is written; `cloudclusters contract schema` prints it.

    >>> import cloudclusters as cc
    >>> cc.contract_schema()["$schema"]
    'https://json-schema.org/draft/2020-12/schema'
    """
    # The parameters stand in the root itself, not behind a reference: there every editor finds them.
    parameters = _parameters()
    sections: Schema = {name: _section(name) for name in SECTIONS}
    table: Schema = {"description": "The contract, in a file that holds configuration too.", "$ref": "#/$defs/contract"}
    return {
        "$schema": DRAFT,
        "title": "A contract of cloudclusters",
        "description": "What a cluster must be: features of its machines, parameters of the cluster, configuration.",
        "type": "object",
        "properties": {**parameters, TABLE: table, **sections},
        "additionalProperties": False,
        "dependentRequired": {name: [TABLE] for name in SECTIONS},
        "dependentSchemas": {**_needs_type(), TABLE: {"propertyNames": {"enum": [TABLE, *SECTIONS]}}},
        "$defs": {
            TABLE: {
                "type": "object",
                "properties": {name: {"$ref": f"#/properties/{name}"} for name in parameters},
                "additionalProperties": False,
                "dependentSchemas": _needs_type(),
            },
            "role": _role(),
            **{name: _names(name) for name in TAXONOMIES},
        },
    }


def _needs_type() -> Schema:
    """A role's table needs a type of cluster that has the role."""
    return {role: {"required": ["cluster_type"], "properties": {"cluster_type": _types(role)}} for role in ROLES}


def _types(role: str) -> Schema:
    """The names of the types of clusters that have a role."""
    names = taxonomy("cluster_type")
    return _text(words=[each for each in names.spellings() if role in ClusterType(names.canonical(each)).roles])


def _parameters() -> Schema:
    """All that a contract may hold, by name."""
    features = _with_aliases(((f.name, f.aliases, _feature(f)) for f in FEATURES.values()), "#/properties")
    keys = _with_aliases(((k.name, k.aliases, _key(k)) for k in KEYS.values() if k.in_contract), "#/properties")
    flags: Schema = {name: _described(_FLAG_MEANING[name], **_truth("true", "false")) for name in FLAGS}
    roles: Schema = {name: {"description": f"What holds for {name} nodes.", "$ref": "#/$defs/role"} for name in ROLES}
    return {**features, **flags, **keys, **roles}


def _role() -> Schema:
    """The table of one role: features of its machines, and what a role may set itself."""
    names = [name for f in FEATURES.values() if f.use is Use.INSTANCE for name in (f.name, *f.aliases)]
    names += [name for key in KEYS.values() if key.name in ROLE_SETTINGS for name in (key.name, *key.aliases)]
    return {
        "type": "object",
        "properties": {name: {"$ref": f"#/properties/{name}"} for name in names},
        "additionalProperties": False,
    }


def _section(name: str) -> Schema:
    """A section of configuration; a provider's own keys are its own."""
    keys = ((k.name, k.aliases, _key(k)) for k in KEYS.values() if name in k.sections)
    place = f"#/properties/{name}/properties"
    said = f"Configuration of {name if name != SECTIONS[0] else 'every provider'}; in a file with [{TABLE}]."
    return {"type": "object", "description": said, "properties": _with_aliases(keys, place)}


def _with_aliases(rows: Iterable[tuple[str, tuple[str, ...], Schema]], place: str) -> Schema:
    found: Schema = {}
    for name, aliases, schema in rows:
        found[name] = schema
        for alias in aliases:
            found[alias] = {"description": f"Another spelling of {name}.", "$ref": f"{place}/{name}"}
    return found


def _feature(feature: Feature) -> Schema:
    """What a feature takes in a file: `constrain` says it of values."""
    examples = [_value(feature, text) for text in feature.examples]
    if feature.kind is Kind.QUANTIFIER:
        number: Schema = {"type": "integer" if feature.whole else "number", "minimum": feature.least}
        forms: list[Schema] = [number, _QUANTITY]
        if feature.unit and feature.unit.needs_suffix(_FEW):
            slip: Schema = {"exclusiveMinimum": 1, "exclusiveMaximum": 1000}
            forms = [{**number, "not": slip}, {**_QUANTITY, "not": {"pattern": _BARE}}]
        unit = f" In {feature.unit.value}." if feature.unit and feature.unit.value != "count" else ""
        return _described(feature.meaning + unit, anyOf=forms, examples=examples)
    name: Schema = {"$ref": f"#/$defs/{feature.taxonomy}"}
    if feature.use is Use.CLUSTER:
        names = taxonomy(feature.taxonomy)
        known = [{"enum": list(names.values())}, _text(words=names.spellings())]
        return _described(feature.meaning, default=feature.default, examples=examples, anyOf=known)
    item: Schema = {"allOf": [name, _LISTED]}
    if taxonomy(feature.taxonomy).has("True"):
        truth: Schema = {"type": "boolean"}
        item = {"anyOf": [item, truth]}
        name = {"anyOf": [name, truth]}
    forms = [name, {"type": "array", "items": item, "minItems": 1}]
    return _described(feature.meaning, anyOf=forms, examples=examples)


def _value(feature: Feature, example: str) -> str | int:
    """The value of an example in text form, as a file holds it."""
    text = write(*parse_constraint(example))
    return int(text) if feature.kind is Kind.QUANTIFIER and text.isdigit() else text


def _names(name: str) -> Schema:
    """The names of a taxonomy, which editors offer, or any text that says more: `Ada|Hopper`, `!=Ada`."""
    names = taxonomy(name)
    if names.shape is Shape.OPEN:
        return {**_FILLED, "description": f"A {names.title}; only the catalog knows all."}
    return {"description": f"A {names.title}.", "anyOf": [{"enum": list(names.terms())}, _FILLED]}


def _key(key: Key) -> Schema:
    schema = _described(key.meaning, **_setting(key))
    return schema if key.default is None else {**schema, "default": key.default}


def _setting(key: Key) -> Schema:
    """What the value of a setting may be: `checked` says it of values."""
    number: Schema = {"type": "number", "exclusiveMinimum": 0}
    match key.kind:
        case KeyKind.TEXT | KeyKind.PATH:
            return _TEXT
        case KeyKind.FLAG:
            return _truth(*TRUE, *FALSE)
        case KeyKind.CHOICE:
            return {"enum": list(key.choices)}
        case KeyKind.NUMBER:
            return {"anyOf": [number, _text(_FIGURE)]}
        case KeyKind.COUNT:
            return {"anyOf": [{"type": "integer", "minimum": 0}, _text(_FIGURE)]}
        case KeyKind.PERCENT:
            return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 100}, _text(_FIGURE)]}
        case KeyKind.DURATION:
            return {"anyOf": [number, _text(r"\d+(\.\d+)?\s*(s|m|min|h|d)?", words=[OFF])]}
        case KeyKind.MONEY:
            return {"anyOf": [number, _text(rf"\$?\s*{_FIGURE}", words=[OFF])]}


def _truth(*words: str) -> Schema:
    return {"anyOf": [{"type": "boolean"}, _text(words=words)]}


def _described(meaning: str, **schema: object) -> Schema:
    return {"description": meaning, **{name: value for name, value in schema.items() if value != []}}
