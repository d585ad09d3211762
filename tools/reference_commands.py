"""The reference page of the command line: every command with its options."""

from __future__ import annotations

import inspect

import click

from cloudclusters.cli.frame import build
from cloudclusters.cli.listing import SECTIONS
from reference_markdown import code, codes, table


def command_line() -> str:
    """Every command with its options."""
    frame = build()
    context = click.Context(frame, info_name="cloudclusters")
    parts = [
        "`cloudclusters`, or `ccl` for short. Every command takes `-h`, `-v` and `-q`. "
        "See [command line](../guides/command-line.md) for how they go together."
    ]
    for title, listed in SECTIONS:
        rows = [(f"[{each.name}](#{each.name})", codes(each.aliases), each.line) for each in listed]
        parts += [f"## {title}", table(["command", "also", "what"], rows)]
        for each in listed:
            found = frame.get_command(context, each.name)
            assert found is not None
            parts += _command(found, each.name, 3)
    return "\n\n".join(parts)


def _command(command: click.Command, name: str, level: int) -> list[str]:
    parts = [f"{'#' * level} {name}", f"```text\n{_usage(command, name)}\n```", _help(command)]
    options = [
        (codes((*each.opts, *each.secondary_opts)), _values(each), each.help or "")
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden and each.name not in ("verbose", "quiet")
    ]
    parts += [table(["option", "value", "what"], options)] if options else []
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            parts += _command(inner, f"{name} {inner.name}", level + 1)
    return parts


def _usage(command: click.Command, name: str) -> str:
    arguments = [
        each.metavar or (each.name or "").upper() for each in command.params if isinstance(each, click.Argument)
    ]
    more = ["COMMAND"] if isinstance(command, click.Group) else []
    return " ".join(["cloudclusters", name, "[OPTIONS]", *arguments, *more])


def _values(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return codes(option.type.choices)
    return code(option.metavar or option.type.name.upper())


def _help(command: click.Command) -> str:
    """The help text: what stands after a `\\b` is an example, and keeps its lines."""
    parts = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        example = paragraph.removeprefix("\b\n")
        parts.append(paragraph if example == paragraph else f"```text\n{inspect.cleandoc(example)}\n```")
    return "\n\n".join(parts)
