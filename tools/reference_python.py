"""The reference pages of the Python side: the public functions, and the objects that they take and give."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import ParamSpec

import msgspec

import cloudclusters as cc
from cloudclusters import aio
from cloudclusters.api.cluster import Cluster
from cloudclusters.api.members import Node
from cloudclusters.contract.difference import Difference
from cloudclusters.contract.document import ClusterType, Contract, Plan
from cloudclusters.contract.resolution import Resolution
from reference_markdown import code, codes, enum_table, first_line, member_docs, table

P = ParamSpec("P")


def functions() -> str:
    """The public names of the package."""
    public = {name: getattr(cc, name) for name in cc.__all__ if not name.startswith("__")}
    verbs = {name: each for name, each in public.items() if inspect.isfunction(each)}
    parts = ["`import cloudclusters as cc`; the functions below are `cc.…`.", _index(verbs)]
    for name, each in sorted(verbs.items()):
        parts += [f"## {name}", _function(name, each)]
    parts += ["## Cluster types", enum_table(ClusterType)]
    parts += ["## Async", first_line(aio), f"`cloudclusters.aio` has: {codes(aio.__all__)}."]
    return "\n\n".join(parts)


def _index(verbs: Mapping[str, object]) -> str:
    return table(
        ["function", "what"], [(f"[{name}](#{name})", first_line(each)) for name, each in sorted(verbs.items())]
    )


def _function(name: str, function: object) -> str:
    assert callable(function)
    return f"```text\n{_signature(name, function)}\n```\n\n{_prose(function)}"


def _signature(name: str, function: Callable[P, object]) -> str:
    """The signature as it stands in the source, with annotations as written."""
    shown = inspect.signature(function)
    parts: list[str] = []
    star = False
    for each in shown.parameters.values():
        if each.name in ("self", "of"):
            continue
        if each.kind is each.KEYWORD_ONLY and not star:
            parts.append("*")
        star = star or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = "*" if each.kind is each.VAR_POSITIONAL else "**" if each.kind is each.VAR_KEYWORD else ""
        annotation = "" if each.annotation is each.empty else f": {each.annotation}"
        default = "" if each.default is each.empty else f" = {each.default!r}"
        parts.append(f"{stars}{each.name}{annotation}{default}")
    gives = "" if shown.return_annotation is shown.empty else f" -> {shown.return_annotation}"
    line = f"{name}({', '.join(parts)}){gives}"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(parts) + f",\n){gives}"


def _prose(thing: object) -> str:
    """A docstring in Markdown: its examples become blocks."""
    text = re.sub(r" +# doctest: \+\w+", "", inspect.getdoc(thing) or "")
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"```text\n{each}\n```" if each.startswith(">>>") else each for each in paragraphs)


def classes() -> str:
    """The objects that functions take and give."""
    parts = ["What the [functions](functions.md) take and give."]
    for kind in (Contract, Resolution, Plan, Difference, Cluster, Node):
        parts += [f"## {kind.__name__}", _prose(kind), _members(kind)]
    return "\n\n".join(parts)


def _members(kind: type) -> str:
    docs = member_docs(kind)
    rows: list[tuple[str, str]] = []
    if issubclass(kind, msgspec.Struct):
        rows += [(code(each), docs.get(each, "")) for each in kind.__struct_fields__]
    elif hasattr(kind, "__dataclass_fields__"):
        rows += [(code(each), docs.get(each, "")) for each in kind.__dataclass_fields__]
    for name, each in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(each, property):
            rows.append((code(name), first_line(each)))
        elif inspect.isfunction(each):
            rows.append((code(_signature(name, each).replace("\n", " ")), first_line(each)))
    return table(["member", "what"], rows)
