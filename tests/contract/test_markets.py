"""The setting `market`: one of them, or any, whichever is cheaper."""

from __future__ import annotations

import pytest

from cloudclusters.base.cloud import Market
from cloudclusters.catalog import Catalog, MachineType, Price
from cloudclusters.contract.plan import plan
from cloudclusters.contract.resolution import ProviderFacts
from cloudclusters.contract.resolve import resolve
from cloudclusters.contract.text import from_texts
from cloudclusters.settings import Settings

FACTS = {"ec2": ProviderFacts(name="ec2", regions=("r",))}
CATALOG = Catalog.build(
    [MachineType("ec2", name, vcpus=4, spot=name != "never.large") for name in ("a.large", "b.large", "never.large")],
    [
        Price("ec2", "a.large", "r", 0.30, spot_usd=0.20),
        Price("ec2", "b.large", "r", 0.25, spot_usd=0.40),
        Price("ec2", "never.large", "r", 0.35),
    ],
)
SPOT, DEMAND = Market.SPOT, Market.ON_DEMAND


@pytest.mark.parametrize(
    ("market", "offers"),
    [
        ("on-demand", [("b.large", DEMAND), ("a.large", DEMAND), ("never.large", DEMAND)]),
        ("spot", [("a.large", SPOT), ("b.large", SPOT)]),
        (
            "any",
            [
                ("a.large", SPOT),
                ("b.large", DEMAND),
                ("a.large", DEMAND),
                ("never.large", DEMAND),
                ("b.large", SPOT),
            ],
        ),
    ],
)
def test_offers_of_the_markets_allowed_are_ranked_by_price(market: str, offers: list[tuple[str, Market]]) -> None:
    """And the plan's fallbacks are those that come next, of whatever market."""
    contract = from_texts(
        [f"market={market}", "on_demand_base=0"], handle="FXqElAnSeTEpQAm", created=1.0, catalog=CATALOG
    )
    found = resolve(contract, CATALOG, Settings(), providers=FACTS)
    (role,) = plan(found, contract, Settings(), FACTS).roles

    assert [(c.offer.instance_type, c.offer.market) for c in found.roles[0].choices] == offers
    assert [(o.instance_type, o.market) for o in (role.offer, *role.fallbacks)] == offers


def test_at_the_same_price_the_machine_on_demand_comes_first() -> None:
    """Whoever is asked first: another provider sells on the spot market alone at that price."""
    catalog = Catalog.build(
        [MachineType("ec2", "a.large", vcpus=4), MachineType("gcp", "b-large-4", vcpus=4)],
        [Price("ec2", "a.large", "r", 0.90, spot_usd=0.30), Price("gcp", "b-large-4", "s", 0.30, spot_usd=0.30)],
    )
    facts = {name: ProviderFacts(name=name, regions=(region,)) for name, region in (("ec2", "r"), ("gcp", "s"))}
    texts = ["market=any", "on_demand_base=0", "node_hourly_price<=0.3"]
    contract = from_texts(texts, handle="FXqElAnSeTEpQAm", created=1.0, catalog=catalog)
    orders = [
        [(c.offer.instance_type, c.offer.market) for c in found.roles[0].choices]
        for found in (
            resolve(contract, catalog, Settings(), providers=facts),
            resolve(contract, catalog, Settings(), providers=facts, policy=lambda _: 0),
        )
    ]

    assert orders == [[("a.large", SPOT), ("b-large-4", DEMAND), ("b-large-4", SPOT)]] * 2
