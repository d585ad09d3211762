"""The command line, `cloudclusters` or `ccl`: words and tables. Nothing here decides; `api` does."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and end it with the exit code that answers."""
    import sys

    if sys.argv[1:] in (["--help"], ["-h"]):
        from cloudclusters.cli.listing import help_text

        sys.stdout.write(f"{help_text('cloudclusters')}\n")
        raise SystemExit(0)
    from cloudclusters.cli.edge import run

    raise SystemExit(run())
