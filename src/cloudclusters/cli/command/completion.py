"""completion: what a shell must read to complete our commands."""

from __future__ import annotations

import click

from cloudclusters.cli.console import Command, show

_HOW = """To complete commands and names of clusters, add to your shell's start-up file:

\b
  bash  ~/.bashrc:                    eval "$(cloudclusters completion bash)"
  zsh   ~/.zshrc, after compinit:     eval "$(cloudclusters completion zsh)"
  fish  ~/.config/fish/config.fish:   cloudclusters completion fish | source
"""


@click.command(cls=Command, help=f"Print the completion script of a shell.\n\n{_HOW}")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script, for both names of the program."""
    from click.shell_completion import get_completion_class

    from cloudclusters.cli.frame import build

    kind = get_completion_class(shell)
    assert kind is not None
    for program in ("cloudclusters", "ccl"):
        script = kind(build(), {}, program, f"_{program.upper()}_COMPLETE")
        show(script.source_template % script.source_vars())
