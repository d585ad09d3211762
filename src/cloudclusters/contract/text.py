"""Contracts in text: one constraint per word on the command line, and TOML files, both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.catalog import Catalog
from cloudclusters.contract.build import FLAGS, Item, build, find, known_role, of_role
from cloudclusters.contract.document import NODES, ClusterType, Contract
from cloudclusters.errors import CloudClustersError, InvalidContract
from cloudclusters.settings.home import FILE
from cloudclusters.settings.keys import is_key
from cloudclusters.vocabulary import FEATURES, parse_constraint
from cloudclusters.vocabulary.meaning import elsewhere, example
from cloudclusters.vocabulary.text import write

if TYPE_CHECKING:
    from cloudclusters.base import toml

TABLE = "contract"
"""A file that holds more than a contract has it in this table."""
_FORM = re.compile(r"\s*(?:(\w+)\.)?(\w+)\s*(=|>=|<=|!=|==|<|>)\s*(.*?)\s*\Z", re.DOTALL)
_MORE = re.compile(r"[\s;,&]+([A-Za-z_]\w*)\s*(?:>=|<=|!=|=)")
"""Another constraint in the value of one."""


def from_texts(texts: Sequence[str], *, handle: str, created: float = 0.0, catalog: Catalog | None = None) -> Contract:
    """A contract of text forms: `node_memory_size>=512G`, `manager.node_machinetype=t3.xlarge`, `node_count=4`."""
    return build((item(text) for text in texts), handle=handle, created=created, catalog=catalog)


def item(text: str) -> Item:
    """One parameter of a text form; raises `InvalidContract`."""
    match = _FORM.match(text)
    if match is None:
        raise InvalidContract(f"{text!r} is not a constraint", hint=_constraint_in(text))
    role = known_role(match[1]) if match[1] else ""
    name, sign, value = match[2], match[3], match[4]
    if find(name) is not None:
        try:
            return role, name, parse_constraint(f"{name}{sign}{value}")[1]
        except InvalidContract as exc:
            more = _MORE.search(value)
            if more is None or find(more[1]) is None:
                raise
            raise InvalidContract(exc.message, hint=f"give {more[1]} as a constraint by itself") from exc
    if (name in FLAGS or is_key(name)) and sign != "=":
        raise InvalidContract(f"{text!r}: {name} takes one value", hint=f"write {name}={value}")
    return role, name, value


def _constraint_in(text: str) -> str:
    """What to write instead of a text that is no constraint."""
    from cloudclusters.vocabulary.habit import foreign, respelt  # only when something was wrong already

    role, name, rest = respelt(text)
    try:
        if rest:
            parse_constraint(f"{name}{rest}")
            return f"write {role and role + '.'}{name}{rest}"
    except CloudClustersError:
        pass  # then it was not meant like that
    word = find(name)
    known = example(word) if word is not None else foreign(name)[1] or elsewhere(text.strip())
    return known or "write FEATURE=VALUE, FEATURE>=VALUE, FEATURE<=VALUE or FEATURE!=VALUE"


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
        return f"{document.where(*root, *filter(None, (role, name)))}: "

    items: list[Item] = []
    for name, value in parameters.items():
        if isinstance(value, dict):
            items += of_role(_role(document, root, name, value), value)
        else:
            items.append(("", name, value))
    return build(items, handle=handle, created=created, catalog=catalog, where=where)


def _role(document: toml.Document, root: tuple[str, ...], name: str, table: Mapping[str, object]) -> str:
    try:
        return known_role(name)
    except InvalidContract as exc:
        meant = next((f"write {name}_{key}" for key in table if find(f"{name}_{key}") is not None), "")
        raise InvalidContract(f"{document.where(*root, name)}: {exc.message}", hint=meant or exc.hint) from exc


def to_toml(contract: Contract) -> str:
    """The contract as TOML that `from_toml` reads back as an equal one."""
    from cloudclusters.base import toml

    return toml.write(table_of(contract))


def table_of(contract: Contract) -> dict[str, object]:
    """The contract as its file holds it: parameters by name, constraints in text form, a table for each role."""
    table: dict[str, object] = {}
    if contract.cluster_type is not ClusterType.PEER_WORKERS:
        table["cluster_type"] = str(contract.cluster_type)
    table[NODES] = contract.node_count
    if contract.node_process_count != 1:
        table["node_process_count"] = contract.node_process_count
    table |= {name: write(FEATURES[name], each) for name, each in contract.sizing.items()}
    table |= {name: True for name in FLAGS if getattr(contract, name)}
    table |= _texts(contract, "")
    table |= {role: rows for role in contract.cluster_type.roles if (rows := _texts(contract, role))}
    return table


def parameters_of(contract: Contract) -> dict[str, str]:
    """Every parameter that the contract gives, as text by its name: `manager.node_machinetype` for one of a role."""
    found: dict[str, str] = {}
    for name, value in table_of(contract).items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": _text(each) for key, each in value.items()}
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _texts(contract: Contract, role: str) -> dict[str, object]:
    features = contract.roles.get(role, {}) if role else contract.assumptions
    settings = contract.role_settings.get(role, {}) if role else contract.settings
    return {name: write(FEATURES[name], each) for name, each in features.items()} | dict(settings)
