"""A plan in a few words, and by the words of the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cloudclusters.base.cloud import Market, Offer
from cloudclusters.base.table import usd

if TYPE_CHECKING:
    from cloudclusters.cli.console import Row
    from cloudclusters.contract.document import Plan


def price_of(plan: Plan) -> str:
    """The price per hour in a sentence."""
    if plan.hourly_usd is None:
        return "an unknown price per hour"
    return "nothing per hour" if plan.hourly_usd == 0 else f"${usd(plan.hourly_usd)} per hour"


def in_short(plan: Plan) -> str:
    """The plan in a few words: `4 x g6.48xlarge at ec2 in us-east-1`.

    Of a mix also the prices: `1 x t3.xlarge on demand at $0.1664 and 7 x t3.xlarge spot at $0.06 at ec2 in us-east-1`.
    """
    parts = bought([group for role in plan.roles for group in role.groups])
    place = plan.roles[0].offer.place
    where = f" in {place}" if place.region else ""
    return f"{parts} at {plan.provider}{where}"


def bought(parts: Sequence[tuple[Offer, int]]) -> str:
    """Machines and how many of them, with market and price where these differ."""
    mixed = len({offer.market for offer, _ in parts}) > 1
    return " and ".join(f"{count} x {offer.instance_type}{_at(offer) if mixed else ''}" for offer, count in parts)


def _at(offer: Offer) -> str:
    market = "on demand" if offer.market is Market.ON_DEMAND else offer.market.value
    return f" {market} at ${usd(offer.hourly_usd)}"


def plan_row(plan: Plan) -> Row:
    """The plan by the words of the package."""
    from cloudclusters.contract.estimate import estimate

    seen = estimate(plan)
    return {
        "contract": plan.contract,
        "digest": plan.digest,
        "cluster_type": plan.cluster_type.value,
        "provider": plan.provider,
        "engine": plan.engine,
        "environment": plan.environment,
        "nodes": plan.node_count,
        "hourly_usd": plan.hourly_usd,
        "disk_hourly_usd": seen.disk_usd,
        "address_hourly_usd": seen.address_usd,
        "expected_hourly_usd": seen.hourly_usd,
        "worst_case_usd": seen.worst_usd,
        "idle_usd": seen.idle_usd,
        "roles": [
            {
                "role": role.role,
                "nodes": count,
                "provider": offer.provider,
                "instance_type": offer.instance_type,
                "region": offer.place.region,
                "zone": offer.place.zone,
                "market": offer.market.value,
                "hourly_usd": offer.hourly_usd,
                "price_date": offer.price_date,
                "disk_bytes": role.disk_bytes,
                "rdma": role.rdma,
                "fallbacks": role.fallbacks,
            }
            for role in plan.roles
            for offer, count in role.groups
        ],
        "warnings": plan.warnings,
    }
