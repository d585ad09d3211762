"""The outer edge: every way a command can end becomes a sentence on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

import click

from cloudclusters.cli.frame import Frame, Loudness, build
from cloudclusters.errors import CloudClustersError, Remedy

PROGRAM = "cloudclusters"
BROKEN_PIPE = 141
INTERRUPTED = 130
DEBUG = "CLOUDCLUSTERS_DEBUG"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (of this process, when none is given) and return its exit code.

    0 done, 1 the user can fix it, 2 usage, 3 wait or go elsewhere, 4 report it, 124 timeout, 128 and the number of
    the signal when interrupted; what the remote command gave for `exec`.
    """
    loudness = Loudness()
    try:
        frame = build()
        _complete(frame)
        code = _invoke(frame, list(sys.argv[1:] if arguments is None else arguments), loudness)
        if sys.stdout is not None:  # it may be closed from the start
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _quiet_stdout()
    except KeyboardInterrupt as exc:
        return _interrupted(exc)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.Abort:
        return _interrupted(KeyboardInterrupt())
    except click.ClickException as exc:
        return _usage(exc)
    except BaseExceptionGroup as exc:
        return _group(exc, loudness)
    except Exception as exc:  # noqa: BLE001  # the outer edge
        return _one(exc, loudness)


def _invoke(frame: Frame, arguments: list[str], loudness: Loudness) -> int:
    color = False if os.environ.get("NO_COLOR") else None
    with frame.make_context(PROGRAM, arguments, obj=loudness, color=color) as context:
        code = frame.invoke(context)
    return code if isinstance(code, int) else 0


def _complete(frame: Frame) -> None:
    """Answer the shell, when it is the shell that asks for completions."""
    program = os.path.basename(sys.argv[0]) or PROGRAM  # noqa: PTH119  # pathlib takes long to import
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    instruction = os.environ.get(variable)
    if instruction:
        from click.shell_completion import shell_complete

        raise SystemExit(shell_complete(frame, {}, program, variable, instruction))


def _usage(exc: click.ClickException) -> int:
    if isinstance(exc, click.exceptions.NoArgsIsHelpError):
        click.echo(exc.format_message(), err=True)
        return Remedy.USAGE.value
    say_error(exc.format_message(), hint=getattr(exc, "hint", ""))
    if isinstance(exc, click.UsageError) and exc.ctx is not None:
        click.echo(f"See `{exc.ctx.command_path} --help`.", err=True)
    return Remedy.USAGE.value


def _interrupted(exc: KeyboardInterrupt) -> int:
    import signal  # makes classes of its numbers, which takes a while

    number = getattr(exc, "signal_number", None)
    click.echo("stopped by Ctrl-C" if number in (None, signal.SIGINT) else f"stopped by {exc}", err=True)
    if getattr(exc, "let_go", False):
        click.echo(
            "the clean-up was not waited for: `cloudclusters clusters` finishes it, and shows what is left", err=True
        )
    return 128 + int(number) if number else INTERRUPTED


def _quiet_stdout() -> int:
    """Whoever read our output has gone; say nothing more, at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _group(group: BaseExceptionGroup[BaseException], loudness: Loudness) -> int:
    """Several failures stay several; an interrupt among them wins, else the gravest code."""
    failures = list(_flat(group))
    for exc in failures:
        if isinstance(exc, KeyboardInterrupt):
            return _interrupted(exc)
    return max(_one(exc, loudness) for exc in failures)


def _flat(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for exc in group.exceptions:
        if isinstance(exc, BaseExceptionGroup):
            yield from _flat(exc)
        else:
            yield exc


def _one(exc: BaseException, loudness: Loudness) -> int:
    debug = bool(os.environ.get(DEBUG))
    if loudness.verbose or debug:
        import traceback

        click.echo("".join(traceback.format_exception(exc)).rstrip(), err=True)
    if isinstance(exc, CloudClustersError):
        say_error(exc.message, hint=exc.hint)
        return int(exc.remedy.value)
    kind = type(exc).__name__
    said = str(exc)
    more = "" if loudness.verbose or debug else "; -v shows where it happened"
    say_error(
        f"this is a mistake in cloudclusters: {kind}: {said}"
        if said
        else f"this is a mistake in cloudclusters: {kind}",
        hint=f"please report it with the command that you ran{more}",
    )
    return Remedy.REPORT.value


def say_error(message: str, *, hint: str = "") -> None:
    """What happened, and what to type, on stderr."""
    color = False if os.environ.get("NO_COLOR") else None
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True, color=color)
    if hint:
        click.echo(f"hint: {hint}", err=True)
