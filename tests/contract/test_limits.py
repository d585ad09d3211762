"""Limits: where they may be named, which of them counts, and how they are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudclusters.base.limits import AtLimit, Limits
from cloudclusters.catalog import Catalog
from cloudclusters.contract.document import Contract, Plan
from cloudclusters.contract.limits import limits_text, plan_limits, written
from cloudclusters.contract.plan import plan, with_limits
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import resolve
from cloudclusters.errors import InvalidSetting
from cloudclusters.settings import Settings

EC2 = {"ec2": ProviderFacts(name="ec2", installed=True, cloud=True)}


@pytest.fixture
def limited(contract: Callable[..., Contract], readme: Catalog, tmp_path: Path) -> Callable[..., Plan]:
    """A plan for one t3.xlarge by this file, these variables, and these words of the contract."""

    def planned(*texts: str, file: str = "", **variables: str) -> Plan:
        (tmp_path / "cloudclusters.toml").write_text(file)
        settings = Settings.load(cwd=tmp_path, environ={"CLOUDCLUSTERS_HOME": "/nowhere", **variables})
        asked = contract("node_machinetype=t3.xlarge", "region=us-east-1", *texts)
        return plan(resolve(asked, readme, settings, providers=EC2), asked, settings, EC2)

    return planned


def test_call_before_contract_before_variable_before_file(limited: Callable[..., Plan]) -> None:
    """Each limit comes from the nearest place that names it; none needs another."""
    made = limited(
        "max_lifetime=3h",
        file='[defaults]\nidle_timeout = "4m"\nmax_lifetime = "4h"\nmax_cost = 4\nat_limit = "stop"\n',
        CLOUDCLUSTERS_EC2_MAX_COST="$3.50",
        CLOUDCLUSTERS_EC2_MAX_LIFETIME="2h",
    )

    assert plan_limits(made) == Limits(idle_timeout=240, max_lifetime=3 * 3600, max_cost=3.5, at_limit=AtLimit.STOP)
    called = with_limits(made, {"max_lifetime": 90, "idle_timeout": None, "max_cost": "off"})
    assert plan_limits(called) == Limits(max_lifetime=90, at_limit=AtLimit.STOP)
    assert called.digest != made.digest


def test_the_default_is_an_hour_without_use(limited: Callable[..., Plan]) -> None:
    """Where machines cost money; and the plan says it before the yes."""
    made = limited()

    assert plan_limits(made) == Limits(idle_timeout=3600)
    assert "lets go by itself after 1h without use: machines and disks are deleted" in str(made)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(), "runs until you terminate it"),
        (Limits(idle_timeout=3600, max_cost=20), "after 1h without use or at $20 (in 6h40m): machines and disks are"),
        (Limits(max_lifetime=8 * 3600, at_limit=AtLimit.STOP), "8h after its deploy: machines stop"),
    ],
)
def test_limits_in_a_sentence(limits: Limits, said: str) -> None:
    """When each strikes at this price, and what becomes of the machines."""
    assert said in limits_text(limits, 3.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"idle_timeout": "soon"}, "deploy: idle_timeout: 'soon' is not a length of time above 0"),
        ({"max_lifetime": -5}, "max_lifetime: '-5'"),
        ({"max_cost": "0"}, "max_cost: '0' is not an amount"),
        ({"max_cost": True}, "max_cost"),
        ({"at_limit": "explode"}, "at_limit must be 'terminate' or 'stop'"),
        ({"idle_timout": "2h"}, "did you mean 'idle_timeout'"),
    ],
)
def test_what_is_no_limit_is_told(options: dict[str, object], said: str) -> None:
    """With its name and what to write instead."""
    with pytest.raises(InvalidSetting, match="deploy: ") as caught:
        written(options, "deploy")
    assert said in caught.value.message


def test_a_wrong_limit_in_a_file_is_told_with_its_place(limited: Callable[..., Plan]) -> None:
    """File, line and key."""
    with pytest.raises(InvalidSetting, match=r"cloudclusters.toml:3.*max_lifetime"):
        limited(file='[defaults]\nengine = "dask"\nmax_lifetime = "long"\n')
