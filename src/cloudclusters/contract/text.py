"""Contracts in text: one constraint per word on the command line, and TOML files, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.catalog import Catalog
from cloudclusters.contract.build import FLAGS, Item, build, find, known_role
from cloudclusters.contract.document import ClusterType, Contract
from cloudclusters.errors import InvalidContract
from cloudclusters.settings.home import FILE
from cloudclusters.settings.keys import is_key
from cloudclusters.vocabulary import FEATURES, parse_constraint
from cloudclusters.vocabulary.text import write

if TYPE_CHECKING:
    from cloudclusters.base import toml

TABLE = "contract"
"""A file that holds more than a contract has it in this table."""
_FORM = re.compile(r"\s*(?:(\w+)\.)?(\w+)\s*(=|>=|<=|!=|==|<|>)\s*(.*?)\s*\Z", re.DOTALL)


def from_texts(texts: Sequence[str], *, handle: str, created: float = 0.0, catalog: Catalog | None = None) -> Contract:
    """A contract of text forms: `node_memory_size>=512G`, `manager.node_machinetype=t3.xlarge`, `node_count=4`."""
    return build((item(text) for text in texts), handle=handle, created=created, catalog=catalog)


def item(text: str) -> Item:
    """One parameter of a text form; raises `InvalidContract`."""
    match = _FORM.match(text)
    if match is None:
        raise InvalidContract(
            f"{text!r} is not a constraint",
            hint="write FEATURE=VALUE, FEATURE>=VALUE, FEATURE<=VALUE or FEATURE!=VALUE",
        )
    role = known_role(match[1]) if match[1] else ""
    name, sign, value = match[2], match[3], match[4]
    if find(name) is not None:
        return role, name, parse_constraint(f"{name}{sign}{value}")[1]
    if (name in FLAGS or is_key(name)) and sign != "=":
        raise InvalidContract(f"{text!r}: {name} takes one value", hint=f"write {name}={value}")
    return role, name, value


def from_toml(text: str, path: str, *, handle: str, created: float = 0.0, catalog: Catalog | None = None) -> Contract:
    """A contract of a TOML file's text; `path` is what messages call the file. Errors name file, line and key.

    Parameters stand at the top, or in a table `[contract]` of a file that holds configuration too.
    """
    from cloudclusters.base import toml

    document = toml.parse(text, path, InvalidContract)
    inner = document.data.get(TABLE)
    root: tuple[str, ...] = (TABLE,) if isinstance(inner, dict) else ()
    parameters: Mapping[str, object] = inner if isinstance(inner, dict) else document.data
    if root and Path(path).name != FILE:
        for name in document.data:
            if name != TABLE:
                raise InvalidContract(
                    f"{document.where(name)}: a contract's file holds [{TABLE}] alone",
                    hint=f"only {FILE} holds configuration too; parameters of the contract stand in [{TABLE}]",
                )

    def where(role: str, name: str) -> str:
        return f"{document.where(*root, *([role] if role else []), name)}: "

    items: list[Item] = []
    for name, value in parameters.items():
        if isinstance(value, dict):
            items += [(_role(document, root, name), key, each) for key, each in value.items()]
        else:
            items.append(("", name, value))
    return build(items, handle=handle, created=created, catalog=catalog, where=where)


def _role(document: toml.Document, root: tuple[str, ...], name: str) -> str:
    try:
        return known_role(name)
    except InvalidContract as exc:
        raise InvalidContract(f"{document.where(*root, name)}: {exc.message}", hint=exc.hint) from exc


def to_toml(contract: Contract) -> str:
    """The contract as TOML that `from_toml` reads back as the same, but for its handle and date."""
    from cloudclusters.base import toml

    table: dict[str, object] = {}
    if contract.cluster_type is not ClusterType.PEER_WORKERS:
        table["cluster_type"] = str(contract.cluster_type)
    table["node_count"] = contract.node_count
    if contract.node_process_count != 1:
        table["node_process_count"] = contract.node_process_count
    table |= {name: True for name in FLAGS if getattr(contract, name)}
    table |= _texts(contract, "")
    table |= {role: rows for role in contract.cluster_type.roles if (rows := _texts(contract, role))}
    return toml.write(table)


def _texts(contract: Contract, role: str) -> dict[str, object]:
    features = contract.roles.get(role, {}) if role else contract.assumptions
    settings = contract.role_settings.get(role, {}) if role else contract.settings
    return {name: write(FEATURES[name], each) for name, each in features.items()} | dict(settings)
