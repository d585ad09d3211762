"""The query of the benchmark, asked of the catalog: `python our_query.py` once, `python our_query.py warm` many times.

Prints JSON: the first answer and how many offers with a known price there are; warm also the median seconds of the
query with the file opened anew each time (`opened`), with the catalog kept open (`kept`), and of `cc.resolve` as a
user calls it (`resolve`: every type judged, all offers ranked, the resolution written to the store).
"""

import json
import sys
from collections.abc import Callable

from cloudclusters.catalog import Catalog
from cloudclusters.catalog.rows import Candidate
from cloudclusters.vocabulary import constrain, feature

ASKED = {
    "node_memory_size": ">=512G",
    "node_vcpus_count": ">=8",
    "accelerator_count": "8",
    "accelerator_architecture": "Ada",
}
RUNS = 15
DEMANDS = [(feature(name), constrain(feature(name), value)) for name, value in ASKED.items()]


def query() -> list[Candidate]:
    """Open the packaged snapshot and rank the offers of all regions."""
    with Catalog.packaged() as catalog:
        return catalog.offers(DEMANDS)


def main(warm: bool) -> None:
    """Ask, and tell."""
    offers = query()
    priced = sum(c.offer.hourly_usd is not None for c in offers)
    told: dict[str, object] = {"first": offers[0].offer.instance_type, "offers": priced}
    if warm:
        import cloudclusters as cc

        contract = cc.cluster(cluster_locale="any", **ASKED)
        told["opened"] = median(query)
        with Catalog.packaged() as catalog:
            told["kept"] = median(lambda: catalog.offers(DEMANDS))
        told["resolve"] = median(lambda: cc.resolve(contract))
    print(json.dumps(told))


def median(call: Callable[[], object]) -> float:
    """The median of some runs, after one that is not counted, in seconds."""
    import statistics
    import time

    call()
    found = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        call()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


if __name__ == "__main__":
    main(sys.argv[1:] == ["warm"])
