"""Write what else is made from the vocabulary and the settings: the typed keywords of contracts, and their JSON Schema.

`src/cloudclusters/contract/parameters.py` and `docs/contract.schema.json`. Run with the reference, as `make docs`.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

from cloudclusters.contract.build import FLAGS, ROLE_SETTINGS, ROLES
from cloudclusters.contract.schema import contract_schema
from cloudclusters.settings.keys import KEYS, Key
from cloudclusters.settings.keys import Kind as KeyKind
from cloudclusters.vocabulary import FEATURES, Feature, Kind, Use, taxonomy

ROOT = Path(__file__).parents[1]
_HEAD = '''"""The keywords of a contract with their types: a checker sees a misspelt one before any cloud does.

Made by tools/build_parameters.py from the vocabulary and the settings: change these, then run `make docs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import SupportsIndex, TypedDict

from cloudclusters.base.constraint import Range, Terms
from cloudclusters.vocabulary.wish import Wish

Number = SupportsIndex | float | str | Wish | Range
"""A quantity: a number, a text such as `"512G"` or `">=8"`, or a wish such as `atleast(8)`."""
Name = str | Wish | Terms | Sequence[str] | AbstractSet[str]
"""A name, several of which any will do, a text such as `"Ada|Hopper"`, or a wish such as `noneof("t2")`."""
'''
_SETTINGS = {
    KeyKind.TEXT: "str",
    KeyKind.PATH: "str",
    KeyKind.CHOICE: "str",
    KeyKind.FLAG: "bool | str",
}
"""Of the other kinds all take a number, or a text that says one."""


def parameters() -> str:
    """The module of typed keywords."""
    role = [line for f in FEATURES.values() if f.use is Use.INSTANCE for line in _feature(f)]
    role += [line for name in ROLE_SETTINGS for line in _key(KEYS[name])]
    whole = [line for f in FEATURES.values() if f.use is Use.CLUSTER for line in _feature(f)]
    whole += [line for name in FLAGS for line in _item(name, (), "bool | str", "")]
    whole += [line for key in KEYS.values() if key.in_contract and key.name not in ROLE_SETTINGS for line in _key(key)]
    whole += [line for name in ROLES for line in _item(name, (), "RoleParameters", f"What holds for {name} nodes.")]
    parts = [
        _HEAD,
        _class(
            "RoleParameters", "TypedDict", "What the machines of a role must be, and what a role may set itself.", role
        ),
        _class(
            "Parameters",
            "RoleParameters",
            "All that `cluster` takes: for a dict of parameters that a type checker shall know, too.",
            whole,
        ),
    ]
    return "\n\n".join(parts)


def _class(name: str, base: str, said: str, lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return f'class {name}({base}, total=False):\n    """{said}"""\n\n{body}\n'


def _feature(feature: Feature) -> list[str]:
    kind = "Number" if feature.kind is Kind.QUANTIFIER else "Name"
    if feature.taxonomy and taxonomy(feature.taxonomy).has("True"):
        kind = "Name | bool"
    return _item(feature.name, feature.aliases, kind, feature.meaning)


def _key(key: Key) -> list[str]:
    return _item(key.name, key.aliases, _SETTINGS.get(key.kind, "float | str"), key.meaning)


def _item(name: str, aliases: Iterable[str], kind: str, meaning: str) -> list[str]:
    lines = [f"    {name}: {kind}"]
    if meaning:
        said = textwrap.wrap(f'"""{meaning}"""', 116)
        lines += [f"    {line}" for line in said]
    return lines + [f"    {alias}: {kind}" for alias in aliases]


def schema() -> str:
    """The JSON Schema as text."""
    return json.dumps(contract_schema(), indent=1, ensure_ascii=False) + "\n"


FILES: dict[str, Callable[[], str]] = {
    "src/cloudclusters/contract/parameters.py": parameters,
    "docs/contract.schema.json": schema,
}


def outdated() -> dict[str, str]:
    """The files that are not what the code says, each with what it must be."""
    made = {name: make() for name, make in FILES.items()}
    return {name: text for name, text in made.items() if _there(ROOT / name) != text}


def write() -> list[str]:
    """Write what is out of date; the names of it."""
    found = outdated()
    for name, text in found.items():
        (ROOT / name).write_text(text, encoding="utf-8")
    return list(found)


def _there(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
