"""The command line on real local nodes: the demo, a cluster's whole life, Ctrl-C, the background. Slow."""

from __future__ import annotations

import csv
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudclusters.catalog.catalog import SNAPSHOT

Call = Callable[..., object]

pytestmark = pytest.mark.slow

_BY_REGION = """
SELECT p.text, r.text, t.text, type.vcpus, kind.text, type.accelerator_count, price.usd
FROM price JOIN type ON type.id = price.type
JOIN word p ON p.id = type.provider JOIN word r ON r.id = price.region JOIN word t ON t.id = type.instance_type
LEFT JOIN word kind ON kind.id = type.accelerator_type
WHERE price.usd IS NOT NULL AND r.text != ''
"""


def _expected() -> dict[tuple[str, str], tuple[float, float | None]]:
    """The lowest prices per vCPU and whole GPU by provider and region, straight from the database."""
    connection = sqlite3.connect(SNAPSHOT)
    found: dict[tuple[str, str], tuple[float, float | None]] = {}
    for provider, region, _, vcpus, kind, count, micro in connection.execute(_BY_REGION):
        usd = micro / 1_000_000
        vcpu, gpu = found.get((provider, region), (float("inf"), None))
        if kind == "GPU" and count and count >= 1:
            gpu = usd / count if gpu is None else min(gpu, usd / count)
        found[provider, region] = (min(vcpu, usd / vcpus), gpu)
    connection.close()
    return found


def test_the_demo_computes_what_the_database_says_and_leaves_nothing(program: Call, tmp_path: Path) -> None:
    """Every region, every price, recomputed; and no machine is left."""
    answer = program("demo", "--output", "out")

    assert answer.code == 0, answer.err
    assert "Left behind: nothing." in answer.out
    assert "Traceback" not in answer.err
    with (tmp_path / "out" / "cheapest.csv").open() as file:
        rows = list(csv.DictReader(file))
    computed = {
        (row["provider"], row["region"]): (
            float(row["vcpu_hour_usd"]),
            float(row["gpu_hour_usd"]) if row["gpu_hour_usd"] else None,
        )
        for row in rows
    }
    expected = _expected()
    assert computed.keys() == expected.keys()
    assert all(computed[place] == pytest.approx(expected[place]) for place in expected)
    assert program("sweep", "--json").data == []


def test_the_demo_cleans_up_when_interrupted(program: Call) -> None:
    """Ctrl-C while it deploys: code 130, and nothing left."""
    answer = program("demo", after="starting")

    assert answer.code == 130
    assert "Traceback" not in answer.err
    assert program("sweep", "--json").data == []


def test_sigterm_during_a_deploy_undoes_it(program: Call) -> None:
    """A scheduler that ends the job leaves nothing running."""
    answer = program("deploy", "node_provider=local", "node_count=2", "-y", after="starting", stop=signal.SIGTERM)

    assert answer.code == 143
    assert program("sweep", "--json").data == []


def test_a_cluster_lives_its_whole_life_on_the_command_line(program: Call) -> None:
    """Deploy, look, run, log, stop, start, scale, restart, reconnect, terminate; each in a process of its own."""
    deployed = program("deploy", "node_provider=local", "node_count=2", "--name", "life", "-y", "--json")
    assert (deployed.code, deployed.data["state"]) == (0, "running"), deployed.err
    first = _pids(program)

    exit_code = program("exec", "life/node1", "--", "sh", "-c", "echo $RANK of $WORLD_SIZE; exit 7")
    assert (exit_code.code, exit_code.out) == (7, "1 of 2\n")
    assert sorted(program("exec", "life", "--", "echo", "here").out.splitlines()) == ["node0: here", "node1: here"]
    assert "node0/scheduler: " in program("logs", "life", "--tail", "5").out

    assert program("stop", "life", "--json").data[0]["state"] == "interrupted"
    assert program("restart", "life").code == 1
    assert program("start", "life").code == 0
    assert program("scale", "life", "3").code == 0
    grown = _pids(program)
    assert len(grown) == 3
    assert not grown & first
    assert program("restart", "life").code == 0
    assert not _pids(program) & grown
    assert program("reconnect", "life", "--json").data[0]["state"] == "running"

    assert program("terminate", "life").code == 0
    again = program("terminate", "life")
    assert (again.code, "has been terminated" in again.err) == (1, True)
    assert program("sweep", "--json").data == []
    assert "node0/" in program("logs", "life").out


def _pids(program: Call) -> set[int]:
    return {row["pid"] for row in program("nodes", "life", "--json").data if row["rank"] is not None}


@pytest.mark.parametrize("wait", ["no", "min"])
def test_a_deploy_goes_on_after_its_command_has_returned(program: Call, wait: str) -> None:
    """The cluster is recorded when it returns, and runs by itself a little later."""
    answer = program("deploy", "node_provider=local", "node_count=2", "-y", "--json", "--wait", wait)
    assert answer.code == 0, answer.err
    handle = answer.data["handle"]
    try:
        deadline = time.monotonic() + 60
        while (state := program("status", handle, "--json").data["state"]) == "deploying":
            assert time.monotonic() < deadline
        assert state == "running"
    finally:
        program("terminate", handle, "-y")


def test_a_name_that_is_taken_is_told_also_from_the_background(program: Call) -> None:
    """What the child says is said here, with its code."""
    assert program("deploy", "node_provider=local", "--name", "once", "-y").code == 0
    answer = program("deploy", "node_provider=local", "--name", "once", "-y", "--wait", "no")
    program("terminate", "once", "-y")

    assert answer.code == 1
    assert "once" in answer.err
    assert "Traceback" not in answer.err


def test_a_deploy_out_of_time_is_undone(program: Call) -> None:
    """Code 124, and nothing left."""
    answer = program("deploy", "node_provider=local", "node_count=2", "-y", "--timeout", "0.05s")

    assert answer.code == 124, answer.err
    assert program("sweep", "--json").data == []
