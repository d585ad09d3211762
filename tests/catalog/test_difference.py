"""What is different between two catalogs, by rows that are known."""

from __future__ import annotations

import msgspec
import pytest

from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.catalog.difference import Repriced, difference

TYPES = [
    MachineType("ec2", "t3.micro", vcpus=2, source="a"),
    MachineType("ec2", "t3.large", vcpus=2),
    MachineType("ec2", "m5.large", vcpus=2),
    MachineType("gcp", "e2-medium", vcpus=2),
]
PRICES = [
    Price("ec2", "t3.micro", "r1", 0.1, 0.05, date="2026-01-01"),
    Price("ec2", "t3.micro", "r2", 0.2),
    Price("ec2", "m5.large", "r1", 1.0),
    Price("gcp", "e2-medium", "r1", 0.0),
]
LATER_TYPES = [
    MachineType("ec2", "t3.micro", vcpus=2, source="b"),
    MachineType("ec2", "t3.large", vcpus=4, clock_hz=10**9),
    MachineType("ec2", "t3.nano", vcpus=1),
    MachineType("gcp", "e2-medium", vcpus=2),
]
LATER_PRICES = [
    Price("ec2", "t3.micro", "r1", 0.15, 0.04, date="2026-02-01"),
    Price("ec2", "t3.micro", "r2", 0.2, date="2026-02-01"),
    Price("ec2", "t3.nano", "r1", 0.01),
    Price("gcp", "e2-medium", "r1", 0.5),
]
BEFORE, AFTER = Catalog.build(TYPES, PRICES), Catalog.build(LATER_TYPES, LATER_PRICES)


def test_types_and_prices() -> None:
    """Sources and days do not count; a price that was nothing rose most."""
    found = difference(BEFORE, AFTER)

    assert (found.new, found.gone) == ((("ec2", "t3.nano"),), (("ec2", "m5.large"),))
    assert [(c.instance_type, c.cells) for c in found.changed] == [
        ("t3.large", {"vcpus": (2, 4), "clock_hz": (None, 10**9)})
    ]
    assert [(p.instance_type, p.region, p.market, p.before_usd, p.after_usd) for p in found.up] == [
        ("e2-medium", "r1", "on-demand", 0.0, 0.5),
        ("t3.micro", "r1", "on-demand", 0.1, 0.15),
    ]
    assert [(p.market, p.after_usd, round(p.change, 6)) for p in found.down] == [("spot", 0.04, -0.2)]
    assert (found.new_prices, found.gone_prices) == (1, 1)
    assert msgspec.json.decode(msgspec.json.encode(found))["new_prices"] == 1


def test_the_same_is_no_difference(packaged: Catalog) -> None:
    """Of the whole snapshot with itself."""
    assert difference(packaged, packaged).is_empty
    assert not difference(BEFORE, AFTER).is_empty


@pytest.mark.parametrize(
    ("provider", "name", "types"),
    [("gcp", "", set()), ("ec2", "", {"t3.large"}), ("", "t3", {"t3.large"}), ("", "t3.micro", set())],
)
def test_of_one_provider_type_or_family(provider: str, name: str, types: set[str]) -> None:
    """What is not asked for is not told."""
    found = difference(BEFORE, AFTER, provider=provider, instance_type=name)

    assert {each.instance_type for each in found.changed} == types
    assert all(each.provider == (provider or each.provider) for each in (*found.up, *found.down))


def test_a_rise_is_a_share_of_the_price_before() -> None:
    """From nothing it is without bound."""
    moved = Repriced(provider="p", instance_type="t", region="r", market="spot", before_usd=2.0, after_usd=3.0)
    assert moved.change == 0.5
    assert msgspec.structs.replace(moved, before_usd=0.0).change == float("inf")
