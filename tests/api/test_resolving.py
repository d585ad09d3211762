"""What resolving a contract keeps in the store, and what it does not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import cloudclusters as cc
from cloudclusters.api.session import session
from cloudclusters.catalog import Catalog, MachineType, Price, Region, stored
from cloudclusters.contract.resolution import Choice

pytestmark = pytest.mark.usefixtures("home")


def test_what_a_call_says_of_strict_is_not_kept_in_the_contract() -> None:
    """The contract under a handle never changes."""
    contract = cc.cluster(node_provider="ec2", node_machinetype="t3.xlarge", cluster_locale="us-east-1")
    cc.resolve(contract, strict=True)
    assert session().store.contract(contract.handle) == contract


def test_policy_that_is_no_function_is_told_what_to_write() -> None:
    """A name belongs into the contract, and nothing else will do."""
    contract = cc.cluster(node_provider="ec2", node_machinetype="t3.xlarge")
    with pytest.raises(cc.errors.InvalidContract, match="is a function here") as caught:
        cc.resolve(contract, policy="tightest")  # type: ignore[call-overload]  # what is wrong
    assert "policy='tightest'" in caught.value.hint
    with pytest.raises(cc.errors.InvalidContract, match="not 5"):
        cc.resolve(contract, policy=5)  # type: ignore[call-overload]  # what is wrong


def test_explain_says_when_the_resolution_was_ranked_by_a_function() -> None:
    """Which it cannot ask again."""

    def dearest(choice: Choice) -> float:
        return -(choice.cluster_usd or 0.0)

    contract = cc.cluster(node_provider="ec2", node_machinetype="t3", cluster_locale="us-east-1")
    assert not [each for each in cc.explain(contract).outcome if "ranked by" in each]
    assert cc.resolve(contract, policy=dearest).best.offer.instance_type == "t3.2xlarge"
    assert "dearest()" in cc.explain(contract).outcome[-1]


def test_region_that_only_a_refresh_knows_may_be_named(home: Path) -> None:
    """It lies where its neighbours by name do; the relaxation that names it can be written, too."""
    with Catalog.packaged() as packaged:
        known = stored.content_of(packaged)
    more = msgspec.structs.replace(
        known,
        types=(*known.types, MachineType("ec2", "new.large", vcpus=2)),
        prices=(*known.prices, Price("ec2", "new.large", "eu-north-9", 0.1)),
        regions=(*known.regions, Region("ec2", "eu-north-9")),
    )
    stored.write(home, more, origin="a refresh")
    for place in ("eu-north-9", "Europe"):
        found = cc.resolve(cc.cluster(node_machinetype="new.large", cluster_locale=place))
        assert found.best.offer.place.region == "eu-north-9"
    with pytest.raises(cc.errors.NoMatch) as caught:
        cc.resolve(cc.cluster(node_machinetype="new.large", cluster_locale="us-east-1"))
    assert caught.value.relaxations[0].instead == {"cluster_locale": "cluster_locale=eu-north-9"}
