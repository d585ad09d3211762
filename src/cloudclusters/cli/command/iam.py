"""iam: the least rights that a provider's user needs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cloudclusters.cli.console import Command, say, show
from cloudclusters.errors import UnknownName


@click.command(cls=Command)
@click.argument("provider")
@click.argument("words", nargs=-1, metavar="[FILE|CONSTRAINT]...")
def iam(provider: str, words: Sequence[str]) -> None:
    """Print the least rights that PROVIDER's user needs, for your settings and those of a contract.

    The provider's own form is printed, ready for its console or command line; nothing is asked of it, and its SDK need
    not be installed.

    \b
    cloudclusters iam ec2 > policy.json
    cloudclusters iam ec2 cloudclusters.toml
    """
    from cloudclusters.api.session import session
    from cloudclusters.base.near import near
    from cloudclusters.cli.wish import contract_of
    from cloudclusters.provider.registry import plugins

    known = {plugin.name: plugin for plugin in plugins()}
    if provider not in known:
        names = [name for name, plugin in known.items() if not plugin.hidden]
        raise UnknownName(
            f"unknown provider {provider!r}{near(provider, names)}", hint=f"the providers are: {', '.join(names)}"
        )
    settings = session().settings
    if words:
        settings = settings.over(contract_of(words).settings, "contract")
    write = known[provider].policy
    if write is not None:
        show(write(settings.section(provider)).rstrip())
    elif known[provider].traits.cloud:
        say(f"{provider} does not write down the rights that it needs; see its own documentation")
    else:
        say(f"{provider} needs no rights at any cloud")
