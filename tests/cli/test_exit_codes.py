"""The edge: how a command ends becomes a sentence and a code."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from cloudclusters import errors
from cloudclusters.base.loop import Interrupted
from cloudclusters.cli import edge
from cloudclusters.cli.frame import Frame

Call = Callable[..., object]


def _raising(error: BaseException) -> Callable[..., int]:
    def invoke(frame: Frame, arguments: list[str], loudness: object) -> int:
        raise error

    return invoke


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidContract("x"), 1),
        (errors.NoMatch("x"), 1),
        (errors.QuotaExceeded("x"), 1),
        (click.UsageError("x"), 2),
        (errors.NoCapacity("x"), 3),
        (errors.LeaseHeld("x"), 3),
        (errors.InternalError("x"), 4),
        (ZeroDivisionError("x"), 4),
        (errors.WaitTimeout("x"), 124),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (Interrupted(signal.SIGINT), 130),
        (Interrupted(signal.SIGTERM), 143),
        (Interrupted(signal.SIGHUP), 129),
        (ExceptionGroup("g", [errors.InvalidContract("x"), errors.NoCapacity("y")]), 3),
        (BaseExceptionGroup("g", [errors.NoCapacity("y"), Interrupted(signal.SIGTERM)]), 143),
    ],
    ids=lambda value: value if isinstance(value, int) else repr(value),
)
def test_every_end_has_its_code(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """Who can do something about it decides the code."""
    monkeypatch.setattr(edge, "_invoke", _raising(error))

    assert edge.run([]) == code


def test_an_error_prints_message_and_hint_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What happened, and what to type."""
    monkeypatch.setattr(edge, "_invoke", _raising(errors.NoMatch("nothing fits", hint="ask for less")))
    edge.run([])

    assert capsys.readouterr().err == "error: nothing fits\nhint: ask for less\n"


def test_several_failures_are_all_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A group is not summed up in one of its members."""
    group = ExceptionGroup("g", [errors.NodeError("node0"), ExceptionGroup("h", [errors.NodeError("node1")])])
    monkeypatch.setattr(edge, "_invoke", _raising(group))
    edge.run([])

    assert capsys.readouterr().err == "error: node0\nerror: node1\n"


def test_a_mistake_of_ours_asks_for_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without -v there is no traceback, but how to get one."""
    monkeypatch.setattr(edge, "_invoke", _raising(errors.InternalError("two and two is five")))
    edge.run([])
    said = capsys.readouterr().err

    assert "two and two is five" in said
    assert "please report it" in said
    assert "Traceback" not in said


def test_the_debug_variable_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`CLOUDCLUSTERS_DEBUG` does what -v does for errors."""
    monkeypatch.setenv("CLOUDCLUSTERS_DEBUG", "1")
    monkeypatch.setattr(edge, "_invoke", _raising(errors.InternalError("x")))
    edge.run([])

    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    """`cloudclusters features | head -1` says nothing about it."""
    script = f"{sys.executable} -m cloudclusters features --json | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.stderr == ""
    assert ended.returncode in (0, 141)
