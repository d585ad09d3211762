"""Run the examples in `pmap`, `everywhere` and `fetchfrom`, which need a cluster, on one with fresh pids."""

from __future__ import annotations

import doctest
import sys

import cloudclusters as cc
from cloudclusters.api import computing


def main() -> int:
    """How many examples failed; each function's are run, in the order of the file."""
    runner = doctest.DocTestRunner()
    with cc.deploy(cc.cluster(node_count=2, node_provider="local"), resolve=True) as cluster:
        tests = doctest.DocTestFinder(exclude_empty=True).find(computing, extraglobs={"cc": cc, "cluster": cluster})
        for test in sorted((each for each in tests if each.examples), key=lambda each: each.lineno or 0):
            for example in test.examples:
                example.options.pop(doctest.SKIP, None)
                if not example.want:
                    example.source = f"_ = {example.source}"  # what it gives is not shown
            runner.run(test)
    print(f"{runner.tries} examples")
    return runner.failures


if __name__ == "__main__":
    sys.exit(main())
