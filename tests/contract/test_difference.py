"""What differs between contracts, and between plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import pytest

from cloudclusters.base.cloud import Market, Offer, Place
from cloudclusters.contract.difference import Difference, difference
from cloudclusters.contract.document import ClusterType, Contract, Plan, RolePlan
from cloudclusters.contract.plan import sealed
from cloudclusters.errors import InvalidContract

Contracts = Callable[..., Contract]
Cells = Mapping[str, tuple[str | None, str | None]]
PLACE = Place("us-east-1")


def found(given: Difference) -> dict[str, tuple[str | None, str | None]]:
    """The rows by name."""
    assert len(given) == len({each.what for each in given.entries})
    return {each.what: (each.before, each.after) for each in given.entries}


def test_contracts_differ_by_what_they_ask_for(contract: Contracts) -> None:
    """Counts, constraints, settings and flags, the cluster's own first, a role's with its name."""
    one = contract("node_count=2", "node_memory_size>=8G", "market=spot", "strict=true", "accelerator_count=1")
    other = contract(
        "cluster_type=ManagerWorkers",
        "accelerator_count=1",
        "node_memory_size>=16G",
        "node_count=4",
        "manager.node_machinetype=t3.xlarge",
        "manager.imageid=ami-1",
    )

    rows = found(difference(one, other))

    assert list(rows.items()) == [
        ("cluster_type", ("PeerWorkers", "ManagerWorkers")),
        ("node_count", ("2", "4")),
        ("node_memory_size", (">=8G", ">=16G")),
        ("strict", ("true", "false")),
        ("market", ("spot", None)),
        ("manager.node_machinetype", (None, "t3.xlarge")),
        ("manager.imageid", (None, "ami-1")),
    ]


def test_it_prints_as_a_table_and_as_a_sentence(contract: Contracts) -> None:
    """An absent value is `-`; nothing at all is said in words."""
    one, other = contract("node_count=2"), contract("node_count=4", "engine=none")

    assert str(difference(one, other)).split("\n") == [
        "From contract FXqElAnSeTEpQAm to FXqElAnSeTEpQAm:",
        "what        before  after",
        "node_count       2  4",
        "engine           -  none",
    ]
    assert str(difference(one, one)) == "The contracts FXqElAnSeTEpQAm and FXqElAnSeTEpQAm ask for the same"
    assert not difference(one, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["accelerator_architecture=Ada|Hopper"], ["accelerator_architecture=Hopper|Ada"]),
        (["accelerator_count<=2"], ["accelerator_count=0..2"]),
        (["strict=false", "cluster_type=PeerWorkers", "node_process_count=1"], ["node_count=1"]),
    ],
)
def test_contracts_that_are_equal_do_not_differ(contract: Contracts, one: list[str], other: list[str]) -> None:
    """A way of writing is no difference."""
    assert contract(*one) == contract(*other)
    assert not difference(contract(*one), contract(*other))


def plan(**changes: object) -> Plan:
    """Four machines on demand."""
    offer = Offer(provider="ec2", instance_type="t3.xlarge", place=PLACE, hourly_usd=0.1664)
    role = RolePlan(role="peer", count=4, offer=offer)
    made = Plan(contract="FXqElAnSeTEpQAm", cluster_type=ClusterType.PEER_WORKERS, provider="ec2", roles=(role,))
    return sealed(msgspec.structs.replace(made, **changes))


def test_plans_differ_by_what_they_come_to() -> None:
    """Machine, count, price, fallbacks, settings and warnings."""
    spot = Offer(
        provider="ec2",
        instance_type="g6.xlarge",
        place=PLACE,
        market=Market.SPOT,
        hourly_usd=0.25,
        on_demand_usd=1.5,
    )
    fallback = msgspec.structs.replace(spot, instance_type="g6.2xlarge")
    role = RolePlan(role="peer", count=8, offer=spot, fallbacks=(fallback,), steady_count=1, disk_bytes=200 << 30)

    rows = found(difference(plan(settings={"user": "me"}), plan(roles=(role,), image="ami-1", warnings=("old price",))))

    assert rows == {
        "instance_type": ("t3.xlarge", "g6.xlarge"),
        "nodes": ("4 on-demand", "1 on-demand + 7 spot"),
        "node_hourly_price": ("0.1664 USD/h", "1.50 USD/h and 0.2500 USD/h"),
        "fallbacks": ("none", "g6.2xlarge in us-east-1"),
        "root_disk": (None, "200 GiB"),
        "cluster_hourly_price": ("0.6656 USD/h", "3.25 USD/h"),
        "user": ("me", None),
        "image": (None, "ami-1"),
        "warning": (None, "old price"),
    }


def test_plans_of_roles_name_them() -> None:
    """A peer's machines against a manager's and its workers'."""
    offer = Offer(provider="ec2", instance_type="t3.xlarge", place=PLACE)
    roles = (RolePlan(role="manager", count=1, offer=offer), RolePlan(role="worker", count=4, offer=offer))
    other = plan(
        cluster_type=ClusterType.MANAGER_WORKERS,
        roles=roles,
        role_settings={"manager": {"imageid": "ami-1"}},
        catalog_digest="c" * 64,
    )

    rows = found(difference(plan(), other))

    assert rows["instance_type"] == ("t3.xlarge", None)
    assert rows["manager.nodes"] == (None, "1 on-demand")
    assert rows["worker.node_hourly_price"] == (None, "not known")
    assert rows["manager.imageid"] == (None, "ami-1")
    assert rows["catalog"] == (None, "c" * 12)


def test_the_contract_behind_a_plan_is_no_difference() -> None:
    """Two contracts that come to the same."""
    other = plan(contract="GXqElAnSeTEpQAm")

    assert other != plan()
    assert "come to the same" in str(difference(plan(), other))


def test_a_contract_and_a_plan_are_refused(contract: Contracts) -> None:
    """With what to write instead."""
    with pytest.raises(InvalidContract, match="cannot be compared") as caught:
        difference(contract("node_count=2"), plan())
    assert "cc.difference(cc.plan(contract), plan)" in caught.value.hint
