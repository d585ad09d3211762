"""The benchmark's table: medians, ratios and verdicts. What things cost is measured, never asserted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def budget() -> ModuleType:
    """`benchmarks/budget.py`, which stands beside the package, not in it."""
    path = Path(__file__).parents[2] / "benchmarks" / "budget.py"
    spec = importlib.util.spec_from_file_location("benchmarks_budget", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_budget_holds_for_the_ratio_when_there_is_a_baseline(budget: ModuleType) -> None:
    """A slow machine is slow for both sides."""
    row = budget.Row(what="start", measured=2.6, unit="s", against="bare", baseline=2.0, most=1.3)

    assert row.ratio == pytest.approx(1.3)
    assert row.is_met


def test_a_speed_up_is_how_many_times_the_baseline_takes_longer(budget: ModuleType) -> None:
    """Ten times faster than pandas means a tenth of its time."""
    row = budget.Row(what="ask", measured=0.01, unit="s", against="pandas", baseline=0.09, faster=True, least=10)

    assert row.ratio == pytest.approx(9)
    assert row.is_met is False


def test_a_budget_without_a_baseline_holds_for_what_was_measured(budget: ModuleType) -> None:
    """No module at all may be imported."""
    row = budget.Row(what="modules", measured=1, unit="modules", most=0)

    assert row.ratio is None
    assert row.is_met is False


def test_a_row_without_a_budget_has_no_verdict(budget: ModuleType) -> None:
    """It is there to be read beside the others."""
    assert budget.Row(what="bare", measured=1.0, unit="s").is_met is None


def test_the_table_tells_what_was_missed(budget: ModuleType) -> None:
    """One line for each row, under a header."""
    rows = [
        budget.Row(what="quick", measured=0.0123, unit="s", most=0.015),
        budget.Row(what="rate", measured=1500, unit="tasks/s", against="bare", baseline=2000, least=0.8),
    ]

    header, quick, rate = budget.table(rows).splitlines()

    assert header.split()[0] == "WHAT"
    assert quick.split() == ["quick", "12.3", "ms", "<=", "15.0", "ms", "met"]
    assert rate.split() == ["rate", "1,500", "tasks/s", "bare", "2,000", "tasks/s", "0.75x", ">=", "0.8x", "MISSED"]


def test_the_table_as_json_says_ratio_and_verdict(budget: ModuleType) -> None:
    """Programs read the same as people."""
    told = json.loads(budget.as_json([budget.Row(what="a", measured=2.0, unit="s", baseline=1.0, most=3)]))

    assert [(row["what"], row["ratio"], row["met"]) for row in told] == [("a", 2.0, True)]


def test_medians_are_taken_figure_by_figure(budget: ModuleType) -> None:
    """A disturbed round moves neither figure."""
    assert budget.medians([{"a": 1, "b": 9}, {"a": 2, "b": 5}, {"a": 90, "b": 7}]) == {"a": 2, "b": 7}
