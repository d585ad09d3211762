"""What a user wants, from the words of a command: a contract's file, its handle, or constraints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloudclusters.api.session import session
from cloudclusters.base.handle import is_handle
from cloudclusters.errors import UnknownName

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from cloudclusters.contract.document import Contract


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Completion where a contract's file may stand: the shell's own, of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


words_argument = click.argument("words", nargs=-1, required=True, metavar="FILE|CONSTRAINT...", shell_complete=files)


def contract_of(words: Sequence[str]) -> Contract:
    """The contract that the words of a command mean; it is kept in the store.

    Raises `InvalidContract` (with file, line and key, where it is a file), `UnknownName` for a file that is not there,
    `UnknownHandle`, `WrongHandle`.
    """
    from cloudclusters.api import contracts

    if len(words) == 1:
        (word,) = words
        if is_file_name(word):
            return contracts.load_contract(word)
        if is_handle(word):
            return session().store.contract(word)
    for word in words:
        if is_file_name(word):
            raise click.UsageError(f"{word} is a file: give one file, or constraints, not both")
    return contracts.contract_from_texts(words)


def is_file_name(word: str) -> bool:
    """Whether a word means a file; one that is not there raises `UnknownName`."""
    path = Path(word)
    if any(sign in word for sign in "=<>"):
        return False
    if path.is_file():
        return True
    if path.suffix == ".toml" or "/" in word:
        what = "is a folder, not a file" if path.is_dir() else "is not there"
        raise UnknownName(f"the file {word} {what}", hint="give a contract's file, or constraints as NAME=VALUE")
    return False
