"""contract: contracts as documents. Show one, compare two, and print what an editor needs to help with the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.console import Branch, json_option, say, show, show_json
from cloudclusters.cli.wish import contract_of, files, words_argument

if TYPE_CHECKING:
    from cloudclusters.cli.console import Row
    from cloudclusters.contract.document import Contract


@click.group(cls=Branch)
def contract() -> None:
    """Contracts as files: show one, compare two, and what editors need."""


@contract.command(name="show")
@words_argument
@click.option("--toml", "as_toml", is_flag=True, help="Print it as a contract's file.")
@json_option
def contract_show(words: Sequence[str], as_toml: bool, as_json: bool) -> None:
    """A contract as a table, or as a file; of a file, a handle, or constraints. Nothing is resolved.

    \b
    cloudclusters contract show training.toml
    cloudclusters contract show node_count=8 "node_memory_size>=512G" --toml > training.toml
    """
    if as_toml and as_json:
        raise click.UsageError("--toml and --json are two forms of the same: give one of them")
    wished = contract_of(words)
    if as_json:
        show_json(_row(wished))
    elif as_toml:
        click.echo(wished.to_toml(), nl=False)
    else:
        show(str(wished))


@contract.command(name="diff")
@click.argument("before", metavar="A", shell_complete=files)
@click.argument("after", metavar="B", shell_complete=files)
@click.option(
    "--plans", is_flag=True, help="Compare what they come to: machines, prices, fallbacks, settings, warnings."
)
@json_option
def contract_diff(before: str, after: str, plans: bool, as_json: bool) -> None:
    """What differs between two contracts, each a file or a handle.

    The form of a file does not count, nor its order. With --plans what deploy would make of each is compared; those
    that were not resolved yet are. Nothing is made.

    \b
    cloudclusters contract diff training.toml larger.toml
    cloudclusters contract diff training.toml larger.toml --plans
    """
    import msgspec

    from cloudclusters.api import contracts

    first, second = (contract_of((word,)) for word in (before, after))
    if plans:
        found = contracts.difference(contracts.plan(first), contracts.plan(second))
    else:
        found = contracts.difference(first, second)
    found = msgspec.structs.replace(found, before=before, after=after)  # as the user calls them
    if as_json:
        show_json(found.rows())
    elif len(found):
        show(str(found))
    else:
        say(str(found))


@contract.command(name="schema")
def contract_schema() -> None:
    """The JSON Schema of a contract's file: editors that read it complete and check contracts.

    \b
    cloudclusters contract schema > contract.schema.json

    and as the first line of training.toml beside it:

    \b
    #:schema ./contract.schema.json
    """
    from cloudclusters.contract import schema

    show_json(schema.contract_schema())


def _row(wished: Contract) -> Row:
    """The contract by the words of the package; `parameters` is what its file holds."""
    from cloudclusters.contract.text import table_of

    return {"handle": wished.handle, "digest": wished.digest, "parameters": table_of(wished)}
