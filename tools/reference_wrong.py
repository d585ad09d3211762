"""The reference page of wrong contracts, from the table that the tests try: `wrong_constraints.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reference_markdown import table

TABLE = Path(__file__).with_name("wrong_constraints.toml")
_FORMS = {"python": "Python", "text": "text", "select": "text", "toml": "file"}


def wrong_constraints() -> str:
    """What is told of a contract that is written wrongly."""
    groups = tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]
    count = sum(len(group["case"]) for group in groups)
    parts = [
        f"Each of these {count} ways to write a contract wrongly was tried, and this is the sentence it gets. It is an "
        "`InvalidContract`: its `message` says what was wrong and where, its `hint` what to write instead.",
        "Numbers, relations and names of other tools are recognised where they can be; what is proposed always reads.",
    ]
    for group in groups:
        rows = [
            (_shown(case["written"]), _FORMS[case["form"]], case["message"], case["hint"]) for case in group["case"]
        ]
        parts += [f"## {group['title']}", table(["written", "in", "what is told", "what to write instead"], rows)]
    return "\n\n".join(parts)


def _shown(written: str) -> str:
    return " ⏎ ".join(f"`{line}`" for line in written.strip().splitlines() if line)
