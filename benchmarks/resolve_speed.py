"""How long the catalog takes to say what fits, warm and as a whole process, against pandas on the same rows.

`python -m benchmarks.resolve_speed` prints the table; pandas is left out where it is not installed.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from cloudclusters.catalog import Catalog, Demand
from cloudclusters.vocabulary import constrain, feature

ASKED = {
    "node_memory_size": ">=512G",
    "node_vcpus_count": ">=8",
    "accelerator_count": "8",
    "accelerator_architecture": "Ada",
}
RUNS = 9
BUDGET_WARM_MS, BUDGET_PROCESS, BUDGET_PANDAS = 15, 15, 10

OURS = f"""
from cloudclusters.catalog import Catalog
from cloudclusters.vocabulary import constrain, feature
asked = [(feature(name), constrain(feature(name), value)) for name, value in {ASKED!r}.items()]
with Catalog.packaged() as catalog:
    catalog.judge(asked)
    print(catalog.offers(asked)[0].offer.instance_type)
"""

PANDAS = """
import json, statistics, sys, time
import pandas

def load():
    return pandas.read_csv(sys.argv[1]), pandas.read_csv(sys.argv[2])

def query(types, prices):
    met = [types.memory_bytes >= 512 * 2**30, types.vcpus >= 8, types.accelerator_count == 8,
           types.accelerator_architecture == "Ada"]
    fits = types[met[0] & met[1] & met[2] & met[3]]
    offers = fits.merge(prices, on=["provider", "instance_type"])
    ranked = offers.sort_values(["usd", "date", "region", "provider", "instance_type"],
                                ascending=[True, False, True, True, True])
    return list(ranked.itertuples(index=False))

def spent(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started

tables = load()
print(json.dumps({
    "first": query(*tables)[0].instance_type,
    "offers": len(query(*tables)),
    "hot": statistics.median(spent(lambda: query(*tables)) for _ in range(9)),
    "loaded": statistics.median(spent(lambda: query(*load())) for _ in range(5)),
}))
"""


def measure() -> dict[str, float]:
    """Medians in seconds: `python`, `process`, `warm`, `offers`, and those of `PANDAS_ROWS` where pandas is there.

    Raises `AssertionError` when pandas gives another answer.
    """
    asked = demands()
    found = {
        "python": median(lambda: python(["-c", "pass"])),
        "process": median(lambda: python(["-c", OURS])),
        "warm": median(lambda: ask(asked)),
        "offers": median(lambda: offer(asked)),
    }
    if importlib.util.find_spec("pandas") is None:
        return found
    with tempfile.TemporaryDirectory() as folder:
        types, prices = Path(folder, "types.csv"), Path(folder, "prices.csv")
        with Catalog.packaged() as catalog:
            write_csv(catalog, types, prices)
            answer = [c.offer.instance_type for c in catalog.offers(asked) if c.offer.hourly_usd is not None]
        started = time.perf_counter()
        python(["-c", "import sys\n" + PANDAS.split("tables = load()")[0] + "query(*load())", str(types), str(prices)])
        found["pandas"] = time.perf_counter() - started
        theirs: Mapping[str, float | str] = json.loads(python(["-c", PANDAS, str(types), str(prices)]))
    assert (theirs["first"], theirs["offers"]) == (answer[0], len(answer)), "pandas gives another answer"
    return found | {"pandas_loaded": float(theirs["loaded"]), "pandas_hot": float(theirs["hot"])}


def demands() -> list[Demand]:
    """The constraints of the benchmark."""
    return [(feature(name), constrain(feature(name), value)) for name, value in ASKED.items()]


def ask(asked: Sequence[Demand]) -> None:
    """Open the packaged catalog, judge every type, and fetch the offers of all regions."""
    with Catalog.packaged() as catalog:
        catalog.judge(asked)
        catalog.offers(asked)


def offer(asked: Sequence[Demand]) -> None:
    """Open the packaged catalog and fetch the offers of all regions: what pandas is asked for."""
    with Catalog.packaged() as catalog:
        catalog.offers(asked)


def write_csv(catalog: Catalog, types: Path, prices: Path) -> None:
    """The same rows, with all their columns, as pandas would be given them."""
    for path, rows in ((types, catalog.machine_types()), (prices, catalog.prices())):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(rows[0].__struct_fields__)
            writer.writerows(map(msgspec.structs.astuple, rows))


PANDAS_ROWS = {
    "pandas": "pandas, whole process",
    "pandas_loaded": "pandas, load and query",
    "pandas_hot": "pandas, rows in memory",
}


def python(arguments: Sequence[str]) -> str:
    """Run this interpreter and return what it prints."""
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def median(call: Callable[[], object]) -> float:
    """The median of some runs, in seconds."""
    spent = []
    for _ in range(RUNS):
        started = time.perf_counter()
        call()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def main() -> None:
    """Print what was measured beside the budgets."""
    found = measure()
    ratio = found["process"] / found["python"]
    print(f"resolve, warm            {found['warm'] * 1e3:7.1f} ms    budget {BUDGET_WARM_MS} ms")
    print(f"offers alone, warm       {found['offers'] * 1e3:7.1f} ms")
    print(f"resolve, whole process   {found['process'] * 1e3:7.1f} ms    {ratio:.1f}x python, budget {BUDGET_PROCESS}x")
    if "pandas" not in found:
        print("pandas is not installed: no comparison")
        return
    for name, title in PANDAS_ROWS.items():
        ours = found["process" if name == "pandas" else "offers"]
        budget = f", budget {BUDGET_PANDAS}x" if name == "pandas_loaded" else ""
        print(f"{title:24} {found[name] * 1e3:7.1f} ms    {found[name] / ours:.1f}x ours{budget}")


if __name__ == "__main__":
    main()
