"""The frame around all commands: found by name, imported when called, near names for misspelt ones."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cloudclusters.cli.listing import ALIASES, COMMANDS, help_text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(slots=True)
class Loudness:
    """How much is said on stderr: logs with `-v`, warnings and errors alone with `-q`."""

    verbose: int = 0
    quiet: bool = False


class Command(click.Command):
    """A command of ours: takes `-v` and `-q` itself, as well as before its name."""

    def __init__(self, name: str | None, **attributes: object) -> None:
        attributes["context_settings"] = {**CONTEXT, **_settings(attributes.get("context_settings"))}
        super().__init__(name, **attributes)  # type: ignore[arg-type]  # passed through as click gave them
        self.params.extend(_loudness())


class Branch(click.Group):
    """A command with subcommands of ours, as `config show`."""

    command_class = Command

    def __init__(self, name: str | None = None, **attributes: object) -> None:
        attributes["context_settings"] = {**CONTEXT, **_settings(attributes.get("context_settings"))}
        super().__init__(name, **attributes)  # type: ignore[arg-type]  # passed through as click gave them

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by name; one that is not there gets near names."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from cloudclusters.base.near import near

            raise click.UsageError(f"unknown command {name!r}{near(name, self.list_commands(ctx))}", ctx=ctx)
        return super().resolve_command(ctx, args)


class Frame(Branch):
    """The whole command line; a command's module is imported when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """All names, in the order of the help."""
        return [*COMMANDS, *ALIASES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's
        """Import a command."""
        listed = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if listed is None:
            return None
        module, name = listed.where.split(":")
        command = getattr(importlib.import_module(f"cloudclusters.cli.command.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def get_help(self, ctx: click.Context) -> str:
        """The help, from the table alone."""
        return help_text(ctx.command_path)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Names of commands and options, from the table alone."""
        from click.shell_completion import CompletionItem

        names = [
            CompletionItem(listed.name, help=listed.line)
            for listed in COMMANDS.values()
            if listed.name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def loudness() -> Loudness:
    """How loud the command that runs now shall be."""
    return click.get_current_context().ensure_object(Loudness)


def _settings(given: object) -> dict[str, object]:
    return dict(given) if isinstance(given, dict) else {}


def _loudness() -> list[click.Parameter]:
    return [
        click.Option(
            ["-v", "--verbose"], count=True, expose_value=False, callback=_louder, help="Say more; log every step."
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_quieter, help="Say nothing but errors."
        ),
    ]


def _louder(ctx: click.Context, _: click.Parameter, count: int) -> None:
    level = ctx.ensure_object(Loudness)
    level.verbose += count
    if count:
        _log(level.verbose)


def _quieter(ctx: click.Context, _: click.Parameter, quiet: bool) -> None:
    level = ctx.ensure_object(Loudness)
    level.quiet = level.quiet or quiet


def _log(verbose: int) -> None:
    import logging

    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")  # to stderr
    logging.getLogger("cloudclusters").setLevel(logging.INFO if verbose == 1 else logging.DEBUG)


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from cloudclusters import __version__

        click.echo(f"cloudclusters {__version__}")
        ctx.exit()


def build() -> Frame:
    """The command line."""
    version = click.Option(["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_version)
    return Frame("cloudclusters", params=[*_loudness(), version])
