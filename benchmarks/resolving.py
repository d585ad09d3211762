"""How quickly the catalog says what fits, against pandas asked the same of the same rows.

The reading of "at least 10x faster than the same query in pandas" is: the same query, from the same data on disk to
the answer, in a process of the same state. So a whole process stands against a whole process, and a process that has
everything imported against one that has. The budget is judged where both are warm and read the rows as text came to
them; whole processes have their own budget, and what pandas keeps prepared (a pickle, tables in memory) is shown too.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import tempfile
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.budget import Row, medians
from benchmarks.taking_turns import PYTHON, measure, run
from cloudclusters.catalog import Catalog

ROUNDS, WARM_ROUNDS = 5, 3
WARM_S, PROCESS, QUICKER = 0.015, 15, 10
_HERE = Path(__file__).parent
OURS, THEIRS = (str(_HERE / name) for name in ("our_query.py", "pandas_query.py"))


def rows() -> list[Row]:
    """Cold, warm, and both against pandas where it is installed; raises when pandas gives another answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = partial(run, (PYTHON, OURS), folder)
        if importlib.util.find_spec("pandas") is None:
            cold = measure({"python": partial(run, (PYTHON, "-c", "pass"), folder), "ours": ours}, ROUNDS)
            return _ours(cold, warm(folder, OURS, "warm"))
        write_csv(folder)
        theirs = partial(run, (PYTHON, THEIRS, name), folder)
        calls = {"python": partial(run, (PYTHON, "-c", "pass"), folder), "ours": ours, "pandas": theirs}
        assert json.loads(ours()) == json.loads(theirs()), "pandas gives another answer"
        cold = measure(calls, ROUNDS)
        turns = [(warm(folder, OURS, "warm"), warm(folder, THEIRS, name, "warm")) for _ in range(WARM_ROUNDS)]
        mine, pandas = (medians(each) for each in zip(*turns, strict=True))
        return _ours(cold, mine) + _against_pandas(cold, mine, pandas)


def warm(folder: Path, *argv: str) -> dict[str, float]:
    """What a query program says of its own warm runs."""
    told = json.loads(run((PYTHON, *argv), folder))
    return {name: float(value) for name, value in told.items() if name != "first"}


def _ours(cold: dict[str, float], mine: dict[str, float]) -> list[Row]:
    return [
        Row(
            what="catalog query, whole process",
            measured=cold["ours"],
            unit="s",
            against="python -c pass",
            baseline=cold["python"],
            most=PROCESS,
        ),
        Row(what="cc.resolve, warm, written to the store", measured=mine["resolve"], unit="s", most=WARM_S),
        Row(what="catalog query, warm, file opened anew", measured=mine["opened"], unit="s", most=WARM_S),
    ]


def _against_pandas(cold: dict[str, float], mine: dict[str, float], pandas: dict[str, float]) -> list[Row]:
    pairs = (
        ("catalog query, whole process", cold["ours"], "pandas, CSV, whole process", cold["pandas"], None),
        ("catalog query, warm, file opened anew", mine["opened"], "pandas, CSV, warm", pandas["csv"], QUICKER),
        ("catalog query, warm, file opened anew", mine["opened"], "pandas, pickle, warm", pandas["pickle"], None),
        ("catalog query, warm, kept open", mine["kept"], "pandas, tables in memory", pandas["kept"], None),
    )
    return [
        Row(what=what, measured=took, unit="s", against=against, baseline=base, faster=True, least=least)
        for what, took, against, base, least in pairs
    ]


def write_csv(folder: Path) -> None:
    """The same rows, with all their columns, as pandas would be given them."""
    with Catalog.packaged() as catalog:
        for name, found in (("types", catalog.machine_types()), ("prices", catalog.prices())):
            with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(found[0].__struct_fields__)
                writer.writerows(map(msgspec.structs.astuple, found))
