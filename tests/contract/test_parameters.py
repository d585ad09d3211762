"""Keywords of contracts are checked by mypy: a misspelt feature is told before anything runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cloudclusters as cc
from cloudclusters.contract.build import parameter_names
from cloudclusters.contract.text import TABLE
from cloudclusters.settings.keys import SECTIONS

HEAD = """
import cloudclusters as cc
from cloudclusters import atleast, between, just, noneof, oneof

"""
GOOD = """
wish: cc.Parameters = dict(accelerator_count=just(8), node_memory_size="512G")
cc.cluster(**wish)
cc.cluster(
    node_count=8,
    node_memory_size=atleast("512G"),
    node_vcpus_count=between(8, 16),
    node_hourly_price=2.5,
    accelerator_architecture=oneof("Ada", "Hopper"),
    accelerator_arch="Ada",
    node_machinetype=noneof("t2"),
    cluster_locale=["us-east-1", "eu-west-1"],
    interconnection_RDMA=True,
    engine="dask",
    idle_timeout="30m",
    max_cost=20,
    tunneled=False,
    strict=True,
)
cc.cluster(
    cluster_type=cc.ManagerWorkers,
    manager=dict(node_machinetype="t3.xlarge", imageid="ami-1"),
    worker={"accelerator_count": 8},
)
cc.select(accelerator_architecture="Ada", node_memory_size=">=512G").names
cc.difference(cc.cluster(node_count=2), cc.load_contract("c.toml")).entries[0].what
"""
WRONG = {
    'cc.cluster(node_memroy_size="512G")': "Unexpected keyword argument",
    'cc.select(accelerator_achitecture="Ada")': "Unexpected keyword argument",
    "cc.cluster(accelerator_architecture=7)": "incompatible type",
    "cc.cluster(node_machinetype=[1, 2])": "incompatible type",
    "cc.cluster(node_memory_size=None)": "incompatible type",
    "cc.cluster(node_count=dict(a=1))": "incompatible type",
    "cc.cluster(engine=1)": "incompatible type",
    "cc.cluster(manager=dict(node_cuont=1))": "Extra key",
    "cc.cluster(worker=dict(region='x'))": "Extra key",
    "cc.cluster(manager=4)": "incompatible type",
}


PAGE = Path(__file__).parents[2] / "docs" / "guides" / "contracts-as-documents.md"


@pytest.mark.slow
def test_the_guide_s_examples_are_what_mypy_says(tmp_path: Path) -> None:
    """What it shows as right passes, and what it shows as wrong is told in these words."""
    section = PAGE.read_text(encoding="utf-8").partition("## In a type checker")[2]
    blocks = re.findall(r"```python[^\n]*\n(.*?)```", section, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    (tmp_path / "guide.py").write_text("import cloudclusters as cc\n" + "\n".join(lines), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "guide.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    wrong = {number: line.partition("# error: ")[2] for number, line in enumerate(lines, 2) if "# error: " in line}
    told = {int(line.split(":")[1]): line for line in done.stdout.splitlines() if ": error:" in line}
    assert len(wrong) == 2
    assert told.keys() == wrong.keys(), done.stdout
    assert [number for number, said in wrong.items() if said not in told[number]] == []


@pytest.mark.slow
def test_mypy_tells_a_wrong_keyword_and_lets_a_good_one_pass(tmp_path: Path) -> None:
    """Misspelt features, numbers where names belong, and parameters that a role does not have."""
    good, wrong = tmp_path / "good.py", tmp_path / "wrong.py"
    good.write_text(HEAD + GOOD, encoding="utf-8")
    wrong.write_text(HEAD + "\n".join(WRONG) + "\n", encoding="utf-8")
    first = HEAD.count("\n") + 1

    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", good, wrong],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    told = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line for line in told if not line.startswith("wrong.py:")] == []
    for number, (call, said) in enumerate(WRONG.items(), first):
        assert any(line.startswith(f"wrong.py:{number}: ") and said in line for line in told), (call, done.stdout)


def test_the_keywords_are_all_that_a_contract_may_hold() -> None:
    """The module is made from the same tables as the schema of a contract's file."""
    properties = cc.contract_schema()["properties"]
    assert isinstance(properties, dict)

    assert set(parameter_names()) <= set(cc.Parameters.__annotations__)
    assert set(cc.Parameters.__annotations__) == set(properties) - {TABLE, *SECTIONS}
