"""Progress: a plain line per phase where there is no terminal; many nodes are counted."""

from __future__ import annotations

import sys

import click
import pytest

from cloudclusters.api.session import session
from cloudclusters.base.event import Event
from cloudclusters.cli import progress
from cloudclusters.cli.frame import Command, Loudness


def _say(*events: Event, loudness: Loudness | None = None) -> None:
    with click.Context(Command("test"), obj=loudness or Loudness()), progress.shown("deploying"):
        for event in events:
            session().hear(event)


def test_each_new_phase_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """A phase told twice is printed once."""
    launching = Event(cluster="abc", node="node0", phase="launching")
    _say(launching, launching, Event(cluster="abc", phase="running", text="2 nodes are ready"))
    said = capsys.readouterr()

    assert said.out == ""
    assert said.err == "deploying\nabc/node0 launching\nabc running: 2 nodes are ready\n"


def test_quiet_shows_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor its title."""
    _say(Event(cluster="abc", phase="running"), loudness=Loudness(quiet=True))

    assert capsys.readouterr().err == ""


def test_alarms_outlast_the_table_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wipes its own lines, and with them what the log says meanwhile."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _say(Event(cluster="abc", node="node1", phase="kept", text="its machine stays"))

    assert capsys.readouterr().err.splitlines()[-2].endswith("abc/node1 kept: its machine stays")


def test_nobody_listens_after_the_verb() -> None:
    """The session is as it was."""
    _say()

    assert session().listeners == []


def test_many_nodes_are_counted_by_phase() -> None:
    """256 rows tell nobody anything."""
    phases = progress.Phases()
    for number in range(20):
        phases.take(Event(cluster="abc", node=f"node{number}", phase="ready" if number < 5 else "starting"))

    assert sorted(phases.rows()) == [("ready", "5 nodes"), ("starting", "15 nodes")]


def test_the_live_picture_has_a_row_per_node() -> None:
    """Title, cluster and every node with its phase."""
    from rich.console import Console

    phases = progress.Phases()
    phases.take(Event(cluster="abc", node="node0", phase="launching"))
    phases.take(Event(cluster="abc", phase="throttled", text="too many calls"))
    console = Console(width=100)
    with console.capture() as captured:
        console.print(progress._picture("deploying", phases))

    text = captured.get()
    assert "throttled: too many calls" in text
    assert "node0" in text
