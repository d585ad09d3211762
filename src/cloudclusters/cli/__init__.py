"""The command line, `cloudclusters` or `ccl`: words and tables. Nothing here decides; `api` does."""

from __future__ import annotations


def main() -> None:
    """Run the command line of this process and end it with the exit code that answers."""
    import gc
    import sys

    gc.set_threshold(100_000)  # imports make many objects and no garbage: a tenth of a quick command was collecting it
    if sys.argv[1:] in (["--help"], ["-h"]):
        from cloudclusters.cli.listing import help_text

        sys.stdout.write(f"{help_text('cloudclusters')}\n")
        raise SystemExit(0)
    try:
        from cloudclusters.cli.edge import run
    except KeyboardInterrupt:  # nothing has begun
        sys.stderr.write("stopped by Ctrl-C\n")
        raise SystemExit(130) from None
    raise SystemExit(run())
