"""The page of the table: what it says of what was tried, and that the one in the docs is whole."""

from __future__ import annotations

from pathlib import Path

from cloudclusters.testing.reliability.faults import FAULTS
from cloudclusters.testing.reliability.ledger import MOST, Counted
from cloudclusters.testing.reliability.page import NOTHING, page, rows_of
from cloudclusters.testing.reliability.table import KILLED, Entry, Outcome, entries
from cloudclusters.testing.reliability.verbs import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
GOOD = Counted(ledger=600.0, billed=598.5)


def outcome(entry: Entry, *, step: int = 1, wrong: tuple[str, ...] = ()) -> Outcome:
    """Ten cases at thirty points."""
    return Outcome(entry=entry, points=30, step=step, cases=10, wrong=wrong)


def test_what_is_left_is_told_at_its_row_and_at_the_end() -> None:
    """No row of the table says nothing when something was left."""
    worst = Entry(fault=KILLED, verb="resume", provider="ec2")
    found = [
        outcome(each, step=3, wrong=("point 7, then `status`: machine i-1",) if each == worst else ())
        for each in entries()
    ]
    text = page(found, GOOD, minutes=12.2)
    rows = {row[0]: row for row in rows_of(text)}
    assert rows["resume"] == ("resume", *["10 cases, every 3rd of 30 points"] * 3, "**something in 1**")
    assert rows["deploy"][-1] == NOTHING
    assert "- the driver is killed, resume, ec2: point 7, then `status`: machine i-1" in text
    assert "left was: 1." in text
    assert "in 12 minutes" in text
    assert "0.25% apart" in text


def test_a_ledger_that_was_not_compared_is_told_and_loses_nothing_else() -> None:
    """Half an hour of trials is not thrown away for it."""
    text = page([outcome(each) for each in entries()], None, minutes=12.2)
    assert "could not be compared" in text
    assert {row[-1] for row in rows_of(text)} == {NOTHING, "left"}


def test_the_ledger_is_wrong_either_way() -> None:
    """Too much is as wrong as too little."""
    assert GOOD.apart < MOST
    assert Counted(ledger=606.1, billed=600.0).apart > MOST
    assert Counted(ledger=593.9, billed=600.0).apart > MOST


def test_the_page_in_the_docs_shows_the_whole_table_and_nothing_left() -> None:
    """A verb or a fault that is new is tried, and the page made anew, before it is there."""
    text = PAGE.read_text(encoding="utf-8")
    rows = rows_of(text)
    heads = [("verb", "fake", "local", "ec2", "left"), ("fault", "during", "fake", "ec2", "left")]
    shown = [row for row in rows if row not in heads]
    verbs = [row.name for row in ROWS]
    assert [row[0] for row in shown[: len(verbs)]] == verbs
    assert [row[:2] for row in shown[len(verbs) :]] == [(fault.name, verb) for fault in FAULTS for verb in fault.verbs]
    assert {row[-1] for row in shown} == {NOTHING}
    assert "left was: nothing" in text
