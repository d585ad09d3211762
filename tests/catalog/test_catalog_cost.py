"""What asking the catalog costs a program that does nothing else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from cloudclusters.catalog import Catalog
from cloudclusters.vocabulary import constrain, feature
asked = [(feature("node_memory_size"), constrain(feature("node_memory_size"), ">=512G"))]
with Catalog.packaged() as catalog:
    assert catalog.judge(asked) and catalog.offers(asked, most=1) and catalog.digest
print(*sorted(sys.modules))
"""


def test_asking_loads_nothing_heavy() -> None:
    """No event loop, no network, no engine and no data frame is loaded to say what fits."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)

    heavy = {"asyncio", "asyncssh", "boto3", "dask", "distributed", "hashlib", "numpy", "pandas", "rich", "ssl"}
    assert not heavy & set(done.stdout.split())
