"""The demo's computation: what is cheapest in a file, by hand and against the catalog's own database."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cloudclusters.catalog import Catalog
from cloudclusters.cli.demo_data import by_price, chart, results_table, write_prices, write_results
from cloudclusters.cli.demo_work import COLUMNS, RESULT, cheapest


def _file(folder: Path, *rows: tuple[object, ...]) -> str:
    path = folder / "x_here.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return str(path)


def test_the_cheapest_share_wins(tmp_path: Path) -> None:
    """Price by vCPU and by whole GPU; a share of a GPU is not a GPU."""
    path = _file(
        tmp_path,
        ("x", "here", "small", 2, 0, "", 0.5),
        ("x", "here", "big", 16, 0, "", 2.0),
        ("x", "here", "gpu", 8, 4, "L4", 6.0),
        ("x", "here", "share", 4, 0.125, "L4", 0.9),
    )

    assert cheapest(path) == dict(zip(RESULT, ("x", "here", 4, 0.125, "big", 1.5, "gpu"), strict=True))


def test_a_region_without_gpus_has_no_gpu_price(tmp_path: Path) -> None:
    """Unknown stays empty."""
    result = cheapest(_file(tmp_path, ("x", "here", "small", 2, "", "", 0.5)))

    assert (result["gpu_hour_usd"], result["gpu_hour_instance_type"]) == ("", "")


def test_every_known_price_is_in_exactly_one_file(tmp_path: Path) -> None:
    """The files are the catalog, by region."""
    with Catalog.packaged() as catalog:
        files = write_prices(catalog, tmp_path)
        known = sum(
            price.usd is not None for name in ("g6.48xlarge", "t3.xlarge") for price in catalog.prices_of("ec2", name)
        )
    sold = [line.split(",")[2] for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    found = sold.count("g6.48xlarge") + sold.count("t3.xlarge")

    assert found == known > 20


def test_results_are_shown_in_order_of_price(tmp_path: Path) -> None:
    """Table, chart and file agree; a region without the price is left out."""
    results = [
        dict(zip(RESULT, ("x", "dear", 1, 0.5, "a", "", ""), strict=True)),
        dict(zip(RESULT, ("x", "cheap", 1, 0.25, "b", 1.0, "c"), strict=True)),
    ]
    write_results(results, tmp_path / "cheapest.csv")

    assert [row["region"] for row in by_price(results, "vcpu_hour_usd")] == ["cheap", "dear"]
    assert [row["region"] for row in by_price(results, "gpu_hour_usd")] == ["cheap"]
    assert results_table(results, "vcpu_hour_usd", 1).splitlines()[1].split()[:3] == ["1", "x", "cheap"]
    assert chart(results, "vcpu_hour_usd", 2).splitlines()[0].count("#") == 20
    assert len((tmp_path / "cheapest.csv").read_text().splitlines()) == 3


def test_a_chart_of_nothing_is_empty() -> None:
    """No region sells it."""
    assert chart([], "gpu_hour_usd", 8) == ""


@pytest.mark.parametrize("value", [0.0, 1e-9])
def test_a_chart_of_free_machines_does_not_divide_by_zero(value: float) -> None:
    """Local nodes cost nothing."""
    results = [dict(zip(RESULT, ("x", "here", 1, value, "a", "", ""), strict=True))]

    assert chart(results, "vcpu_hour_usd", 3).count("#") >= 1
