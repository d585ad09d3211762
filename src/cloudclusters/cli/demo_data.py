"""The demo's files: the catalog's own prices, one CSV file per region, and what was computed from them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cloudclusters.base.table import Cell, table
from cloudclusters.cli.demo_work import COLUMNS, RESULT, Result

if TYPE_CHECKING:
    from cloudclusters.catalog import Catalog

BAR = 40
"""Characters of the longest bar of a chart."""


def write_prices(catalog: Catalog, folder: Path) -> list[Path]:
    """Write every known on-demand price of the catalog, one file per provider and region; returns the files."""
    regions: dict[tuple[str, str], list[tuple[object, ...]]] = {}
    for candidate in catalog.offers([]):
        machine, offer = candidate.machine, candidate.offer
        if offer.hourly_usd is None or not offer.place.region:
            continue
        gpus = machine.accelerator_count if machine.accelerator_type == "GPU" else 0
        row = (
            offer.provider,
            offer.place.region,
            offer.instance_type,
            machine.vcpus,
            gpus,
            machine.accelerator_model if gpus else "",
            offer.hourly_usd,
        )
        regions.setdefault((offer.provider, offer.place.region), []).append(row)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for (provider, region), rows in sorted(regions.items()):
        files.append(folder / f"{provider}_{region}.csv")
        _write(files[-1], COLUMNS, rows)
    return files


def write_results(results: Iterable[Result], path: Path) -> None:
    """Write what was computed, one row per region."""
    _write(path, RESULT, [[result[column] for column in RESULT] for result in results])


def results_table(results: Sequence[Result], key: str, most: int) -> str:
    """The cheapest regions by one price, as a table."""
    ranked = by_price(results, key)[:most]
    kind = key.removesuffix("_usd") + "_instance_type"
    rows: list[list[Cell]] = [
        [n, r["provider"], r["region"], r[kind], f"{float(r[key]):.4f}", r["offers"]] for n, r in enumerate(ranked, 1)
    ]
    return table(["#", "provider", "region", "instance type", "USD", "offers"], rows)


def chart(results: Sequence[Result], key: str, most: int) -> str:
    """Bars of one price for the cheapest regions; and the dearest of all as a line."""
    ranked = by_price(results, key)
    chosen = ranked[:most]
    highest = max((float(result[key]) for result in chosen), default=0.0)
    width = max((len(_place(result)) for result in chosen), default=0)
    lines = []
    for result in chosen:
        value = float(result[key])
        bar = "#" * max(1, round(BAR * value / highest) if highest else 1)
        lines.append(f"{_place(result):<{width}}  {bar:<{BAR}}  {value:.4f}")
    if len(ranked) > most:
        lines.append(f"dearest of {len(ranked)}: {_place(ranked[-1])} {float(ranked[-1][key]):.4f}")
    return "\n".join(lines)


def _place(result: Result) -> str:
    return f"{result['provider']} {result['region']}"


def by_price(results: Iterable[Result], key: str) -> list[Result]:
    """The results that have this price, the lowest first; ties by provider and region."""
    known = [result for result in results if result[key] != ""]
    return sorted(known, key=lambda r: (float(r[key]), str(r["provider"]), str(r["region"])))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
