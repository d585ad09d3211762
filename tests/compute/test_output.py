"""What workers print is shown with the pid in front, in whole lines."""

from __future__ import annotations

import io
from collections.abc import Mapping

import pytest

from cloudclusters.api.compute.output import Output
from cloudclusters.errors import NodeError


class Known:
    """A cluster whose one worker has pid 3."""

    handle = "test"
    fails = False

    def get_client(self) -> object:
        """Not needed here."""
        raise NotImplementedError

    def trouble(self) -> str:
        """None."""
        return ""

    def is_cut_off(self) -> bool:
        """Its nodes are on this machine."""
        return False

    def why_gone(self) -> str:
        """Nobody lets go of it."""
        return ""

    def live_workers(self) -> Mapping[int, str]:
        """The worker, or the error of a cluster that is going."""
        if self.fails:
            raise NodeError("gone")
        return {3: "node0/worker0/abc"}


def say(output: Output, *lines: tuple[str, str], worker: str = "node0/worker0/abc") -> None:
    """A batch as it comes from Dask."""
    output.hear((0.0, {"name": worker, "worker": "tls://…", "lines": [list(line) for line in lines]}))


@pytest.fixture
def out() -> io.StringIO:
    """Where stdout goes."""
    return io.StringIO()


def test_each_line_says_which_pid_wrote_it(out: io.StringIO) -> None:
    """The form is that of Julia's Distributed, with the pid."""
    output = Output(Known(), out=out)

    say(output, ("stdout", "one\ntwo\n"))
    output.close()

    assert out.getvalue() == "  from pid 3: one\n  from pid 3: two\n"


def test_a_line_that_comes_in_pieces_is_shown_once(out: io.StringIO) -> None:
    """A batch may end in the middle of a line."""
    output = Output(Known(), out=out)

    say(output, ("stdout", "half"))
    say(output, ("stdout", " and half\n"))
    output.close()

    assert out.getvalue() == "  from pid 3: half and half\n"


def test_an_unfinished_line_is_shown_at_the_end(out: io.StringIO) -> None:
    """Nothing that was printed is swallowed."""
    output = Output(Known(), out=out)

    say(output, ("stdout", "no end"))
    output.close()

    assert out.getvalue() == "  from pid 3: no end\n"


def test_stderr_stays_apart(out: io.StringIO) -> None:
    """So that a pipe behind the driver sees stdout alone."""
    err = io.StringIO()
    output = Output(Known(), out=out, err=err)

    say(output, ("stderr", "careful\n"))
    output.close()

    assert (out.getvalue(), err.getvalue()) == ("", "  from pid 3: careful\n")


def test_a_worker_without_a_known_pid_is_named(out: io.StringIO) -> None:
    """It may have died before its life was seen."""
    output = Output(Known(), out=out)

    say(output, ("stdout", "hello\n"), worker="node9/worker0/xyz")
    output.close()

    assert out.getvalue() == "  from node9/worker0/xyz: hello\n"


def test_a_cluster_on_its_way_out_does_not_stop_the_output(out: io.StringIO) -> None:
    """Asking for pids may fail then; the text still counts."""
    cluster = Known()
    cluster.fails = True
    output = Output(cluster, out=out)

    say(output, ("stdout", "last words\n"))
    output.close()

    assert "last words" in out.getvalue()


def test_drain_waits_until_it_is_shown(out: io.StringIO) -> None:
    """`pmap` returns after what its functions printed."""
    output = Output(Known(), out=out)
    for number in range(200):
        say(output, ("stdout", f"{number}\n"))

    output.drain()

    assert out.getvalue().count("\n") == 200
    output.close()
