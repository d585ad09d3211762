"""The same query in pandas: `python pandas_query.py FOLDER` once, with `warm` many times.

The folder holds the catalog's types and prices with all their columns, as CSV and as pickles, which pandas reads
quickest. Prints JSON as `our_query.py`: warm the median seconds of reading and asking (`csv`, `pickle`), and of asking
alone with the tables in memory (`kept`).
"""

import json
import sys
from pathlib import Path

import pandas


def read(folder: Path, form: str) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Both tables."""
    if form == "csv":
        return pandas.read_csv(folder / "types.csv"), pandas.read_csv(folder / "prices.csv")
    return pandas.read_pickle(folder / "types.pickle"), pandas.read_pickle(folder / "prices.pickle")


def query(types: pandas.DataFrame, prices: pandas.DataFrame) -> list[tuple[object, ...]]:
    """Rank the offers of all regions."""
    fits = types[
        (types.memory_bytes >= 512 * 2**30)
        & (types.vcpus >= 8)
        & (types.accelerator_count == 8)
        & (types.accelerator_architecture == "Ada")
    ]
    offers = fits.merge(prices, on=["provider", "instance_type"])
    ranked = offers.sort_values(
        ["usd", "date", "region", "provider", "instance_type"], ascending=[True, False, True, True, True]
    )
    return list(ranked.itertuples(index=False, name=None))


def main(folder: Path, warm: bool) -> None:
    """Ask, and tell."""
    tables = read(folder, "csv")
    offers = query(*tables)
    first = offers[0][list(tables[0].columns).index("instance_type")]
    told: dict[str, object] = {"first": first, "offers": len(offers)}
    if warm:
        from our_query import median  # type: ignore[import-not-found]  # a script: its folder is on the path

        for table, name in zip(tables, ("types", "prices"), strict=True):
            table.to_pickle(folder / f"{name}.pickle")
        for form in ("csv", "pickle"):
            told[form] = median(lambda form=form: query(*read(folder, form)))
        told["kept"] = median(lambda: query(*tables))
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] == ["warm"])
