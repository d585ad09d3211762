"""How far a computation is, for whoever listens."""

from __future__ import annotations

import io

import pytest

from cloudclusters.api.compute.progress import shown


def test_a_callable_hears_every_event() -> None:
    """The events are plain numbers."""
    heard: list[tuple[int, int | None]] = []

    with shown(lambda done, total: heard.append((done, total)), "f") as listener:
        listener(1, 2)

    assert heard == [(1, 2)]


def test_no_terminal_is_silent_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """A script in a log file gets no bar."""
    with shown(None, "f") as listener:
        listener(2, 2)

    assert capsys.readouterr() == ("", "")


def test_no_terminal_gets_one_plain_line_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr: stdout is the program's."""
    with shown(True, "f") as listener:
        listener(1, 2)
        listener(2, 2)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("f: 2 items in ")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears when the work is not over at once, and leaves the terminal in order."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("cloudclusters.api.compute.progress.NOTICE", -1.0)
    monkeypatch.setenv("TERM", "xterm")

    with shown(None, "f") as listener:
        listener(1, 2)
        listener(2, 2)

    assert "2/2" in terminal.getvalue()
