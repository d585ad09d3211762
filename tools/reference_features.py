"""The reference pages of the vocabulary: one of all features, and one for each, with what the catalog tells of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from cloudclusters.catalog import Catalog
from cloudclusters.catalog.values import is_told, names, numbers
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Unit, Use, parse_constraint
from cloudclusters.vocabulary.text import write
from reference_markdown import code, codes, member_docs, table

_MOST_NAMES = 30


def features() -> str:
    """The vocabulary."""
    cluster = [each for each in FEATURES.values() if each.use is Use.CLUSTER]
    instance = [each for each in FEATURES.values() if each.use is Use.INSTANCE and not each.measured]
    measured = [each for each in FEATURES.values() if each.measured]
    units = [(code(unit.value), doc) for unit in Unit if (doc := member_docs(Unit).get(unit.name))]
    return "\n\n".join(
        [
            "The words of a contract. `cloudclusters features` shows them in the terminal, and `cloudclusters features "
            "NAME` all about one.",
            "A *quantifier* takes numbers with a unit, a *qualifier* names. How to write constraints on them stands in "
            "[say what you need](../guides/say-what-you-need.md), and what is told of a wrong one in "
            "[wrong constraints](wrong-constraints.md).",
            "## Cluster parameters",
            "They say how the cluster is built, and do not choose machines.",
            _feature_table(cluster),
            "## Instance parameters",
            "They say what every machine must have. One that is not given does not restrict, but for `node_provider`: "
            "its default is any cloud.",
            _feature_table(instance),
            "## What no catalog tells",
            "These features of PlatformAware are known, and only a machine that runs can say them. They choose no "
            "machine: the plan names each one that a contract states.",
            _feature_table(measured),
            "## Units",
            table(["unit", "how it is written"], units),
            "## Other spellings",
            table(
                ["accepted", "means"],
                [(codes(each.aliases), code(each.name)) for each in FEATURES.values() if each.aliases],
            ),
        ]
    )


def _feature_table(rows: Iterable[Feature]) -> str:
    return table(
        ["name", "kind", "values", "default", "meaning", "examples"],
        [
            (
                f"[{code(each.name)}](features/{each.name}.md)",
                each.kind.value,
                each.unit.value if each.unit else f"[{each.taxonomy}](names.md#{each.taxonomy})",
                code(each.default),
                each.meaning,
                codes(each.examples),
            )
            for each in rows
        ],
    )


def feature_page(each: Feature) -> str:
    """All about one feature."""
    parts = [
        each.meaning,
        _facts(each),
        "## How to write it",
        _examples(each),
        "## What the packaged catalog tells",
        _values(each),
        "## Related",
        ", ".join(f"[{code(name)}]({name}.md)" for name in related(each)) or "No other feature speaks of the same.",
    ]
    return "\n\n".join(parts)


def _facts(each: Feature) -> str:
    values = each.unit.value if each.unit else f"names of [{each.taxonomy}](../names.md#{each.taxonomy})"
    rows = [
        ("kind", each.kind.value),
        ("values", values + (f", whole, at least {each.least}" if each.whole else "")),
        ("default", code(each.default)),
        ("describes", "the cluster as a whole" if each.use is Use.CLUSTER else "every machine"),
        ("other spellings", codes(each.aliases)),
    ]
    if each.unit and (doc := member_docs(Unit).get(each.unit.name)):
        rows.insert(2, ("unit", doc))
    return table(["", ""], [row for row in rows if row[1]])


def _examples(each: Feature) -> str:
    """Every example as text, in Python and in TOML, and how many instance types of the catalog satisfy it."""
    rows = []
    for text in each.examples:
        feature, constraint = parse_constraint(text)
        value = write(feature, constraint)
        rows.append((code(text), code(f'{each.name}="{value}"'), code(f'{each.name} = "{value}"'), _satisfied(text)))
    header = ["text", "Python", "TOML", "instance types that satisfy it"]
    return table(header, rows) if any(row[3] for row in rows) else table(header[:3], [row[:3] for row in rows])


def _satisfied(text: str) -> str:
    demand = parse_constraint(text)
    if not demand[0].column:
        return ""
    met = sum(judged.met for judged in _catalog().judge([demand]))
    return f"{met:,}" if met else "none in the packaged catalog"


def _values(each: Feature) -> str:
    if not is_told(each):
        if each.use is Use.CLUSTER:
            return "Nothing: it is about the cluster. " + (
                f"It sums {codes(_of_columns(each.sums))} over all nodes." if each.sums else ""
            )
        return "Nothing: only a machine that runs can say it. A contract may state it; it chooses no machine."
    if each.kind is Kind.QUANTIFIER:
        return _numbers(each)
    found = names(_catalog(), each)
    what = "family" if each.column == "instance_type" else "region" if not each.column else "name"
    rows = [(code(named.name) or "unknown", f"{named.types:,}") for named in found[:_MOST_NAMES]]
    rest = f"\n\nAnd {len(found) - _MOST_NAMES} more." if len(found) > _MOST_NAMES else ""
    return table([what, "instance types"], rows) + rest


def _numbers(each: Feature) -> str:
    show = (each.unit or Unit.COUNT).show
    rows = [
        (
            code(found.provider),
            *("" if amount is None else show(amount) for amount in (found.least, found.median, found.most)),
            f"{found.known:,} of {found.types:,}",
        )
        for found in numbers(_catalog(), each)
    ]
    return table(["provider", "least", "median", "most", "known" if each.column else "known prices"], rows)


def related(each: Feature) -> list[str]:
    """Features that speak of the same part, or take the same names."""
    return [
        other.name
        for other in FEATURES.values()
        if other is not each
        and (
            _part(other) == _part(each)
            or (each.taxonomy and other.taxonomy == each.taxonomy)
            or other.column in each.sums
            or each.column in other.sums
        )
    ]


def _part(each: Feature) -> str:
    """What the feature is about: of a node, which part of it."""
    words = each.name.split("_")
    return "_".join(words[:2]) if words[0] == "node" else words[0]


def _of_columns(columns: Iterable[str]) -> list[str]:
    return [each.name for column in columns for each in FEATURES.values() if each.column == column]


@functools.cache
def _catalog() -> Catalog:
    return Catalog.packaged()
