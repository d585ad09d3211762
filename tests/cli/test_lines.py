"""Output of several nodes: whole lines, each with its source, in any order of pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudclusters.cli.command.nodes import Lines, split_place

TEXTS = st.lists(st.text(alphabet="ab\n", max_size=8), max_size=12)


@given(pieces=TEXTS)
def test_pieces_come_out_as_the_lines_they_make(pieces: list[str]) -> None:
    """However the text is cut, the lines are those of the whole."""
    written: list[str] = []
    lines = Lines(prefixed=True)
    lines._write = lambda fd, text: written.append(text)
    for piece in pieces:
        lines.take("node0", 1, piece)
    lines.end()

    whole = "".join(pieces)
    expected = whole.removesuffix("\n").split("\n") if whole else []
    assert "".join(written) == "".join(f"node0: {line}\n" for line in expected)


def test_sources_do_not_mix_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Half a line of one node waits while another one speaks."""
    lines = Lines(prefixed=True)
    lines.take("node0", 1, "one ")
    lines.take("node1", 1, "two\n")
    lines.take("node0", 1, "line\n")

    assert capsys.readouterr().out == "node1: two\nnode0: one line\n"


def test_a_single_node_is_passed_through(capsys: pytest.CaptureFixture[str]) -> None:
    """No prefix, no waiting for the end of a line, errors on stderr."""
    lines = Lines(prefixed=False)
    lines.take("node0", 1, "no end")
    lines.take("node0", 2, "bad\n")
    said = capsys.readouterr()

    assert (said.out, said.err) == ("no end", "bad\n")


def test_a_place_is_a_cluster_or_a_node_of_it() -> None:
    """`CLUSTER/NODE`."""
    assert split_place("training") == ("training", "")
    assert split_place("training/node1") == ("training", "node1")
