"""Markdown from values and docstrings, for the reference pages."""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def codes(texts: Iterable[object]) -> str:
    """Texts as code, separated by commas."""
    return ", ".join(map(code, texts))


def first_line(thing: object) -> str:
    """The first sentence of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def member_docs(kind: type) -> dict[str, str]:
    """What the line under each member of an enum or a data class says."""
    (body,) = (node for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    docs: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        target = before.targets[0] if isinstance(before, ast.Assign) else getattr(before, "target", None)
        said = after.value if isinstance(after, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(said, ast.Constant) and isinstance(said.value, str):
            docs[target.id] = inspect.cleandoc(said.value).replace("\n", " ")
    return docs


def enum_table(kind: type[enum.Enum]) -> str:
    """The members of an enum, each with the line under it."""
    docs = member_docs(kind)
    return table(["name", "what"], [(code(each.value), docs.get(each.name, "")) for each in kind])
